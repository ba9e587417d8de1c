import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import type { Level } from '../../src/store/level.ts';
import { audit } from './audit.ts';
import { foreign, openTestStore, path, put, text } from './harness.ts';

/** A level whose next batches and reads can be made to fail, or to wait. */
class FaultyLevel extends MemoryLevel<Uint8Array, Uint8Array> {
  batchFailures: unknown[] = [];
  readFailures: unknown[] = [];
  readGates: Promise<void>[] = [];
  gate: Promise<void> | undefined;
  syncGate: Promise<void> | undefined;
  batches = 0;

  constructor() {
    super({ storeEncoding: 'view' });
  }

  async _batch(operations: unknown, options: { readonly onWritten?: () => void }): Promise<void> {
    this.batches++;
    await this.gate;
    const failure = this.batchFailures.shift();
    if (failure !== undefined) throw failure;
    // @ts-expect-error: the private method of the base class has no type
    await super._batch(operations, options);
    if (this.syncGate === undefined) return;
    options.onWritten?.();
    await this.syncGate;
  }

  // oxlint-disable-next-line typescript/no-explicit-any
  async _getMany(...args: any[]): Promise<unknown> {
    const failure = this.readFailures.shift();
    if (failure !== undefined) throw failure;
    // @ts-expect-error: the private method of the base class has no type
    const values: unknown = await super._getMany(...args);
    await this.readGates.shift();
    return values;
  }
}

/** A promise that is settled from outside. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

const full = () => new KvsError('KVS_STORAGE_FULL', 'No space is left');

async function open(overrides: Parameters<typeof openTestStore>[1] = {}) {
  const level = new FaultyLevel();
  const failures: KvsError[] = [];
  const opened = await openTestStore(level as unknown as Level, {
    onFailure: (error) => failures.push(error),
    ...overrides,
  });
  return { ...opened, level, failures };
}

describe('a commit', () => {
  it.each([true, false])(
    'is told to listeners of writes before it is durable, and only then to others; the level tells: %s',
    async (tells) => {
      const { store, level } = await open();
      const syncing = gate();
      if (tells) level.syncGate = syncing.opened;
      const told: string[] = [];
      const written = gate();
      const stop = store.onWrite(({ changes, sequence }) => {
        told.push(...changes.map((change) => `${change.path} written after ${store.sequence}`));
        expect(sequence).toBeGreaterThan(store.sequence);
        written.open();
      });
      store.onCommit(({ sequence }) => told.push(`${sequence} committed`));
      const writing = store.write([put('a', '1'), put('b', '1')]).then(() => told.push('acknowledged'));
      await written.opened;
      expect(told).toEqual(['a written after 0', 'b written after 0']);
      syncing.open();
      await writing;
      expect(told.slice(2)).toEqual([`${store.sequence} committed`, 'acknowledged']);
      stop();
      await store.write([put('c', '1')]);
      expect(told.at(-1)).toBe(`${store.sequence} committed`);
      await store.close();
    },
  );
});

describe('a failed commit', () => {
  it('reaches its callers, leaves no trace in memory, and the disk is asked again when it was only full', async () => {
    const { store, level, failures } = await open();
    await store.whenDigestsReady();
    await store.write([put('k', '1')]);
    const before = { root: store.rootDigest(), sequence: store.sequence };
    level.batchFailures.push(full());
    await expect(store.write([put('k', '2')])).rejects.toMatchObject({ code: 'KVS_STORAGE_FULL' });
    expect(text(store.peek(path('k')))).toBe('1');
    expect(store.rootDigest()).toEqual(before.root);
    expect(store.sequence).toBe(before.sequence);
    expect(failures).toHaveLength(1);
    expect(await store.write([put('k', '3')])).toMatchObject([{ outcome: 'replaced' }]);
    expect(store.rootDigest()).toEqual((await audit(level as unknown as Level)).tree.root());
    await store.close();
  });

  it('is logged once in a while, however many there are, and so is the recovery', async () => {
    let recoveries = 0;
    const { store, level, failures, logger } = await open({ onRecovery: () => recoveries++ });
    for (let i = 0; i < 5; i++) {
      level.batchFailures.push(full());
      await expect(store.write([put('k', '1')])).rejects.toMatchObject({ code: 'KVS_STORAGE_FULL' });
    }
    expect([failures.length, logger.lines.filter((line) => line.level === 'error').length]).toEqual([5, 1]);
    await store.write([put('k', '2'), put('l', '2')]);
    await store.write([put('k', '3')]);
    expect(recoveries).toBe(1);
    expect(logger.lines.at(-1)).toEqual({ level: 'info', message: 'The storage takes writes again' });
    await store.close();
  });

  it('takes with it what was built on it, and nothing more', async () => {
    const { store, level } = await open();
    await store.whenDigestsReady();
    let openGate = (): void => undefined;
    level.gate = new Promise((resolve) => (openGate = resolve));
    level.batchFailures.push(full());
    const first = store.write([put('k', 'first'), put('other', '1')]);
    while (level.batches === 0) await new Promise(setImmediate);
    // More than a pipelined group: it is made ready while the first is still being written.
    const second = store.write(
      Array.from({ length: 1500 }, (_, i) => put(i % 2 === 0 ? 'k' : `k${i}`, String(i))),
    );
    const settled = Promise.allSettled([first, second]);
    await new Promise(setImmediate);
    openGate();
    const [firstResult, secondResult] = await settled;
    expect(firstResult.status).toBe('rejected');
    expect(secondResult.status).toBe('rejected');
    expect(await store.write([put('k', 'third')])).toMatchObject([{ version: { deleted: false } }]);
    expect(text(await store.get(path('k')))).toBe('third');
    const { missing, stray, tree, versions } = await audit(level as unknown as Level);
    expect([missing, stray]).toEqual([[], []]);
    expect(store.rootDigest()).toEqual(tree.root());
    expect(text(versions.get(path('k')))).toBe('third');
    await store.close();
  });

  it('leaves what the group before it made durable, though it was built on that', async () => {
    const { store, level } = await open();
    let openGate = (): void => undefined;
    level.gate = new Promise((resolve) => (openGate = resolve));
    level.batchFailures.push(undefined, full());
    const first = store.write([put('k', 'first')]);
    while (level.batches === 0) await new Promise(setImmediate);
    const second = store.write(
      Array.from({ length: 1500 }, (_, i) => put(i === 0 ? 'k' : `k${i}`, String(i))),
    );
    const settled = Promise.allSettled([first, second]);
    // The second group is made ready meanwhile.
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    openGate();
    expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(text(store.peek(path('k')))).toBe('first');
    expect(text(await store.get(path('k')))).toBe('first');
    await store.close();
  });

  it('leaves what was durable already, though its writers had not heard of it when the next group was begun', async () => {
    const { store, level } = await open();
    const gates = [gate(), gate()];
    level.gate = gates[0]?.opened;
    level.batchFailures.push(undefined, new Error('EIO: the sync failed'));
    const first = store.write([put('k', 'first')]);
    while (level.batches === 0) await new Promise(setImmediate);
    level.gate = gates[1]?.opened;
    const second = store.write([put('k', 'second')]);
    gates[0]?.open();
    expect(await first).toMatchObject([{ outcome: 'created' }]);
    expect([level.batches, text(store.peek(path('k')))]).toEqual([2, 'first']);
    gates[1]?.open();
    await expect(second).rejects.toMatchObject({ code: 'KVS_STORAGE_FAILED' });
    expect(text(store.peek(path('k')))).toBe('first');
    expect(text(await store.get(path('k')))).toBe('first');
    await store.close();
  });

  it('of unknown outcome makes the store refuse every later write, while reads go on', async () => {
    const { store, level } = await open();
    await store.write([put('k', '1')]);
    level.batchFailures.push(new Error('EIO: the sync failed'));
    await expect(store.write([put('k', '2')])).rejects.toMatchObject({ code: 'KVS_STORAGE_FAILED' });
    await expect(store.write([put('a', '1')])).rejects.toMatchObject({ code: 'KVS_STORAGE_FAILED' });
    await expect(store.setNote('n', undefined)).rejects.toMatchObject({ code: 'KVS_STORAGE_FAILED' });
    expect(text(await store.get(path('k')))).toBe('1');
    await store.close();
  });
});

describe('a write that can get no stamp', () => {
  it('is refused alone: what came with it and what comes later is stored', async () => {
    const { store } = await open();
    const last = { timestamp: limits.timestampMsMax, counter: limits.counterMax };
    await store.merge([{ path: path('poisoned'), version: foreign(last) }]);
    const [refused, kept] = await Promise.allSettled([
      store.write([put('poisoned', '1')]),
      store.write([put('k', '2')]),
    ]);
    expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'KVS_STORAGE_FAILED' } });
    expect(kept).toMatchObject({ status: 'fulfilled' });
    expect(await store.write([put('k', '3')])).toMatchObject([{ outcome: 'replaced' }]);
    await store.close();
  });
});

describe('an acknowledgement', () => {
  it('waits for the commit of its own group and of no other', async () => {
    const { store, level } = await open();
    const gates = [gate(), gate()];
    level.gate = gates[0]?.opened;
    const heard: string[] = [];
    const first = store.write([put('a', '1')]).then(() => heard.push('first'));
    while (level.batches === 0) await new Promise(setImmediate);
    level.gate = gates[1]?.opened;
    const second = store.write([put('b', '2')]).then(() => heard.push('second'));
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    expect([level.batches, heard]).toEqual([1, []]);
    gates[0]?.open();
    await first;
    expect(level.batches).toBe(2);
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    expect(heard).toEqual(['first']);
    gates[1]?.open();
    await second;
    await store.close();
  });
});

describe('a read that a write overtakes', () => {
  it('brings what it found, and leaves nothing old behind', async () => {
    const { store, level } = await open();
    let openGate = (): void => undefined;
    level.readGates.push(new Promise((resolve) => (openGate = resolve)));
    const reading = store.get(path('k'));
    while (level.readGates.length > 0) await new Promise(setImmediate);
    await store.write([put('k', '1')]);
    openGate();
    expect(await reading).toBeUndefined();
    expect(text(store.peek(path('k')))).toBe('1');
    await store.close();
  });
});

describe('a failed read', () => {
  it('reaches whoever asked, and the next one is tried anew', async () => {
    const { store, level } = await open({ cacheBytes: 1 });
    await store.write([put('k', '1')]);
    level.readFailures.push(new Error('EIO'));
    await expect(store.get(path('k'))).rejects.toMatchObject({ code: 'KVS_STORAGE_FAILED' });
    expect(text(await store.get(path('k')))).toBe('1');
    await store.close();
  });

  it('of a current version fails the write that needed it, and no other', async () => {
    const { store, level } = await open({ cacheBytes: 1 });
    await store.write([put('k', '1')]);
    level.readFailures.push(new Error('EIO'));
    await expect(store.write([put('k', '2')])).rejects.toMatchObject({ code: 'KVS_STORAGE_FAILED' });
    expect(await store.write([put('k', '3')])).toMatchObject([
      { outcome: 'replaced', version: { counter: 1 } },
    ]);
    await store.close();
  });
});
