import { describe, expect, it } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import type { Decision } from '../../src/core/ports.ts';
import type { KeyVersion, Version } from '../../src/core/version.ts';
import { holdVote } from '../../src/peers/voting.ts';
import { FixedClock, foreign, path, put, testUuid, text } from '../store/harness.ts';
import { TestNode, Wire } from './cluster.ts';

async function startNodes(count: number): Promise<{ nodes: TestNode[]; wire: Wire; clock: FixedClock }> {
  const wire = new Wire();
  const clock = new FixedClock();
  const nodes: TestNode[] = [];
  for (let i = 0; i < count; i++) nodes.push(await TestNode.start({ id: `n${i}`, wire, clock }));
  for (const node of nodes) for (const other of nodes) if (node !== other) node.meet(other);
  return { nodes, wire, clock };
}

const rival = (data: string, change: Partial<Version> = {}): KeyVersion => ({
  path: path('k'),
  version: foreign({ uuid: testUuid(data.charCodeAt(0)), data: Buffer.from(data), ...change }),
});

async function give(nodes: readonly TestNode[], ...held: KeyVersion[]): Promise<void> {
  for (const [index, version] of held.entries()) await nodes[index]?.store.merge([version]);
}

async function vote(
  node: TestNode,
  keys = ['k'],
): Promise<{ decisions: readonly Decision[]; published: KeyVersion[] }> {
  const published: KeyVersion[] = [];
  const { store, members, transport, merger, clock, logger } = node;
  const publish = (versions: readonly KeyVersion[]) => void published.push(...versions);
  const ports = { store, members, transport, merger, clock, logger, publish };
  const { decisions } = await holdVote(ports, keys.map(path));
  return { decisions, published };
}

const valueAt = async ({ store }: TestNode, key = 'k') => text(await store.get(path(key)));

describe('a vote', () => {
  it('fetches the winner from a member that holds it, stores it with its votes, and publishes it', async () => {
    const { nodes } = await startNodes(3);
    await give(nodes, rival('a'), rival('b'), rival('b'));
    const [first, ...others] = nodes as [TestNode, ...TestNode[]];
    const { decisions, published } = await vote(first);
    expect(decisions).toEqual([
      {
        path: 'k',
        at: first.clock.ms,
        winner: rival('b').version.uuid,
        origin: 'node2',
        tally: { [rival('b').version.uuid]: 2, [rival('a').version.uuid]: 1 },
      },
    ]);
    expect(await first.store.get(path('k'))).toMatchObject({ votes: 2, uuid: rival('b').version.uuid });
    expect(published.map((one) => one.version.votes)).toEqual([2]);
    for (const other of others) await other.merger.merge(published, { from: first.id });
    for (const node of nodes) expect(await node.store.get(path('k'))).toMatchObject({ votes: 2 });
  });

  it('keeps the own version where that one wins, and marks it as voted', async () => {
    const { nodes } = await startNodes(3);
    await give(nodes, rival('a'), rival('a'), rival('b'));
    await vote(nodes[0] as TestNode);
    expect(await nodes[0]?.store.get(path('k'))).toMatchObject({ votes: 2, uuid: rival('a').version.uuid });
  });

  it('in a tie goes to the version from the oldest node', async () => {
    const { nodes } = await startNodes(2);
    await give(nodes, rival('a', { originJoined: 2 }), rival('b', { originJoined: 1 }));
    await vote(nodes[0] as TestNode);
    expect(await valueAt(nodes[0] as TestNode)).toBe('b');
  });

  it('ends with whoever answers when members are silent, the node alone if need be', async () => {
    const { nodes, wire } = await startNodes(4);
    await give(nodes, rival('b'), rival('a'), rival('a'), rival('a'));
    wire.nodes.delete('n2:1');
    wire.nodes.delete('n3:1');
    expect((await vote(nodes[0] as TestNode)).decisions[0]?.tally).toEqual({
      [rival('a').version.uuid]: 1,
      [rival('b').version.uuid]: 1,
    });
    const { nodes: again, wire: cut } = await startNodes(2);
    await give(again, rival('b'), rival('a'));
    cut.nodes.clear();
    await vote(again[0] as TestNode);
    expect(await again[0]?.store.get(path('k'))).toMatchObject({ votes: 1, uuid: rival('b').version.uuid });
  });

  it('is settled at once by a member that holds a voted version, whoever else is silent', async () => {
    const { nodes } = await startNodes(3);
    await give(nodes, rival('a'), rival('b', { votes: 2 }));
    const [first, , silent] = nodes as [TestNode, TestNode, TestNode];
    const { call } = first.transport;
    Object.assign(first.transport, {
      call: (...args: Parameters<typeof call>) =>
        // Never answers, and the deadline is not what ends this vote.
        args[0].id === silent.id ? new Promise(() => undefined) : call(...args),
    });
    const { decisions, published } = await vote(first);
    expect(decisions).toEqual([]);
    expect(published).toHaveLength(1);
    expect(await first.store.get(path('k'))).toMatchObject({ votes: 2, uuid: rival('b').version.uuid });
  });

  it('is not settled by a voted version of an earlier instant: everybody is heard', async () => {
    const { nodes } = await startNodes(4);
    await give(nodes, rival('a'), rival('z', { timestamp: 5, votes: 3 }), rival('b'), rival('b'));
    const [first] = nodes as [TestNode];
    const { call } = first.transport;
    Object.assign(first.transport, {
      call: async (...args: Parameters<typeof call>) => {
        // The others answer well after the first one.
        const turns = args[0].id === 'n1' ? 0 : 10;
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        return call(...args);
      },
    });
    const { decisions } = await vote(first);
    expect(decisions).toMatchObject([{ winner: rival('b').version.uuid }]);
  });

  it('gives way to a newer version that somebody holds', async () => {
    const { nodes, clock } = await startNodes(2);
    await give(nodes, rival('a'), rival('b'));
    clock.ms++;
    await nodes[1]?.store.write([put('k', 'newer')]);
    const { decisions } = await vote(nodes[0] as TestNode);
    expect(decisions).toEqual([]);
    expect(await valueAt(nodes[0] as TestNode)).toBe('newer');
  });

  it('loses to a write that came while it was held', async () => {
    const { nodes, wire, clock } = await startNodes(2);
    await give(nodes, rival('a'), rival('b', { originJoined: 1 }));
    const [first] = nodes as [TestNode];
    const { call } = first.transport;
    Object.assign(first.transport, {
      call: async (...args: Parameters<typeof call>) => {
        const reply = await call(...args);
        clock.ms++;
        if (args[1] === 'fetch') await first.store.write([put('k', 'newer')]);
        return reply;
      },
    });
    await vote(first);
    expect(await valueAt(first)).toBe('newer');
    expect(wire.sent.length).toBeGreaterThan(1);
  });

  it('decides nothing, and says so, when the holder of the winner is gone by then', async () => {
    const { nodes, wire } = await startNodes(2);
    await give(nodes, rival('a'), rival('b', { originJoined: 1 }));
    wire.fault = (name) => {
      if (name === 'fetch') throw new KvsError('KVS_PEER_UNREACHABLE', 'gone');
    };
    expect(await vote(nodes[0] as TestNode)).toEqual({ decisions: [], published: [] });
    expect(await valueAt(nodes[0] as TestNode)).toBe('a');
  });

  it('on keys that are gone or voted on already asks nobody', async () => {
    const { nodes, wire } = await startNodes(2);
    await give(nodes, rival('a', { votes: 1 }));
    expect((await vote(nodes[0] as TestNode, ['k', 'no such key'])).decisions).toEqual([]);
    expect(wire.sent).toEqual([]);
  });

  it('on many keys takes one question to each member', async () => {
    const { nodes, wire } = await startNodes(3);
    const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
    const all = (data: string) => keys.map((key) => ({ ...rival(data), path: path(key) }));
    for (const [index, data] of ['a', 'b', 'b'].entries()) await nodes[index]?.store.merge(all(data));
    const { decisions } = await vote(nodes[0] as TestNode, keys);
    expect(decisions).toHaveLength(50);
    expect(wire.sent.map(({ name }) => name)).toEqual(['vote', 'vote', 'fetch']);
    for (const key of keys) expect(await valueAt(nodes[0] as TestNode, key)).toBe('b');
  });
});

describe('votes on both sides of a partition', () => {
  it('converge by merging alone once it has healed, and do not oscillate', async () => {
    const { nodes, wire } = await startNodes(4);
    await give(nodes, rival('a'), rival('a'), rival('b'), rival('b'));
    const sides = [
      ['n0:1', 'n1:1'],
      ['n2:1', 'n3:1'],
    ];
    const all = new Map(wire.nodes);
    for (const side of sides) {
      wire.nodes.clear();
      for (const address of side) wire.nodes.set(address, all.get(address) as TestNode);
      await vote(all.get(side[0] as string) as TestNode);
    }
    for (const [address, node] of all) wire.nodes.set(address, node);
    for (let round = 0; round < 2; round++) {
      for (const from of nodes) for (const to of nodes) if (from !== to) await from.syncWith(to);
    }
    const held = await Promise.all(nodes.map(async ({ store }) => (await store.get(path('k')))?.uuid));
    expect(new Set(held).size).toBe(1);
    const before = nodes.map(({ store }) => store.sequence);
    for (const node of nodes) await vote(node);
    expect(nodes.map(({ store }) => store.sequence)).toEqual(before);
  });
});
