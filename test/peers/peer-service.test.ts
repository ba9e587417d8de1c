import { describe, expect, it } from 'vitest';
import type { KvsError, KvsErrorCode } from '../../src/core/errors.ts';
import {
  peerProtocol,
  type PeerCallName,
  type PeerReply,
  type PeerRequest,
} from '../../src/core/peer-calls.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import { limits } from '../../src/core/limits.ts';
import type { OpenVersionStore } from '../../src/store/version-store.ts';
import { decodeReply, encodeRequest, type Envelope } from '../../src/peers/wire.ts';
import { FixedClock, foreign, path, put } from '../store/harness.ts';
import { TestNode, Wire } from './cluster.ts';

async function startTwo() {
  const wire = new Wire();
  const clock = new FixedClock();
  const a = await TestNode.start({ id: 'a', wire, clock });
  const b = await TestNode.start({ id: 'b', wire, clock });
  a.meet(b);
  return { a, b, wire, clock };
}

const ask = <Name extends PeerCallName>(
  from: TestNode,
  to: TestNode,
  name: Name,
  request: PeerRequest<Name>,
) => from.transport.call(from.member(to), name, request, { deadlineMs: 1_000 });

/** Sends what no node of ours would. */
async function refusalOf(to: TestNode, change: Partial<Envelope>): Promise<KvsErrorCode | undefined> {
  const envelope: Envelope = { cluster: 'kvs', from: { id: 'x', storeId: 'store-x' }, to: null, ...change };
  const reply = await to.service.answer(encodeRequest(envelope, 'branches', null));
  try {
    decodeReply('branches', reply);
    return undefined;
  } catch (error) {
    return (error as KvsError).code;
  }
}

describe('a caller', () => {
  it('is answered when it belongs here, known or not', async () => {
    const { b } = await startTwo();
    expect(await refusalOf(b, {})).toBeUndefined();
    expect(await refusalOf(b, { to: 'b' })).toBeUndefined();
  });

  it.each([
    ['of another cluster', { cluster: 'other' }, 'KVS_OTHER_CLUSTER'],
    ['that means another node', { to: 'c' }, 'KVS_OTHER_MEMBER'],
    [
      'with the id of a living member and another store',
      { from: { id: 'a', storeId: 'x' } },
      'KVS_DUPLICATE_ID',
    ],
    ['with the id of the node itself', { from: { id: 'b', storeId: 'x' } }, 'KVS_DUPLICATE_ID'],
  ] as const)('%s is refused, with the reason', async (_, change, code) => {
    const { b } = await startTwo();
    expect(await refusalOf(b, change)).toBe(code);
  });

  it('that is the node itself is refused', async () => {
    const { b } = await startTwo();
    expect(await refusalOf(b, { from: { id: 'b', storeId: b.store.storeId } })).toBe('KVS_SELF');
  });

  it('whose store was forgotten is refused, whatever its id', async () => {
    const { b } = await startTwo();
    b.members.merge({ records: [], forgotten: ['store-x'] });
    expect(await refusalOf(b, {})).toBe('KVS_FORGOTTEN');
    expect(await refusalOf(b, { from: { id: 'y', storeId: 'store-x' } })).toBe('KVS_FORGOTTEN');
  });

  it('gives a sign of life', async () => {
    const { a, b, clock } = await startTwo();
    clock.ms += 5_000;
    await ask(a, b, 'branches', null);
    expect(b.members.get('a')?.lastSeen).toBe(clock.ms);
  });

  it('that is a member has its bytes counted, and those of the answer; a stranger has not', async () => {
    const { a, b, wire } = await startTwo();
    const bytesOf = (id: string) => b.links.view(id, { size: () => 0, oldest: () => undefined });
    await ask(a, b, 'branches', null);
    const [sent] = wire.sent;
    expect(bytesOf('a')).toMatchObject({ receivedBytes: sent?.requestBytes, sentBytes: sent?.replyBytes });
    expect(await refusalOf(b, {})).toBeUndefined();
    expect(bytesOf('x')).toMatchObject({ receivedBytes: 0, sentBytes: 0 });
  });

  it('that speaks another version of the protocol is told so', async () => {
    const { b } = await startTwo();
    const message = encodeRequest(
      { cluster: 'kvs', from: { id: 'x', storeId: 's' }, to: null },
      'branches',
      null,
    );
    // The second byte is the version, a small number.
    message[1] = peerProtocol + 1;
    const reply = await b.service.answer(message);
    expect(() => decodeReply('branches', reply)).toThrow(
      expect.objectContaining({ code: 'KVS_OTHER_PROTOCOL' }),
    );
  });

  it('that sends garbage gets a refusal, not silence', async () => {
    const { b } = await startTwo();
    const reply = await b.service.answer(new Uint8Array([0xc1]));
    expect(() => decodeReply('branches', reply)).toThrow(
      expect.objectContaining({ code: 'KVS_PEER_FAILED' }),
    );
  });
});

describe('news of the cluster', () => {
  const stranger = {
    id: 'c',
    address: 'c:1',
    storeId: 'store-c',
    joinedTimestamp: 1,
    incarnation: 0,
    state: 'alive',
  } as const;

  it('travel both ways with a ping', async () => {
    const { a, b } = await startTwo();
    b.members.merge({ records: [stranger], forgotten: [] });
    const reply = await ask(a, b, 'ping', {
      records: [{ ...stranger, id: 'd', storeId: 'store-d' }],
      forgotten: [],
    });
    expect(b.members.get('d')).toBeDefined();
    expect(reply.records.map(({ id }) => id)).toContain('c');
  });

  it('are exchanged whole in gossip, unless both know the same', async () => {
    const { a, b } = await startTwo();
    b.members.merge({ records: [stranger], forgotten: [] });
    const first: PeerReply<'gossip'> = await ask(a, b, 'gossip', {
      digest: a.members.digest(),
      news: a.members.news(),
    });
    expect(first.news?.records).toHaveLength(3);
    if (first.news !== null) a.members.merge(first.news);
    expect(a.members.digest()).toBe(first.digest);
    const second = await ask(a, b, 'gossip', { digest: a.members.digest(), news: null });
    expect(second).toEqual({ digest: a.members.digest(), news: null });
  });

  it('of a goodbye count for the store that says it, not for one that has taken its place', async () => {
    const { a, b } = await startTwo();
    await ask(a, b, 'leave', { incarnation: a.members.self.incarnation });
    expect(b.members.get('a')?.state).toBe('left');
    b.members.merge({ records: [{ ...stranger, state: 'dead' }], forgotten: [] });
    const envelope = { cluster: 'kvs', from: { id: 'c', storeId: 'new-disk' }, to: 'b' };
    await b.service.answer(encodeRequest(envelope, 'leave', { incarnation: 9 }));
    expect(b.members.get('c')).toMatchObject({ state: 'dead', incarnation: 0 });
  });
});

describe('a probe for somebody else', () => {
  it('tells whether the member answers, and passes news on', async () => {
    const { a, b, wire, clock } = await startTwo();
    const c = await TestNode.start({ id: 'c', wire, clock });
    b.meet(c);
    expect(await ask(a, b, 'probe', { id: 'c', deadlineMs: 100 })).toEqual({ isAlive: true });
    wire.nodes.delete('c:1');
    expect(await ask(a, b, 'probe', { id: 'c', deadlineMs: 100 })).toEqual({ isAlive: false });
    expect(await ask(a, b, 'probe', { id: 'nobody', deadlineMs: 100 })).toEqual({ isAlive: false });
  });

  it('that is about the one who is asked needs no call', async () => {
    const { a, b, wire } = await startTwo();
    expect(await ask(a, b, 'probe', { id: 'b', deadlineMs: 100 })).toEqual({ isAlive: true });
    expect(wire.sent.map(({ name }) => name)).toEqual(['probe']);
  });
});

describe('a stranger', () => {
  it('that says an exchange is complete leaves no note on the disk', async () => {
    const { b } = await startTwo();
    const request = { holds: 1, sequence: 1, storeId: b.store.storeId };
    const envelope = { cluster: 'kvs', from: { id: 'x', storeId: 'store-x' }, to: null };
    const reply = await b.service.answer(encodeRequest(envelope, 'complete', request));
    expect(decodeReply('complete', reply)).toBeNull();
    expect(await b.claims.holds('store-x')).toBe(0);
  });
});

describe('a question for what has changed', () => {
  it('is answered with nothing where nothing has, and otherwise where the log does not reach back', async () => {
    const wire = new Wire();
    const a = await TestNode.start({ id: 'a', wire });
    const b = await TestNode.start({ id: 'b', wire, changeLogEntriesMax: 10 });
    a.meet(b);
    for (let i = 0; i < 100; i++) await b.store.write([put(`k${i}`, '1')]);
    const { sequence } = b.store;
    expect(await ask(a, b, 'changes', { since: sequence })).toEqual({
      paths: [],
      entries: new Uint8Array(),
      next: null,
    });
    expect(await ask(a, b, 'changes', { since: sequence - 2 })).toMatchObject({ paths: ['k98', 'k99'] });
    expect(await ask(a, b, 'changes', { since: 0 })).toBeNull();
    expect(await ask(a, b, 'changes', { since: sequence + 1 })).toBeNull();
  });
});

describe('a question of a vote', () => {
  it('reads few values at one time, however many keys it is about', async () => {
    const wire = new Wire();
    const a = await TestNode.start({ id: 'a', wire });
    const reads: number[] = [];
    const wrap = (store: OpenVersionStore) =>
      Object.assign(Object.create(store) as OpenVersionStore, {
        getMany: (paths: readonly KeyPath[]) => {
          reads.push(paths.length);
          return store.getMany(paths);
        },
        merge: store.merge.bind(store),
      });
    const b = await TestNode.start({ id: 'b', wire, clock: a.clock, wrap });
    a.meet(b);
    const keys = Array.from({ length: limits.voteKeysMax }, (_, i) => path(`k${i}`));
    await b.merger.merge(
      keys.slice(1).map((key) => ({ path: key, version: foreign() })),
      { from: 'a' },
    );
    const { held } = await ask(a, b, 'vote', { paths: keys });
    expect(held.map((ballot) => ballot?.uuid)).toEqual([
      undefined,
      ...keys.slice(1).map(() => foreign().uuid),
    ]);
    expect(reads.reduce((sum, count) => sum + count)).toBe(keys.length);
    expect(Math.max(...reads)).toBe(16);
  });
});

describe('a push', () => {
  it('is durable when it is answered, and brings back what is greater here', async () => {
    const { a, b, clock } = await startTwo();
    await a.store.write([put('old', 'a'), put('new', 'a')]);
    const versions = await Promise.all(
      ['old', 'new'].map(async (key) => ({
        path: path(key),
        version: (await a.store.get(path(key))) ?? foreign(),
      })),
    );
    clock.ms++;
    await b.store.write([put('old', 'b')]);
    const { newer, hasConflict } = await ask(a, b, 'push', { versions, isRumour: false });
    expect(newer.map((one) => one.path)).toEqual(['old']);
    expect(hasConflict).toBe(false);
    expect(await b.store.get(path('new'))).toBeDefined();
    expect(b.rumours).toEqual([]);
  });

  it('of a rumour is passed on once: only what was new', async () => {
    const { a, b } = await startTwo();
    const versions = [{ path: path('k'), version: foreign() }];
    await ask(a, b, 'push', { versions, isRumour: true });
    await ask(a, b, 'push', { versions, isRumour: true });
    expect(b.rumours.map((one) => one.path)).toEqual(['k']);
  });
});
