import { describe, expect, it } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import type { KvsErrorCode } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import type { MemberState } from '../../src/core/membership.ts';
import type { PeerCallName, PeerRequest } from '../../src/core/peer-calls.ts';
import type { KeyVersion, Version } from '../../src/core/version.ts';
import { laneRestMs } from '../../src/peers/lane.ts';
import { del, FixedClock, foreign, hourMs, path, put, testUuid, text } from '../store/harness.ts';
import { TestNode, Wire } from './cluster.ts';

const timeoutMs = 5_000;

interface Nodes {
  readonly nodes: readonly TestNode[];
  readonly wire: Wire;
  readonly clock: FixedClock;
  readonly node: (index: number) => TestNode;
}

async function startNodes(count: number): Promise<Nodes> {
  const wire = new Wire();
  const clock = new FixedClock();
  const nodes: TestNode[] = [];
  for (let i = 0; i < count; i++) nodes.push(await TestNode.start({ id: `n${i}`, wire, clock }));
  for (const node of nodes) for (const other of nodes) if (node !== other) node.meet(other);
  const node = (index: number): TestNode => {
    const found = nodes[index];
    if (found === undefined) throw new Error(`There is no node ${index}`);
    return found;
  };
  return { nodes, wire, clock, node };
}

const versionOf = (data: string, change: Partial<Version> = {}): KeyVersion => ({
  path: path('k'),
  version: foreign({ uuid: testUuid(data.charCodeAt(0)), data: Buffer.from(data), ...change }),
});

const older = versionOf('older', { timestamp: 1_700_000_000_000 });
const newer = versionOf('newer', { timestamp: 1_700_000_000_001 });

const read = (node: TestNode, key = 'k', options: { signal?: AbortSignal; timeoutMs?: number } = {}) =>
  node.quorum.read(path(key), { timeoutMs, ...options });

/** Lets everything happen that needs no time. */
async function settleTurns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** How a read fails once its time is over; undefined while it has not ended. */
async function failureAfter(
  node: TestNode,
  reading: Promise<unknown>,
  ms: number,
): Promise<KvsError | undefined> {
  let failure: KvsError | undefined;
  reading.catch((error: KvsError) => (failure = error));
  await settleTurns();
  node.timers.advance(ms);
  await settleTurns();
  return failure;
}

function setState(node: TestNode, id: string, state: MemberState): void {
  const member = node.members.get(id);
  if (member === undefined) throw new Error(`There is no member ${id}`);
  node.members.merge({ records: [{ ...member, incarnation: member.incarnation + 1, state }], forgotten: [] });
}

/** Loses calls of some kinds, to some or all. */
function lose(node: TestNode, isLost: (name: PeerCallName, to: string) => boolean): void {
  const { call } = node.transport;
  Object.assign(node.transport, {
    call: (...args: Parameters<typeof call>) =>
      isLost(args[1], args[0].id ?? '') ? new Promise(() => undefined) : call(...args),
  });
}

const codeOf = (failure: KvsError | undefined): KvsErrorCode | undefined => failure?.code;
const valueAt = async ({ store }: TestNode, key = 'k') => text(await store.get(path(key)));
const names = (wire: Wire) => wire.sent.map(({ name }) => name);

describe('a quorum read', () => {
  it('of a node that is alone is answered at once, from its own disk', async () => {
    const { node, wire } = await startNodes(1);
    await node(0).store.write([put('k', '1')]);
    expect(text(await read(node(0)))).toBe('1');
    expect(await read(node(0), 'absent')).toBeUndefined();
    expect([wire.sent, node(0).timers.pending]).toEqual([[], 0]);
  });

  it('of what all hold asks for versions only, and leaves no timer and no call behind', async () => {
    const { nodes, node, wire } = await startNodes(3);
    for (const { store } of nodes) await store.merge([newer]);
    expect(text(await read(node(0)))).toBe('newer');
    await settleTurns();
    expect(names(wire)).toEqual(['vouch', 'vouch']);
    expect(node(0).timers.pending).toBe(0);
  });

  it('finds what this node lacks, which is durable here before the answer', async () => {
    const { node, wire } = await startNodes(3);
    await node(0).store.merge([older]);
    await node(1).store.merge([newer]);
    await node(2).store.merge([newer]);
    expect(text(await read(node(0)))).toBe('newer');
    expect(await valueAt(node(0))).toBe('newer');
    // From one of them, however many hold it.
    expect(names(wire).filter((name) => name === 'get')).toHaveLength(1);
  });

  it('is not answered before a majority holds it: what is read once is found by every later read', async () => {
    const { node, wire } = await startNodes(5);
    await node(0).store.merge([newer]);
    await node(1).store.merge([older]);
    expect(text(await read(node(0)))).toBe('newer');
    const held = await Promise.all([1, 2, 3, 4].map((index) => valueAt(node(index))));
    expect(held.filter((value) => value === 'newer').length).toBeGreaterThanOrEqual(2);
    // Whoever reads next may reach all but those two that answered first.
    wire.nodes.delete('n0:1');
    expect(text(await read(node(4)))).toBe('newer');
  });

  it('sends others what they lack when it has answered, in the ordinary way', async () => {
    const { node } = await startNodes(5);
    for (const index of [0, 1, 2]) await node(index).store.merge([newer]);
    await node(3).store.merge([older]);
    const all = holdAnswers(node(0), 4);
    expect(text(await read(node(0)))).toBe('newer');
    await all;
    expect(node(0).repairs.map(({ id, version }) => `${id} ${text(version.version)}`)).toEqual([
      'n3 newer',
      'n4 newer',
    ]);
    expect(await valueAt(node(3))).toBe('older');
  });

  it('of a key that is nowhere is absent by the word of a majority, and by less it is not', async () => {
    const { node, wire } = await startNodes(3);
    wire.nodes.delete('n2:1');
    expect(await read(node(0))).toBeUndefined();
    wire.nodes.delete('n1:1');
    expect(codeOf(await failureAfter(node(0), read(node(0)), timeoutMs))).toBe('KVS_NO_QUORUM');
  });

  it('finds a newer tombstone, and stores it', async () => {
    const { node, clock } = await startNodes(3);
    for (const index of [0, 1, 2]) await node(index).store.merge([older]);
    clock.ms++;
    await node(1).store.write([del('k')]);
    lose(node(0), (_, to) => to === 'n2');
    expect((await read(node(0)))?.deleted).toBe(true);
    expect((await node(0).store.get(path('k')))?.deleted).toBe(true);
  });

  it('finds a tombstone that nobody who lacks the key takes in any more', async () => {
    const { node, clock } = await startNodes(3);
    const tombstone = versionOf('t', { deleted: true, data: new Uint8Array(), contentType: '' });
    await node(1).store.merge([tombstone]);
    clock.ms += 25 * hourMs;
    lose(node(0), (_, to) => to === 'n2');
    expect((await read(node(0)))?.deleted).toBe(true);
    expect(await node(0).store.get(path('k'))).toBeUndefined();
  });

  it('finds a version that has expired: it stands in the way of what was there before', async () => {
    const { node, clock } = await startNodes(3);
    for (const index of [0, 1, 2]) await node(index).store.merge([older]);
    const expired = versionOf('e', { timestamp: clock.ms + 1, expiresAt: clock.ms + 2 });
    await node(2).store.merge([expired]);
    clock.ms += 3;
    lose(node(0), (_, to) => to === 'n1');
    expect((await read(node(0)))?.uuid).toBe(expired.version.uuid);
    expect((await node(0).store.get(path('k')))?.uuid).toBe(expired.version.uuid);
  });

  it('takes a version from the far future for the newest, as any merge does', async () => {
    const { node, clock } = await startNodes(3);
    await node(0).store.merge([older]);
    const future = versionOf('f', { timestamp: clock.ms + 1_000 * hourMs });
    await node(1).store.merge([future]);
    lose(node(0), (_, to) => to === 'n2');
    expect(text(await read(node(0)))).toBe('f');
  });

  it.each([
    ['this node', 0],
    ['a member', 1],
  ])('waits where %s is still syncing what can be read there already', async (_, index) => {
    const { node } = await startNodes(3);
    await node(0).store.merge([older]);
    await node(1).store.merge([newer]);
    lose(node(0), (_name, to) => to === 'n2');
    const { store } = node(index);
    const merge = store.merge.bind(store);
    let sync = (): void => undefined;
    const synced = new Promise<void>((resolve) => (sync = resolve));
    let isSynced = false;
    Object.assign(store, {
      isDurable: () => isSynced,
      merge: async (versions: readonly KeyVersion[]) => {
        await synced;
        return merge(versions);
      },
    });
    const reading = read(node(0));
    expect(await failureAfter(node(0), reading, timeoutMs - 1)).toBeUndefined();
    isSynced = true;
    sync();
    expect(text(await reading)).toBe('newer');
  });

  it('reads a key that is written here meanwhile as it was then, or later', async () => {
    const { node, wire, clock } = await startNodes(3);
    await node(0).store.merge([older]);
    await node(1).store.merge([newer]);
    wire.fault = (name, phase) => {
      if (name !== 'get' || phase !== 'request') return;
      clock.ms += 10;
      void node(0).store.write([put('k', 'written')]);
    };
    lose(node(0), (_, to) => to === 'n2');
    expect(['newer', 'written']).toContain(text(await read(node(0))));
    expect(await valueAt(node(0))).toBe('written');
  });
});

describe('the members whose word counts', () => {
  it('are all that are known, the failed ones too', async () => {
    const { node, wire } = await startNodes(5);
    for (const id of ['n1', 'n2', 'n3']) {
      wire.nodes.delete(`${id}:1`);
      setState(node(0), id, 'suspect');
      setState(node(0), id, 'dead');
    }
    const failure = await failureAfter(node(0), read(node(0)), timeoutMs);
    expect(failure?.message).toBe('2 members of the 3 that are needed answered in time; 5 are known');
  });

  it('are not those that have left, or were forgotten', async () => {
    const { node, wire } = await startNodes(5);
    for (const id of ['n1', 'n2', 'n3']) wire.nodes.delete(`${id}:1`);
    setState(node(0), 'n1', 'left');
    expect(codeOf(await failureAfter(node(0), read(node(0)), timeoutMs))).toBe('KVS_NO_QUORUM');
    setState(node(0), 'n2', 'dead');
    await node(0).members.forget('n2');
    expect(await read(node(0))).toBeUndefined();
  });

  it('are those that are dead here and answer all the same', async () => {
    const { node } = await startNodes(3);
    await node(1).store.merge([newer]);
    for (const id of ['n1', 'n2']) setState(node(0), id, 'dead');
    lose(node(0), (_, to) => to === 'n2');
    expect(text(await read(node(0)))).toBe('newer');
  });

  it('are not those that are being bootstrapped: what they lack says nothing', async () => {
    const { node, wire } = await startNodes(3);
    node(1).isWhole = false;
    wire.nodes.delete('n2:1');
    const failure = await failureAfter(node(0), read(node(0)), timeoutMs);
    expect(failure?.message).toBe(
      "1 member of the 2 that are needed answered in time; 3 are known; 1 more can't tell yet, being bootstrapped",
    );
  });

  it('are not this node while it is being bootstrapped, and a majority of the others is enough', async () => {
    const { node, wire } = await startNodes(3);
    node(0).isWhole = false;
    await node(1).store.merge([newer]);
    expect(text(await read(node(0)))).toBe('newer');
    wire.nodes.delete('n2:1');
    expect(codeOf(await failureAfter(node(0), read(node(0)), timeoutMs))).toBe('KVS_NO_QUORUM');
  });

  it('may hear of what one holds that is being bootstrapped, where it is the newest', async () => {
    const { node } = await startNodes(3);
    await node(0).store.merge([older]);
    await node(2).store.merge([older]);
    await node(1).store.merge([newer]);
    node(1).isWhole = false;
    const { call } = node(0).transport;
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    Object.assign(node(0).transport, {
      call: async (...args: Parameters<typeof call>) => {
        if (args[0].id === 'n2') await answered;
        const reply = await call(...args);
        if (args[0].id === 'n1') setImmediate(answer);
        return reply;
      },
    });
    expect(text(await read(node(0)))).toBe('newer');
  });

  it('are asked again when they did not answer, after a pause', async () => {
    const { node, wire } = await startNodes(3);
    await node(1).store.merge([newer]);
    const away = new Map([...wire.nodes].filter(([address]) => address !== 'n0:1'));
    for (const address of away.keys()) wire.nodes.delete(address);
    const reading = read(node(0));
    expect(await failureAfter(node(0), reading, laneRestMs - 1)).toBeUndefined();
    for (const [address, one] of away) wire.nodes.set(address, one);
    await settleTurns();
    expect(wire.sent).toEqual([]);
    node(0).timers.advance(1);
    expect(text(await reading)).toBe('newer');
  });
});

describe('two versions of one instant', () => {
  const a = versionOf('a', { originJoined: 2 });
  const b = versionOf('b', { originJoined: 1 });

  it('are answered with the greater one, the vote untouched, whichever of them this node holds', async () => {
    for (const held of [a, b]) {
      const { nodes, node } = await startNodes(3);
      await node(0).store.merge([held]);
      await node(1).store.merge([held === a ? b : a]);
      lose(node(0), (_, to) => to === 'n2');
      expect(text(await read(node(0)))).toBe('b');
      expect(await valueAt(node(0))).toBe(text(held.version));
      expect(node(0).conflicts).toContain('k');
      expect(await Promise.all(nodes.map((one) => valueAt(one)))).toEqual([
        text(held.version),
        held === a ? 'b' : 'a',
        undefined,
      ]);
    }
  });

  it('get no vote from who holds neither: that is brought to nobody, and not stored here', async () => {
    const { nodes, node } = await startNodes(3);
    await node(0).store.merge([versionOf('o', { timestamp: 5 })]);
    await node(1).store.merge([a]);
    await node(2).store.merge([b]);
    const vouched = holdAnswers(node(0), 2);
    expect(text(await read(node(0)))).toBe('b');
    await vouched;
    await settleTurns();
    expect(await Promise.all(nodes.map((one) => valueAt(one)))).toEqual(['o', 'a', 'b']);
    expect(node(0).repairs).toEqual([]);
  });

  it('that were decided by vote are answered with the winner, which is brought to the others', async () => {
    const { node } = await startNodes(3);
    await node(0).store.merge([b]);
    await node(1).store.merge([{ path: a.path, version: { ...a.version, votes: 2 } }]);
    lose(node(0), (_, to) => to === 'n2');
    expect(text(await read(node(0)))).toBe('a');
    expect(await valueAt(node(0))).toBe('a');
  });

  it('of which one is found when the other is being brought to a member end the wait', async () => {
    const { node, wire } = await startNodes(3);
    await node(0).store.merge([a]);
    wire.fault = (name, phase) => {
      if (name === 'push' && phase === 'request') void node(1).store.merge([b]);
    };
    lose(node(0), (_, to) => to === 'n2');
    expect(text(await read(node(0)))).toBe('a');
    expect(await valueAt(node(1))).toBe('b');
  });
});

/** Keeps the answers of members back until so many are there. */
function holdAnswers(node: TestNode, count: number): Promise<void> {
  const { call } = node.transport;
  let answers = 0;
  let release = (): void => undefined;
  const all = new Promise<void>((resolve) => (release = resolve));
  Object.assign(node.transport, {
    call: async (...args: Parameters<typeof call>) => {
      const reply = await call(...args);
      if (args[1] === 'vouch' && ++answers === count) release();
      if (args[1] === 'vouch') await all;
      return reply;
    },
  });
  return all;
}

describe('a holder that can no longer be read from', () => {
  it('counts as one that has not answered', async () => {
    const { node } = await startNodes(3);
    await node(1).store.merge([newer]);
    await node(2).store.merge([older]);
    const both = holdAnswers(node(0), 2);
    const { call } = node(0).transport;
    Object.assign(node(0).transport, {
      call: (...args: Parameters<typeof call>) =>
        args[1] === 'get' && args[0].id === 'n1'
          ? Promise.reject(new KvsError('KVS_PEER_UNREACHABLE', 'gone'))
          : call(...args),
    });
    const reading = read(node(0));
    await both;
    expect(['older', 'newer']).toContain(text(await reading));
  });

  it('is waited for while it is needed, until the end of the time', async () => {
    const { node } = await startNodes(3);
    await node(1).store.merge([newer]);
    lose(node(0), (name, to) => name === 'get' || to === 'n2');
    const failure = await failureAfter(node(0), read(node(0)), timeoutMs);
    expect(codeOf(failure)).toBe('KVS_NO_QUORUM');
    expect(await valueAt(node(0))).toBeUndefined();
  });
});

describe('a member that answers and takes nothing', () => {
  it('keeps the read from being answered, and the failure says why', async () => {
    const { node } = await startNodes(3);
    await node(0).store.merge([newer]);
    lose(node(0), (name, to) => name === 'push' || to === 'n2');
    const failure = await failureAfter(node(0), read(node(0)), timeoutMs);
    expect(failure?.message).toBe(
      '1 member of the 2 that must hold the newest version before it is answered did in time; 3 are known',
    );
  });

  it('is replaced by one that answers later', async () => {
    const { node, wire } = await startNodes(3);
    await node(0).store.merge([newer]);
    lose(node(0), (name, to) => name === 'push' && to === 'n1');
    const late = wire.nodes.get('n2:1') as TestNode;
    wire.nodes.delete('n2:1');
    const reading = read(node(0));
    expect(await failureAfter(node(0), reading, laneRestMs)).toBeUndefined();
    wire.nodes.set('n2:1', late);
    node(0).timers.advance(laneRestMs);
    expect(text(await reading)).toBe('newer');
    expect(await valueAt(late)).toBe('newer');
  });
});

describe('quorum reads', () => {
  it('end at their deadline, or when nobody wants them any more, and take nothing with them', async () => {
    const { node } = await startNodes(3);
    lose(node(0), () => true);
    expect(await failureAfter(node(0), read(node(0)), timeoutMs - 1)).toBeUndefined();
    const late = read(node(0), 'k', { timeoutMs: 10 });
    expect(codeOf(await failureAfter(node(0), late, 10))).toBe('KVS_NO_QUORUM');
    const gone = new AbortController();
    const given = read(node(0), 'k', { signal: gone.signal });
    setImmediate(() => gone.abort());
    await expect(given).rejects.toMatchObject({ code: 'KVS_NO_QUORUM' });
    await expect(read(node(0), 'k', { signal: AbortSignal.abort() })).rejects.toThrow('given up');
    expect(node(0).timers.pending).toBe(0);
  });

  it('that ask at about the same time share their messages, and no more of these are under way than may be', async () => {
    const { nodes, node, wire } = await startNodes(3);
    const count = 2 * limits.quorumKeysMax;
    const keys = Array.from({ length: count }, (_, i) => `k${i}`);
    for (const { store } of nodes.slice(1)) await store.write(keys.map((key) => put(key, `"${key}"`)));
    let underWay = 0;
    let most = 0;
    const { call } = node(0).transport;
    const asked: number[] = [];
    Object.assign(node(0).transport, {
      call: async (...args: Parameters<typeof call>) => {
        if (args[0].id === 'n1' && args[1] === 'vouch') {
          most = Math.max(most, ++underWay);
          asked.push((args[2] as PeerRequest<'vouch'>).paths.length);
        }
        const reply = await call(...args);
        if (args[0].id === 'n1' && args[1] === 'vouch') underWay--;
        return reply;
      },
    });
    const values = await Promise.all(keys.map((key) => read(node(0), key)));
    expect(values.map(text)).toEqual(keys.map((key) => `"${key}"`));
    expect(most).toBe(limits.quorumCallsMax);
    expect(Math.max(...asked)).toBe(limits.quorumKeysMax);
    expect(names(wire).filter((name) => name === 'vouch').length).toBeLessThan(20);
    expect(names(wire).filter((name) => name === 'get').length).toBeLessThan(20);
  });

  it('are refused when too many wait, until one has ended', async () => {
    const { node } = await startNodes(3);
    lose(node(0), () => true);
    const waiting = Array.from({ length: limits.quorumReadsMax }, () => read(node(0)));
    const ended = Promise.allSettled(waiting);
    await expect(read(node(0))).rejects.toMatchObject({ code: 'KVS_OVERLOADED' });
    node(0).timers.advance(timeoutMs);
    await ended;
    const later = read(node(0));
    expect(await failureAfter(node(0), later, timeoutMs)).toMatchObject({ code: 'KVS_NO_QUORUM' });
  });

  it('are refused when what they bring to members is too much to hold, until one has ended', async () => {
    const { node } = await startNodes(3);
    const large = Buffer.alloc(limits.quorumBytesMax / 2 + 1);
    for (const key of ['a', 'b']) {
      await node(0).store.merge([{ path: path(key), version: foreign({ data: large }) }]);
    }
    lose(node(0), (name, to) => name === 'push' || to === 'n2');
    const first = read(node(0), 'a', { timeoutMs: 100 });
    first.catch(() => undefined);
    await settleTurns();
    await expect(read(node(0), 'b')).rejects.toMatchObject({ code: 'KVS_OVERLOADED' });
    node(0).timers.advance(100);
    await expect(first).rejects.toMatchObject({ code: 'KVS_NO_QUORUM' });
    const third = read(node(0), 'b', { timeoutMs: 100 });
    expect(codeOf(await failureAfter(node(0), third, 100))).toBe('KVS_NO_QUORUM');
  });

  it('fail with what the own store fails with', async () => {
    const { node } = await startNodes(3);
    await node(1).store.merge([newer]);
    const full = () => Promise.reject(new KvsError('KVS_STORAGE_FULL', 'full'));
    Object.assign(node(0).store, { merge: full });
    lose(node(0), (_, to) => to === 'n2');
    await expect(read(node(0))).rejects.toMatchObject({ code: 'KVS_STORAGE_FULL' });
  });
});
