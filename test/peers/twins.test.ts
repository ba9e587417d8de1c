import { describe, expect, it } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import type { PeerAddress, PeerRequest, PeerTransport } from '../../src/core/peer-calls.ts';
import { MemberTable } from '../../src/peers/member-table.ts';
import { Twins } from '../../src/peers/twins.ts';
import { ManualTimers } from '../manual-timers.ts';
import { FixedClock, RecordingLogger } from '../store/harness.ts';

interface ProcessOptions {
  readonly id?: string;
  readonly address: string;
  readonly storeId?: string;
  readonly process?: string;
  readonly startedAt?: number;
  /** What the folder holds; undefined for a new one. */
  readonly saved?: Uint8Array | undefined;
}

/** The process of a node: its table, and who answers at which address. */
class TestProcess {
  readonly logger = new RecordingLogger();
  readonly ends: string[] = [];
  readonly asked: string[] = [];
  readonly table: MemberTable;
  readonly twins: Twins;
  saved: Uint8Array | undefined;

  constructor(net: Map<string, TestProcess>, options: ProcessOptions) {
    const { id = 'n1', address, storeId = 'store', process = `at ${address}`, startedAt = 1 } = options;
    const { logger } = this;
    this.table = new MemberTable({
      self: { id, address: '', storeId, joinedTimestamp: 1 },
      clock: new FixedClock(),
      timers: new ManualTimers(),
      logger,
      saved: options.saved,
      forgetAfterMs: 0,
      save: async (bytes) => void (this.saved = bytes),
    });
    const call = async (to: PeerAddress, name: 'twin', request: PeerRequest<'twin'>) => {
      this.asked.push(`${to.address} ${name}`);
      const target = net.get(to.address);
      if (target === undefined) throw new KvsError('KVS_PEER_UNREACHABLE', 'nobody');
      return target.twins.answer(request);
    };
    const transport = { call } as unknown as PeerTransport;
    const onElder = ({ code, message }: KvsError) => void this.ends.push(`${code} ${message}`);
    this.twins = new Twins({
      members: this.table,
      transport,
      logger,
      process,
      startedAt,
      place: address,
      onElder,
    });
  }

  /** What the folder holds by now. */
  async folder(): Promise<Uint8Array | undefined> {
    await this.table.saved();
    return this.saved;
  }

  get warnings(): readonly string[] {
    return this.logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
  }
}

/** Processes by the address at which they answer. */
class Net extends Map<string, TestProcess> {
  /** A process that does not serve yet. */
  prepare(options: ProcessOptions): TestProcess {
    return new TestProcess(this, options);
  }

  serve(options: ProcessOptions): TestProcess {
    const process = this.prepare(options);
    process.table.setAddress(options.address);
    this.set(options.address, process);
    return process;
  }
}

const startOf = (process: TestProcess): Promise<string | undefined> =>
  process.twins.refuseStart().then(
    () => undefined,
    (error: KvsError) => `${error.code} ${error.message}`,
  );

/** Two that serve one store at a and b hear of each other, until both have heard the answers. */
async function meet(a: TestProcess, b: TestProcess): Promise<void> {
  for (let round = 0; round < 3; round++) {
    a.table.merge(b.table.news());
    b.table.merge(a.table.news());
    for (let tick = 0; tick < 10; tick++) await Promise.resolve();
  }
}

describe('a start', () => {
  it('on a folder that was never served asks nobody', async () => {
    const process = new Net().prepare({ address: 'a:1' });
    expect(await startOf(process)).toBeUndefined();
    expect(process.asked).toEqual([]);
  });

  it.each([
    ['the same id', 'n1', 'b:1'],
    ['another id', 'n2', 'b:1'],
    ['the same id and a copied configuration', 'n1', 'a:1'],
  ])('on a copy of a folder that is served is refused, under %s', async (_, id, address) => {
    const net = new Net();
    const original = net.serve({ address: 'a:1' });
    const saved = await original.folder();
    expect(await startOf(net.prepare({ id, address, saved }))).toBe(
      `KVS_STORE_IN_USE The data folder of this node (${id}, ${address}) is a copy of one that n1 serves at a:1: ` +
        'start this node on an empty folder and let it join, or stop the other one',
    );
    expect([original.ends, original.warnings]).toEqual([[], []]);
  });

  it('is refused again as long as the original is served, and by no later one', async () => {
    const net = new Net();
    const original = net.serve({ address: 'a:1' });
    const first = net.prepare({ address: 'b:1', saved: await original.folder() });
    expect(await startOf(first)).toContain('KVS_STORE_IN_USE');
    const second = net.prepare({ address: 'b:1', saved: await first.folder() });
    expect(await startOf(second)).toContain('KVS_STORE_IN_USE');
    net.delete('a:1');
    expect(await startOf(second)).toBeUndefined();
  });

  it('is refused where the folder has become a new store because its end may be lost', async () => {
    const net = new Net();
    const original = net.serve({ address: 'a:1' });
    const saved = await original.folder();
    const copy = net.prepare({ address: 'b:1', storeId: 'store-2', saved });
    expect(await startOf(copy)).toContain('KVS_STORE_IN_USE');
    const again = net.prepare({ address: 'b:1', storeId: 'store-2', saved: await copy.folder() });
    expect(await startOf(again)).toContain('KVS_STORE_IN_USE');
  });

  it('is not refused where another node has the address now', async () => {
    const net = new Net();
    const saved = await net.serve({ address: 'a:1' }).folder();
    net.serve({ id: 'n2', address: 'a:1', storeId: 'another' });
    expect(await startOf(net.prepare({ address: 'b:1', saved }))).toBeUndefined();
  });
});

describe('two processes that serve one store', () => {
  it.each([
    ['under one id', 'n1'],
    ['under two', 'n2'],
  ])('find out when they hear of each other, and the one that started later ends, %s', async (_, id) => {
    const net = new Net();
    const elder = net.serve({ address: 'a:1', startedAt: 1 });
    const younger = net.serve({ id, address: 'b:1', startedAt: 2, saved: await elder.folder() });
    await meet(elder, younger);
    expect(elder.ends).toEqual([]);
    expect(elder.warnings).toEqual([
      'A copy of the data folder of this node was started; it is told to stop',
    ]);
    expect(younger.ends).toEqual([expect.stringMatching(`KVS_STORE_IN_USE .*${id}, b:1.* n1 serves at a:1`)]);
    expect([elder.table.hasYielded, younger.table.hasYielded]).toEqual([false, true]);
    // It asks the one that stays before it serves again.
    const saved = await younger.folder();
    expect(await startOf(net.prepare({ id, address: 'b:1', saved }))).toContain('KVS_STORE_IN_USE');
  });

  it('end one, and only one, where both started in the same millisecond', async () => {
    const net = new Net();
    const a = net.serve({ address: 'a:1', process: 'x' });
    const b = net.serve({ address: 'b:1', process: 'w', saved: await a.folder() });
    await meet(a, b);
    expect([a.ends.length, b.ends.length]).toEqual([1, 0]);
  });

  it.each(['a:1', 'b:1'])('end the later one also where nobody reaches %s', async (unreachable) => {
    const net = new Net();
    const elder = net.serve({ address: 'a:1', startedAt: 1 });
    const younger = net.serve({ address: 'b:1', startedAt: 2, saved: await elder.folder() });
    net.delete(unreachable);
    await meet(elder, younger);
    expect([elder.ends.length, younger.ends.length]).toEqual([0, 1]);
  });

  it('that reach each other in no direction go on, and say once that something is wrong', async () => {
    const net = new Net();
    const elder = net.serve({ address: 'a:1', startedAt: 1 });
    const younger = net.serve({ address: 'b:1', startedAt: 2, saved: await elder.folder() });
    net.clear();
    await meet(elder, younger);
    const warning = 'The cluster also knows this node at an address where it does not answer';
    expect([elder, younger].map(({ ends, warnings }) => [ends, warnings])).toEqual([
      [[], [warning]],
      [[], [warning]],
    ]);
  });
});

describe('a node that serves alone', () => {
  it('under two addresses does not take itself for another one', async () => {
    const net = new Net();
    const process = net.serve({ address: 'a:1' });
    net.set('alias:1', process);
    const { id, storeId, joinedTimestamp, incarnation } = process.table.self;
    const record = { id, storeId, joinedTimestamp, address: 'alias:1', state: 'alive' } as const;
    process.table.merge({ records: [{ ...record, incarnation: incarnation + 1 }], forgotten: [] });
    for (let tick = 0; tick < 10; tick++) await Promise.resolve();
    expect(process.asked).toEqual(['alias:1 twin']);
    expect([process.ends, process.warnings]).toEqual([[], []]);
  });

  it('and hears that it was given up at its former address asks nobody', async () => {
    const net = new Net();
    const process = net.serve({ address: 'a:1' });
    const { id, storeId, joinedTimestamp, incarnation } = process.table.self;
    const record = { id, storeId, joinedTimestamp, address: 'old:1', state: 'dead' } as const;
    process.table.merge({ records: [{ ...record, incarnation: incarnation + 1 }], forgotten: [] });
    expect(process.asked).toEqual([]);
  });
});
