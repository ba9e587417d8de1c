import { describe, expect, it } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import { Bootstrap, isBootstrapped, noteBootstrapped } from '../../src/peers/bootstrap.ts';
import { FixedClock, hourMs, path, put } from '../store/harness.ts';
import { contents, TestNode, Wire } from './cluster.ts';

interface Cluster {
  readonly wire: Wire;
  readonly clock: FixedClock;
  readonly fresh: TestNode;
  readonly others: readonly TestNode[];
}

async function startCluster(count: number): Promise<Cluster> {
  const wire = new Wire();
  const clock = new FixedClock();
  const fresh = await TestNode.start({ id: 'fresh', wire, clock });
  fresh.isWhole = false;
  const others: TestNode[] = [];
  for (let i = 0; i < count; i++) others.push(await TestNode.start({ id: `m${i}`, wire, clock }));
  for (const other of others) fresh.meet(other);
  return { wire, clock, fresh, others };
}

const bootstrapOf = (
  { store, members, transport, merger, clock, logger }: TestNode,
  maxAgeMs = 1_000 * hourMs,
) => new Bootstrap({ store, members, transport, merger, clock, logger, maxAgeMs });

async function finish(bootstrap: Bootstrap): Promise<void> {
  for (let steps = 0; (await bootstrap.step()) !== null; steps++) {
    if (steps > 1_000) throw new Error('the bootstrap never ends');
  }
}

/** Writes one key each minute, the first one the oldest. */
async function fill(nodes: readonly TestNode[], count: number, prefix = 'k'): Promise<void> {
  for (let at = 0; at < count; at += 100) {
    for (const node of nodes.slice(0, 1)) {
      node.clock.ms += 60_000;
      await node.store.write(
        Array.from({ length: Math.min(100, count - at) }, (_, i) => put(`${prefix}${at + i}`, '1')),
      );
    }
  }
  const [first, ...rest] = nodes;
  for (const node of rest) await first?.syncWith(node);
}

describe('a bootstrap', () => {
  it('takes everything over, newest first, and is completed for good', async () => {
    const { fresh, others } = await startCluster(1);
    await fill(others, 2_500);
    const bootstrap = bootstrapOf(fresh);
    expect(await isBootstrapped(fresh.store)).toBe(false);
    await bootstrap.step();
    const newest = await others[0]?.store.newest(limits.pageItemsMax);
    expect((await fresh.store.newest(5_000)).map((entry) => entry.path)).toEqual(
      newest?.map((entry) => entry.path),
    );
    expect(await isBootstrapped(fresh.store)).toBe(false);
    await finish(bootstrap);
    expect(await contents(fresh.store)).toEqual(await contents((others[0] as TestNode).store));
    expect(await isBootstrapped(fresh.store)).toBe(true);
    expect(bootstrap.progress()).toEqual({ keys: 2_500, pages: 3 });
  });

  it('reads from one member after the other where all hold everything, each page once', async () => {
    const { fresh, others, wire } = await startCluster(3);
    await fill([others[0] as TestNode], 2_500);
    for (const other of others.slice(1)) {
      others[0]?.meet(other);
      await others[0]?.syncWith(other);
    }
    wire.sent.length = 0;
    await finish(bootstrapOf(fresh));
    expect(wire.sent.map(({ name, to }) => `${name} ${to}`)).toEqual(['page m0', 'page m1', 'page m2']);
    expect(await contents(fresh.store)).toEqual(await contents((others[0] as TestNode).store));
  });

  it('asks for the next page while it stores one, and for both again when it could not', async () => {
    const { fresh, others, wire } = await startCluster(1);
    const [other] = others as [TestNode];
    await fill(others, 2_500);
    let asked = 0;
    wire.fault = (name, phase) => void (name === 'page' && phase === 'request' && asked++);
    const askedWhenStoring: number[] = [];
    const { store, members, transport, clock, logger } = fresh;
    const merger = {
      merge: async (...args: Parameters<typeof fresh.merger.merge>) => {
        askedWhenStoring.push(asked);
        if (askedWhenStoring.length === 2) throw new KvsError('KVS_STORAGE_FULL', 'No space is left');
        return fresh.merger.merge(...args);
      },
    };
    const bootstrap = new Bootstrap({
      store,
      members,
      transport,
      merger,
      clock,
      logger,
      maxAgeMs: 1_000 * hourMs,
    });
    await bootstrap.step();
    await expect(bootstrap.step()).rejects.toThrow('No space is left');
    await finish(bootstrap);
    expect(askedWhenStoring).toEqual([2, 3, 5, 5]);
    expect(await contents(store)).toEqual(await contents(other.store));
  });

  it('goes on after a start where the one before ended', async () => {
    const { fresh, others, wire } = await startCluster(1);
    await fill(others, 2_500);
    await bootstrapOf(fresh).step();
    wire.sent.length = 0;
    const again = bootstrapOf(fresh);
    await finish(again);
    expect(again.progress()).toEqual({ keys: 1_500, pages: 2 });
    expect(await contents(fresh.store)).toEqual(await contents((others[0] as TestNode).store));
  });

  it('asks the next member when one does not answer, and loses no page by it', async () => {
    const { fresh, others, wire } = await startCluster(2);
    await fill([others[0] as TestNode], 2_500);
    others[0]?.meet(others[1] as TestNode);
    await others[0]?.syncWith(others[1] as TestNode);
    let failures = 0;
    wire.fault = (_, phase) => {
      if (phase === 'reply' && ++failures % 2 === 1) throw new KvsError('KVS_PEER_UNREACHABLE', 'lost');
    };
    const bootstrap = bootstrapOf(fresh);
    for (let isDone = false; !isDone;) {
      isDone = await bootstrap.step().then(
        (kind) => kind === null,
        () => false,
      );
    }
    expect(await contents(fresh.store)).toEqual(await contents((others[0] as TestNode).store));
  });

  it('ends at the greatest age that is wanted; older data is left to the exchanges', async () => {
    const { fresh, others, clock } = await startCluster(1);
    await fill(others, 2_000, 'old');
    clock.ms += 100 * hourMs;
    await fill(others, 1_500, 'young');
    await finish(bootstrapOf(fresh, 50 * hourMs));
    const held = (await fresh.store.newest(5_000)).map((entry) => entry.path);
    expect(held.filter((key) => key.startsWith('young'))).toHaveLength(1_500);
    expect(held.length).toBeLessThan(2_000 + 1_500);
    await fresh.syncWith(others[0] as TestNode);
    expect(await contents(fresh.store)).toEqual(await contents((others[0] as TestNode).store));
  });

  it('waits, with an error, while no member is there', async () => {
    const { fresh } = await startCluster(0);
    await expect(bootstrapOf(fresh).step()).rejects.toMatchObject({ code: 'KVS_PEER_UNREACHABLE' });
    expect(await isBootstrapped(fresh.store)).toBe(false);
  });

  it('of the first node of a cluster can be noted without one', async () => {
    const { fresh } = await startCluster(0);
    await noteBootstrapped(fresh.store);
    expect(await isBootstrapped(fresh.store)).toBe(true);
  });
});

describe('members that are being bootstrapped themselves', () => {
  it('never wait for each other: a cluster of nothing else ends', async () => {
    const { fresh, others } = await startCluster(2);
    const nodes = [fresh, ...others];
    for (const node of others) node.isWhole = false;
    for (const node of nodes) for (const other of nodes) if (node !== other) node.meet(other);
    for (const node of nodes) await finish(bootstrapOf(node));
    for (const node of nodes) expect(await isBootstrapped(node.store)).toBe(true);
  });

  it('are read to their ends, each by itself, where there is no other kind', async () => {
    const { fresh, others } = await startCluster(2);
    for (const [index, node] of others.entries()) {
      node.isWhole = false;
      await fill([node], 1_500, `of-${index}-`);
    }
    await finish(bootstrapOf(fresh));
    expect((await fresh.store.newest(5_000)).length).toBe(3_000);
  });

  it('end nothing as long as a member that holds everything has more', async () => {
    const { fresh, others } = await startCluster(2);
    const [whole, partial] = others as [TestNode, TestNode];
    partial.isWhole = false;
    await fill([whole], 2_500);
    await finish(bootstrapOf(fresh));
    expect((await fresh.store.newest(5_000)).length).toBe(2_500);
  });

  it('and that hold everything later are read again from where everybody else stands', async () => {
    const { fresh, others } = await startCluster(1);
    const [other] = others as [TestNode];
    other.isWhole = false;
    await fill([other], 1_500, 'old');
    const bootstrap = bootstrapOf(fresh);
    await bootstrap.step();
    // Now it gets what it lacked, all of it newer than where it was read.
    await fill([other], 1_500, 'late');
    other.isWhole = true;
    await finish(bootstrap);
    expect((await fresh.store.newest(5_000)).length).toBe(3_000);
    expect(await fresh.store.get(path('late0'))).toBeDefined();
  });
});
