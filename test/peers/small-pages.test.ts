import { describe, expect, it, vi } from 'vitest';
import { leafOfEntry, pathHash } from '../../src/core/leaf-entries.ts';
import { limits } from '../../src/core/limits.ts';
import type { LeafSelection } from '../../src/core/peer-calls.ts';
import { holdVote } from '../../src/peers/voting.ts';
import { del, hourMs, path, put, text } from '../store/harness.ts';
import { contents, TestNode, Wire } from './cluster.ts';

/** The same code with bounds so small that each of them is met with little data. */
vi.mock('../../src/core/limits.ts', async (original) => {
  const module = await original<{ limits: Record<string, number> }>();
  return {
    ...module,
    limits: {
      ...module.limits,
      pageItemsMax: 7,
      pageBytesMax: 200,
      listedEntriesMax: 10,
      comparedBranchesMax: 3,
      newestEntries: 2,
      pendingWriteBytesMax: 1_500,
    },
  };
});

/** Paths of one leaf, found by trying. */
function pathsOfOneLeaf(count: number): string[] {
  const found: string[] = [];
  for (let i = 0; found.length < count; i++) {
    if (leafOfEntry(pathHash(path(`try${i}`))) === 7) found.push(`try${i}`);
  }
  return found;
}

const inOneLeaf = pathsOfOneLeaf(12);

async function startTwo(options: { wrap?: Parameters<typeof TestNode.start>[0]['wrap'] } = {}) {
  const wire = new Wire();
  const a = await TestNode.start({ id: 'a', wire });
  const b = await TestNode.start({
    id: 'b',
    wire,
    clock: a.clock,
    ...(options.wrap ? { wrap: options.wrap } : {}),
  });
  a.meet(b);
  return { a, b, wire };
}

async function expectEqual(a: TestNode, b: TestNode): Promise<void> {
  expect(await contents(b.store)).toEqual(await contents(a.store));
  expect([...b.store.rootDigest()]).toEqual([...a.store.rootDigest()]);
}

const selectionOf = (key: string): LeafSelection => {
  const hashes = pathHash(path(key));
  return { leaf: leafOfEntry(hashes), hashes };
};

describe('at every bound of a message', () => {
  it('an exchange goes on with the next one until both sides are equal', async () => {
    const { a, b, wire } = await startTwo();
    for (let i = 0; i < 30; i++) {
      await a.store.write([put(`a${i}`, 'x'.repeat(i * 8)), put(`both${i}`, 'a')]);
      a.clock.ms++;
      await b.store.write([put(`b${i}`, 'x'.repeat(i * 8)), put(`both${i}`, 'b')]);
      a.clock.ms++;
    }
    await a.syncWith(b);
    await expectEqual(a, b);
    expect(a.claimOf(b)).toBeGreaterThan(0);
    for (const { requestBytes, replyBytes } of wire.sent.filter(
      ({ name }) => name === 'push' || name === 'fetch',
    )) {
      expect(Math.max(requestBytes, replyBytes)).toBeLessThan(2_000);
    }
  });

  it.each(['a', 'b'] as const)(
    'a leaf with more entries than one listing holds is listed whole, when %s has it',
    async (who) => {
      const nodes = await startTwo();
      const keys = inOneLeaf;
      const holder = nodes[who];
      for (const key of keys) await holder.store.write([put(key, '1')]);
      await nodes.a.syncWith(nodes.b);
      await expectEqual(nodes.a, nodes.b);
      expect((await nodes.a.store.newest(100)).length).toBe(inOneLeaf.length);
      const other = who === 'a' ? nodes.b : nodes.a;
      expect(await other.claims.holds(holder.store.storeId)).toBe(holder.store.sequence);
    },
  );

  it('a reply to fetch stops at the first version that does not fit, and looks at no more leaves than that takes', async () => {
    const listed: number[] = [];
    const { a, b } = await startTwo({
      wrap: (store) =>
        new Proxy(store, {
          get: (target, property) => {
            const value: unknown = Reflect.get(target, property, target);
            if (property === 'listLeaves')
              return (leaves: readonly number[], entriesMax: number) => {
                listed.push(...leaves);
                return target.listLeaves(leaves, entriesMax);
              };
            return typeof value === 'function' ? value.bind(target) : value;
          },
        }),
    });
    const keys = Array.from({ length: 7 }, (_, i) => `k${i}`);
    await b.store.write(keys.map((key) => put(key, 'x'.repeat(150))));
    const fetch = (selections: LeafSelection[]) =>
      a.transport.call(a.member(b), 'fetch', { selections }, { deadlineMs: 1_000 });
    const first = await fetch(keys.map(selectionOf));
    expect(first).toMatchObject({ isComplete: false });
    expect(first.versions.map((one) => one.path)).toEqual(['k0']);
    listed.length = 0;
    const rest = await fetch(keys.slice(6).map(selectionOf));
    expect(rest).toMatchObject({ isComplete: true });
    // It was listed for the request before.
    expect(listed).toEqual([]);
    expect(await fetch([selectionOf('absent')])).toEqual({ versions: [], isComplete: true });
  });

  it('more than a page of greater versions in the answer to a push is cut, and no claim is made of it', async () => {
    const { a, b } = await startTwo();
    const keys = Array.from({ length: 6 }, (_, i) => `k${i}`);
    await a.store.write(keys.map((key) => put(key, 'old')));
    const old = await Promise.all(
      keys.map(async (key) => ({ path: path(key), version: await a.store.get(path(key)) })),
    );
    a.clock.ms++;
    await b.store.write(keys.map((key) => put(key, 'x'.repeat(90))));
    const versions = old.flatMap(({ path, version }) => (version === undefined ? [] : [{ path, version }]));
    const reply = await a.transport.call(
      a.member(b),
      'push',
      { versions, isRumour: false },
      { deadlineMs: 1_000 },
    );
    expect(reply.newer.map((one) => one.path)).toEqual(['k0', 'k1']);
    expect(reply.hasConflict).toBe(true);
  });

  it.each(['a', 'b'] as const)(
    'tombstones past their retention beat more old values than one message holds, when %s has the tombstones',
    async (who) => {
      const nodes = await startTwo();
      const [buried, living] = who === 'a' ? [nodes.a, nodes.b] : [nodes.b, nodes.a];
      const keys = inOneLeaf;
      await buried.store.write(keys.map((key) => put(key, 'old')));
      await nodes.a.syncWith(nodes.b);
      buried.clock.ms++;
      await buried.store.write(keys.map(del));
      buried.clock.ms += 25 * hourMs;
      expect(await buried.store.collect(0)).toMatchObject({ retired: keys.length });
      // Both have the same newest keys, so that the comparison of those finds nothing and all is found in one go.
      await buried.store.write([put('new/1', '1'), put('new/2', '1')]);
      for (const entry of await buried.store.newest(2)) {
        const version = await buried.store.get(entry.path);
        if (version !== undefined) await living.store.merge([{ path: entry.path, version }]);
      }
      await nodes.a.syncWith(nodes.b);
      for (const key of keys) expect((await living.store.get(path(key)))?.deleted).toBe(true);
      expect(await living.claims.holds(buried.store.storeId)).toBe(buried.store.sequence);
    },
  );

  it('a page of a bootstrap holds at least one version, and the next one begins where it ended', async () => {
    const { a, b } = await startTwo();
    for (let i = 0; i < 20; i++) {
      a.clock.ms++;
      await b.store.write([put(`k${i}`, 'x'.repeat(i % 3 === 0 ? 500 : 5))]);
    }
    const seen: string[] = [];
    let before = null;
    for (let pages = 0; ; pages++) {
      const page: Awaited<ReturnType<typeof ask>> = await ask(a, b, before);
      expect(page.versions.length).toBeGreaterThan(0);
      expect(page.versions.length).toBeLessThanOrEqual(limits.pageItemsMax);
      seen.push(...page.versions.map((one) => one.path));
      before = page.next;
      if (before === null) break;
      expect(pages).toBeLessThan(30);
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => `k${19 - i}`));
  });

  it('a vote fetches more winners from one holder than one request may name', async () => {
    const { a, b } = await startTwo();
    const keys = Array.from({ length: 7 }, (_, i) => `k${i}`);
    await a.store.write(keys.map((key) => put(key, 'a')));
    a.clock.ms++;
    await b.store.write(keys.map((key) => put(key, 'x'.repeat(150))));
    await holdVote(
      {
        store: a.store,
        members: a.members,
        transport: a.transport,
        merger: a.merger,
        clock: a.clock,
        logger: a.logger,
        publish: () => undefined,
      },
      keys.map(path),
    );
    for (const key of keys) expect(text(await a.store.get(path(key)))).toBe('x'.repeat(150));
  });

  it('winners of a vote that fill the queue of writes more than once are stored all the same', async () => {
    const { a, b } = await startTwo();
    const value = 'x'.repeat(limits.pendingWriteBytesMax / 5);
    const keys = Array.from({ length: 7 }, (_, i) => `k${i}`);
    await a.store.write(keys.map((key) => put(key, 'a')));
    a.clock.ms++;
    for (const key of keys) await b.store.write([put(key, value)]);
    const { store, members, transport, merger, clock, logger } = a;
    const ports = { store, members, transport, merger, clock, logger, publish: () => undefined };
    expect((await holdVote(ports, keys.map(path))).undecided).toEqual([]);
    for (const key of keys) expect(text(await a.store.get(path(key)))).toBe(value);
  });

  it('what turns out to be greater here, while it is fetched, is pushed before more is fetched', async () => {
    const { a, b, wire } = await startTwo();
    const keys = inOneLeaf;
    for (const key of keys) await b.store.write([put(key, 'old')]);
    const exchange = a.exchangeWith(b);
    while (!wire.sent.some(({ name }) => name === 'entries')) await exchange.step();
    a.clock.ms++;
    for (const key of keys) await a.store.write([put(key, 'new')]);
    const { length } = wire.sent;
    for (let kind = await exchange.step(); kind !== null; kind = await exchange.step());
    const names = wire.sent.slice(length).map(({ name }) => name);
    expect(names.slice(0, 4)).toEqual(['fetch', 'push', 'fetch', 'push']);
    await expectEqual(a, b);
  });
});

function ask(a: TestNode, b: TestNode, before: Parameters<typeof a.transport.call<'page'>>[2]['before']) {
  return a.transport.call(a.member(b), 'page', { before }, { deadlineMs: 1_000 });
}
