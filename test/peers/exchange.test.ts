import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import { limits } from '../../src/core/limits.ts';
import { compareVersions, diedAtMs, isMortal } from '../../src/core/version.ts';
import { VersionPage } from '../../src/peers/pages.ts';
import { audit } from '../store/audit.ts';
import {
  del,
  FixedClock,
  foreign,
  hourMs,
  memoryLevel,
  path,
  put,
  testUuid,
  text,
} from '../store/harness.ts';
import { contents, TestNode, Wire, type TestNodeOptions } from './cluster.ts';

/** Nodes that share a clock, so that no two writes have one stamp unless a test wants it, and that know each other. */
async function startNodes(
  count: number,
  options: Pick<TestNodeOptions, 'changeLogEntriesMax'> = {},
): Promise<{ nodes: TestNode[]; wire: Wire; clock: FixedClock }> {
  const wire = new Wire();
  const clock = new FixedClock();
  const nodes: TestNode[] = [];
  for (let i = 0; i < count; i++) nodes.push(await TestNode.start({ id: `n${i}`, wire, clock, ...options }));
  for (const node of nodes) for (const other of nodes) if (node !== other) node.meet(other);
  return { nodes, wire, clock };
}

async function startTwo(
  options: Pick<TestNodeOptions, 'changeLogEntriesMax'> = {},
): Promise<{ a: TestNode; b: TestNode; wire: Wire; clock: FixedClock }> {
  const { nodes, ...rest } = await startNodes(2, options);
  const [a, b] = nodes as [TestNode, TestNode];
  return { a, b, ...rest };
}

const root = ({ store }: TestNode) => [...store.rootDigest()].join();
const valueAt = async ({ store }: TestNode, key: string) => text(await store.get(path(key)));

/** What a claim says must be true: whatever a node stored up to there, the other one holds, or something greater. */
async function expectClaimsToBeTrue(nodes: readonly TestNode[]): Promise<void> {
  for (const node of nodes) {
    const { versions } = await audit(node.level);
    for (const other of nodes) {
      if (node === other) continue;
      const claim = node.claimOf(other);
      for (const [key, version] of versions) {
        if (version.sequence > claim || claim === Infinity) continue;
        const held = await other.store.get(key);
        if (held !== undefined) expect(compareVersions(held, version)).toBeGreaterThanOrEqual(0);
        // Whoever lacks the key needs no tombstone past its retention.
        else expect(isMortal(version) && diedAtMs(version) < node.clock.ms - 24 * hourMs).toBe(true);
      }
    }
  }
}

it('A node knows who compares with it, from the first question until they are through', async () => {
  const { a, b } = await startTwo();
  await b.store.write([put('k', '1')]);
  const member = a.members.get('n1');
  if (member === undefined) throw new Error('They know each other');
  await a.transport.call(member, 'branches', null, { deadlineMs: 1_000 });
  expect([b.comparers.isComparing('n0'), a.comparers.isComparing('n1')]).toEqual([true, false]);
  await a.syncWith(b);
  expect(b.comparers.isComparing('n0')).toBe(false);
});

describe('two nodes that hold the same', () => {
  it('find it out with one call of at most a kilobyte each way, and claim it of each other', async () => {
    const { a, b, wire } = await startTwo();
    for (let i = 0; i < 40; i++) await a.store.write([put(`a-rather-long-directory/key-${i}`, '1')]);
    await a.syncWith(b);
    wire.sent.length = 0;
    expect(await a.syncWith(b)).toBe(1);
    expect(wire.sent.map(({ name }) => name)).toEqual(['compare', 'complete']);
    for (const { requestBytes, replyBytes } of wire.sent) {
      expect(requestBytes).toBeLessThanOrEqual(1_024);
      expect(replyBytes).toBeLessThanOrEqual(1_024);
    }
    expect(a.claimOf(b)).toBe(a.store.sequence);
    expect(b.claimOf(a)).toBe(b.store.sequence);
    expect(await a.claims.holds(b.store.storeId)).toBe(b.store.sequence);
    expect(await b.claims.holds(a.store.storeId)).toBe(a.store.sequence);
  });

  it('even when both are empty', async () => {
    const { a, b } = await startTwo();
    expect(await a.syncWith(b)).toBe(1);
  });
});

describe('two nodes that differ', () => {
  it('in their last writes only, look at the leaves of those alone', async () => {
    const { a, b, wire, clock } = await startTwo();
    await a.store.write(Array.from({ length: 300 }, (_, i) => put(`k${i}`, '1')));
    await a.syncWith(b);
    clock.ms++;
    await a.store.write([put('k7', '2')]);
    clock.ms++;
    await b.store.write([put('new', '3')]);
    wire.sent.length = 0;
    await a.syncWith(b);
    expect(wire.sent.map(({ name }) => name)).toEqual([
      'compare',
      'entries',
      'fetch',
      'push',
      'compare',
      'complete',
    ]);
    expect(await valueAt(b, 'k7')).toBe('2');
    expect(await valueAt(a, 'new')).toBe('3');
    expect(root(a)).toBe(root(b));
  });

  it('since they were parted, look at what each has changed, and at no digest', async () => {
    const { a, b, wire, clock } = await startTwo();
    await a.store.write(Array.from({ length: 5_000 }, (_, i) => put(`k${i}`, '1')));
    await a.syncWith(b);
    // What the first one brought is claimed with the next.
    await a.syncWith(b);
    clock.ms++;
    await a.store.write(Array.from({ length: 1_500 }, (_, i) => put(`k${i}`, 'of a')));
    await a.store.write([put('only of a', '1'), del('k2000'), del('k2001')]);
    clock.ms++;
    await b.store.write(Array.from({ length: 1_500 }, (_, i) => put(`k${i + 1_000}`, 'of b')));
    await b.store.write([put('only of b', '1'), put('k2001', 'again')]);
    wire.sent.length = 0;
    await a.syncWith(b);
    const names = wire.sent.map(({ name }) => name);
    expect(names.filter((name) => name === 'changes')).toHaveLength(2);
    expect(names).toContain('get');
    expect(names).not.toContain('branches');
    expect(root(a)).toBe(root(b));
    expect(await contents(a.store)).toEqual(await contents(b.store));
    expect(await Promise.all(['k0', 'k1200', 'k2000', 'k2001'].map((key) => valueAt(a, key)))).toEqual([
      'of a',
      'of b',
      'of b',
      'again',
    ]);
    await expectClaimsToBeTrue([a, b]);
  });

  it('while each step sees another write come to an end, and leave what is new to its own push', async () => {
    const { a, b, clock } = await startTwo();
    await a.store.write([put('first', '1')]);
    for (let round = 0; round < 2; round++) await a.syncWith(b);
    for (const node of [a, b]) {
      clock.ms++;
      await node.store.write(Array.from({ length: 30 }, (_, i) => put(`${node.id}/${i}`, '1')));
    }
    const exchange = a.exchangeWith(b);
    let steps = 0;
    do {
      clock.ms++;
      for (const node of [a, b]) await node.store.write([put(`live/${node.id}/${steps}`, '1')]);
    } while ((await exchange.step()) !== null && ++steps < 200);
    expect(steps).toBeLessThan(200);
    await expectClaimsToBeTrue([a, b]);
    await a.syncWith(b);
    expect(root(a)).toBe(root(b));
  });

  it('come to an end also when the one who is asked writes while it answers', async () => {
    const wire = new Wire();
    const clock = new FixedClock();
    const a = await TestNode.start({ id: 'n0', wire, clock });
    let lives = 0;
    const b = await TestNode.start({
      id: 'n1',
      wire,
      clock,
      wrap: (store) => {
        const { entriesOf } = store;
        return Object.assign(store, {
          entriesOf: async (paths: readonly KeyPath[]) => {
            clock.ms++;
            if (lives++ < 100) await store.write([put(`live/${lives}`, '1')]);
            return Reflect.apply(entriesOf, store, [paths]);
          },
        });
      },
    });
    a.meet(b);
    b.meet(a);
    await b.store.write([put('first', '1')]);
    for (let round = 0; round < 2; round++) await a.syncWith(b);
    lives = 0;
    await b.store.write(Array.from({ length: 30 }, (_, i) => put(`b/${i}`, '1')));
    await a.store.write([put('a', '1')]);
    await a.syncWith(b);
    expect(lives).toBeGreaterThan(0);
    expect(lives).toBeLessThan(2 * limits.changeRoundsMax);
  });

  it('and while others bring one of them data, read its log again, and look at no digest', async () => {
    const { nodes, wire, clock } = await startNodes(3);
    const [a, b, c] = nodes as [TestNode, TestNode, TestNode];
    await a.store.write([put('first', '1')]);
    for (let round = 0; round < 2; round++) for (const node of [a, c]) await node.syncWith(b);
    for (const node of [a, c]) {
      clock.ms++;
      await node.store.write(Array.from({ length: 2_500 }, (_, i) => put(`${node.id}/${i}`, '1')));
    }
    wire.sent.length = 0;
    const exchanges = [a.exchangeWith(b), c.exchangeWith(b)];
    for (let open = exchanges; open.length > 0;) {
      const kinds = await Promise.all(open.map((exchange) => exchange.step()));
      open = open.filter((_, index) => kinds[index] !== null);
    }
    await a.syncWith(b);
    await c.syncWith(b);
    expect(new Set(wire.sent.map(({ name }) => name))).not.toContain('branches');
    expect([root(a), root(c)]).toEqual([root(b), root(b)]);
    expect(Object.keys(await contents(b.store))).toHaveLength(5_001);
    await expectClaimsToBeTrue(nodes);
  });

  it('in more than their change logs remember, find the rest by the digests', async () => {
    const { a, b, wire, clock } = await startTwo({ changeLogEntriesMax: 100 });
    await a.store.write([put('first', '1')]);
    await a.syncWith(b);
    for (const node of [a, b]) {
      for (let at = 0; at < 10; at++) {
        clock.ms++;
        await node.store.write(Array.from({ length: 50 }, (_, i) => put(`${node.id}/${at}/${i}`, '1')));
      }
    }
    wire.sent.length = 0;
    await a.syncWith(b);
    expect(wire.sent.map(({ name }) => name)).toContain('branches');
    expect(root(a)).toBe(root(b));
  });

  it('in more than the log of the one who is asked remembers, push only what the digests miss there', async () => {
    const { a, b, wire, clock } = await startTwo({ changeLogEntriesMax: 100 });
    await a.store.write([put('first', '1')]);
    await a.syncWith(b);
    await a.syncWith(b);
    clock.ms++;
    const held = Array.from({ length: 60 }, (_, i) => path(`held/${i}`));
    await a.store.write(held.map((key) => put(key, '1')));
    const page = new VersionPage();
    await page.fill(a.store, held);
    await b.store.merge(page.versions);
    clock.ms++;
    await a.store.write([put('only of a', '1')]);
    for (let i = 0; i < 200; i++) {
      clock.ms++;
      await b.store.write([put(`only of b/${i}`, '1')]);
    }
    const theirs = await a.claims.holds(b.store.storeId);
    expect(await b.store.changesSince(theirs, 1)).toBeNull();
    expect(await a.store.changesSince(a.claimOf(b), 100)).toHaveLength(61);
    wire.sent.length = 0;
    const exchange = a.exchangeWith(b);
    while ((await exchange.step()) !== null);
    const names = new Set(wire.sent.map(({ name }) => name));
    expect(names).toEqual(
      new Set(['compare', 'entries', 'fetch', 'changes', 'branches', 'leaves', 'push', 'complete']),
    );
    expect(exchange.progress()).toMatchObject({ pushed: 1, fetched: 200 });
    expect(await contents(a.store)).toEqual(await contents(b.store));
    expect(root(a)).toBe(root(b));
    await expectClaimsToBeTrue([a, b]);
  });

  it('in values larger than a page, exchange them one by one', async () => {
    const { a, b, wire, clock } = await startTwo();
    const large = 'x'.repeat(limits.pageBytesMax + 1);
    await a.store.write([put('large/1', large), put('large/2', large), put('small', '1')]);
    clock.ms++;
    await b.store.write([put('large/3', large), put('large/4', large)]);
    await a.syncWith(b);
    expect(await contents(a.store)).toEqual(await contents(b.store));
    expect(Object.keys(await contents(a.store))).toHaveLength(5);
    for (const { requestBytes, replyBytes } of wire.sent) {
      expect(Math.max(requestBytes, replyBytes)).toBeLessThan(2 * limits.pageBytesMax);
    }
  });

  it('in more keys than a page holds, take several of them', async () => {
    const { a, b, wire, clock } = await startTwo();
    await a.store.write(Array.from({ length: 2_500 }, (_, i) => put(`a${i}`, '1')));
    clock.ms++;
    await b.store.write(Array.from({ length: 2_500 }, (_, i) => put(`b${i}`, '1')));
    await a.syncWith(b);
    expect(root(a)).toBe(root(b));
    expect((await a.store.newest(10_000)).length).toBe(5_000);
    expect(wire.sent.filter(({ name }) => name === 'fetch').length).toBeGreaterThanOrEqual(3);
    await expectClaimsToBeTrue([a, b]);
  });

  it('while both are written to, hold in the end whatever was there at the beginning', async () => {
    const { a, b, wire, clock } = await startTwo();
    await a.store.write(Array.from({ length: 200 }, (_, i) => put(`a${i}`, '1')));
    await b.store.write(Array.from({ length: 200 }, (_, i) => put(`b${i}`, '1')));
    let writes = 0;
    const transportBusy = async () => {
      clock.ms++;
      await a.store.write([put(`a${writes}`, '2'), del(`a${writes + 1}`)]);
      clock.ms++;
      await b.store.write([put(`b${writes}`, '2'), put(`a${writes + 3}`, '3')]);
      writes++;
    };
    const exchange = a.exchangeWith(b);
    do await transportBusy();
    while ((await exchange.step()) !== null);
    await expectClaimsToBeTrue([a, b]);
    expect(a.claimOf(b)).toBeGreaterThan(0);
    wire.sent.length = 0;
    await a.syncWith(b);
    expect(await contents(a.store)).toEqual(await contents(b.store));
  });
});

const keys = Array.from({ length: 10 }, (_, i) => `key/${i}`);
const key = fc.constantFrom(...keys);

describe('whatever happened on both sides', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('put' as const), node: fc.nat(2), key }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), node: fc.nat(2), key }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('expire' as const), node: fc.nat(2), key, hours: fc.nat(30) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), hours: fc.nat(30) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('collect' as const), node: fc.nat(2) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('sync' as const), node: fc.nat(2), other: fc.nat(2) }),
    },
  );

  it.each([
    ['two nodes', 2],
    ['three nodes', 3],
  ] as const)('%s become equal, and claim only what is true', async (_, count) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 40 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        async (steps, losses) => {
          const { nodes, wire, clock } = await startNodes(count);
          let untilLoss = 10;
          wire.fault = () => {
            if (--untilLoss > 0) return;
            untilLoss = losses.next().value * 2;
            throw new KvsError('KVS_PEER_UNREACHABLE', 'lost');
          };
          const nodeAt = (index: number) => nodes[index % count] as TestNode;
          /** A machine may take a step again after a failure. */
          const syncWithLosses = async (from: TestNode, to: TestNode) => {
            const exchange = from.exchangeWith(to);
            for (let isDone = false; !isDone;) {
              isDone = await exchange.step().then(
                (kind) => kind === null,
                () => false,
              );
            }
          };
          for (const item of steps) {
            clock.ms++;
            if (item.kind === 'wait') clock.ms += item.hours * hourMs;
            else if (item.kind === 'put') await nodeAt(item.node).store.write([put(item.key, `${clock.ms}`)]);
            else if (item.kind === 'delete') await nodeAt(item.node).store.write([del(item.key)]);
            else if (item.kind === 'expire')
              await nodeAt(item.node).store.write([put(item.key, 'x', clock.ms + item.hours * hourMs)]);
            else if (item.kind === 'collect') {
              const node = nodeAt(item.node);
              await node.store.collect(node.members.leastClaim(node.store.sequence).sequence);
            } else if (nodeAt(item.node) !== nodeAt(item.other)) {
              await syncWithLosses(nodeAt(item.node), nodeAt(item.other));
              await expectClaimsToBeTrue(nodes);
            }
          }
          wire.fault = () => undefined;
          for (let round = 0; round < count; round++) {
            for (const from of nodes) for (const to of nodes) if (from !== to) await from.syncWith(to);
          }
          await expectClaimsToBeTrue(nodes);
          for (const node of nodes) await node.store.collect(0);
          const [first, ...others] = nodes as [TestNode, ...TestNode[]];
          for (const other of others) {
            expect(root(other)).toBe(root(first));
            expect(await contents(other.store)).toEqual(await contents(first.store));
          }
          for (const { store } of nodes) await store.close();
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('deletes', () => {
  /** A key that both hold, that the first one deletes, and whose tombstone is past its retention there. */
  async function retiredAtFirst(): Promise<Awaited<ReturnType<typeof startTwo>>> {
    const two = await startTwo();
    await two.a.store.write([put('k', '1')]);
    await two.a.syncWith(two.b);
    two.clock.ms++;
    await two.a.store.write([del('k')]);
    two.clock.ms += 25 * hourMs;
    expect(await two.a.store.collect(0)).toMatchObject({ retired: 1, held: 1 });
    return two;
  }

  it.each(['the one with the tombstone', 'the one with the old value'])(
    'past their retention still win over an old value, when %s begins',
    async (who) => {
      const { a, b } = await retiredAtFirst();
      if (who === 'the one with the tombstone') await a.syncWith(b);
      else await b.syncWith(a);
      expect((await b.store.get(path('k')))?.deleted).toBe(true);
      expect((await a.store.get(path('k')))?.deleted).toBe(true);
      await expectClaimsToBeTrue([a, b]);
      expect(a.claimOf(b)).toBe(a.store.sequence);
      await b.store.collect(0);
      expect(root(a)).toBe(root(b));
    },
  );

  it('are not removed before the other one holds them, and not brought back after', async () => {
    const { a, b } = await retiredAtFirst();
    const collect = ({ store, members }: TestNode) =>
      store.collect(members.leastClaim(store.sequence).sequence);
    expect(await collect(a)).toMatchObject({ removed: 0, held: 1 });
    await a.syncWith(b);
    expect(await collect(a)).toMatchObject({ removed: 1, held: 0 });
    await b.syncWith(a);
    expect(await a.store.get(path('k'))).toBeUndefined();
    await collect(b);
    await a.syncWith(b);
    await collect(b);
    expect(await b.store.get(path('k'))).toBeUndefined();
    expect(root(a)).toBe(root(b));
  });

  it('are not sent to and fro between nodes that collect at different moments', async () => {
    const { a, b } = await retiredAtFirst();
    await a.syncWith(b);
    const { sequence } = a.store;
    const theirs = b.store.sequence;
    for (let round = 0; round < 3; round++) {
      await a.syncWith(b);
      await b.syncWith(a);
    }
    expect(a.store.sequence).toBe(sequence);
    expect(b.store.sequence).toBe(theirs);
  });

  it('that are undone by a later write stay undone, also when the tombstone is retired', async () => {
    const { a, b, clock } = await retiredAtFirst();
    clock.ms++;
    await b.store.write([put('k', '2')]);
    await a.syncWith(b);
    expect(await valueAt(a, 'k')).toBe('2');
    expect(await valueAt(b, 'k')).toBe('2');
  });
});

describe('claims', () => {
  it('are not made while two versions of a key wait for a vote, which whoever found them hears of', async () => {
    const { a, b } = await startTwo();
    await a.store.write([put('k', 'a'), put('only-a', '1')]);
    await b.store.write([put('k', 'b')]);
    await a.syncWith(b);
    expect(new Set(a.conflicts)).toEqual(new Set(['k']));
    expect(await valueAt(a, 'k')).toBe('a');
    expect(await valueAt(b, 'k')).toBe('b');
    expect(await valueAt(b, 'only-a')).toBe('1');
    expect([a.claimOf(b), b.claimOf(a)]).toEqual([0, 0]);
    expect(await a.claims.holds(b.store.storeId)).toBe(0);
  });

  it('are refused by another store than the one that was compared, and then made by nobody', async () => {
    const { a, b, wire, clock } = await startTwo();
    await a.store.write([put('k', '1')]);
    const exchange = a.exchangeWith(b);
    const elsewhere = new Wire();
    elsewhere.started = 10;
    const fresh = await TestNode.start({ id: 'n1', wire: elsewhere, clock });
    fresh.meet(a);
    wire.fault = (name, phase) => {
      if (name === 'complete' && phase === 'request') wire.nodes.set('n1:1', fresh);
    };
    const run = async () => {
      while ((await exchange.step()) !== null);
    };
    await expect(run()).rejects.toMatchObject({ code: 'KVS_OTHER_MEMBER' });
    expect([a.claimOf(b), fresh.claimOf(a)]).toEqual([0, 0]);
    expect(await fresh.claims.holds(a.store.storeId)).toBe(0);
  });

  it('are on the own disk before the other one hears of them', async () => {
    const { a, b, wire } = await startTwo();
    await b.store.write([put('k', '1')]);
    let held: Promise<number> | undefined;
    wire.fault = (name, phase) => {
      if (name === 'complete' && phase === 'request') held = a.claims.holds(b.store.storeId);
    };
    await a.syncWith(b);
    expect(await held).toBe(b.store.sequence);
  });

  it('speak of the beginning of the exchange: what came later is claimed by the next one', async () => {
    const { a, b, clock } = await startTwo();
    await a.store.write([put('k', '1')]);
    const exchange = a.exchangeWith(b);
    await exchange.step();
    const { sequence } = a.store;
    clock.ms++;
    await a.store.write([put('late', '1')]);
    while ((await exchange.step()) !== null);
    expect(a.claimOf(b)).toBe(sequence);
  });
});

describe('digests that are not summed yet', () => {
  it('call no two nodes equal: neither the comparison nor its branches are answered', async () => {
    const { a, b, wire, clock } = await startTwo();
    const level = memoryLevel();
    const before = await TestNode.start({ id: 'n2', wire, clock, level });
    await before.store.write([put('theirs', '1')]);
    let isReady = true;
    const summing = await TestNode.start({
      id: 'n2',
      wire,
      clock,
      wrap: (store) =>
        new Proxy(store, {
          get: (target, property) => {
            if (property === 'digestsReady') return isReady;
            if (!isReady && property === 'branchDigests') return () => new Uint32Array(1_024);
            const value: unknown = Reflect.get(target, property, target);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        }),
    });
    await summing.store.write([put('theirs', '1')]);
    a.meet(summing);
    b.meet(summing);
    isReady = false;
    await expect(a.syncWith(summing)).rejects.toMatchObject({ code: 'KVS_NOT_READY' });
    await expect(summing.syncWith(a)).rejects.toMatchObject({ code: 'KVS_NOT_READY' });
    isReady = true;
    // A restart of the peer between two steps.
    wire.fault = (name, phase) => {
      if (name === 'branches' && phase === 'request') isReady = false;
    };
    await summing.store.write(Array.from({ length: 40 }, (_, i) => put(`k${i}`, '1')));
    await expect(a.syncWith(summing)).rejects.toMatchObject({ code: 'KVS_NOT_READY' });
    expect(await a.claims.holds(summing.store.storeId)).toBe(0);
  });
});

describe('a peer that answers nonsense', () => {
  it.each([
    ['leaves that nobody asked for', 'entries', { listings: [{ leaf: 1, entries: new Uint8Array() }] }],
    ['no leaf', 'entries', { listings: [] }],
    ['nothing of what was asked for, for ever', 'fetch', { versions: [], isComplete: false }],
    ['fewer branches than asked for', 'leaves', { digests: [] }],
  ] as const)('such as %s, fails the exchange instead of ending it', async (_, bad, reply) => {
    const { a, b } = await startTwo();
    await b.store.write(Array.from({ length: 40 }, (_unused, i) => put(`k${i}`, '1')));
    const { call } = a.transport;
    Object.assign(a.transport, {
      call: (to: never, name: string, ...rest: [never, never]) =>
        name === bad ? Promise.resolve(reply) : call(to, name as never, ...rest),
    });
    await expect(a.syncWith(b)).rejects.toMatchObject({ code: 'KVS_PEER_FAILED' });
    expect(await a.claims.holds(b.store.storeId)).toBe(0);
  });
});

describe('versions of one instant that both were voted on', () => {
  it('are settled by their order, in one exchange', async () => {
    const { a, b } = await startTwo();
    const rival = (uuid: number, data: string) => ({
      path: 'k' as KeyPath,
      version: foreign({ uuid: testUuid(uuid), votes: 2, data: Buffer.from(data) }),
    });
    await a.store.merge([rival(1, 'lesser uuid')]);
    await b.store.merge([rival(2, 'greater uuid')]);
    await a.syncWith(b);
    expect(await valueAt(a, 'k')).toBe('lesser uuid');
    expect(await valueAt(b, 'k')).toBe('lesser uuid');
    expect(root(a)).toBe(root(b));
    expect(a.claimOf(b)).toBeGreaterThan(0);
  });
});
