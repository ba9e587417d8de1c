import fc from 'fast-check';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import type { ListedKey, ListOptions } from '../../src/core/ports.ts';
import type { Level } from '../../src/store/level.ts';
import { RocksdbLevel } from '../../src/store/rocksdb-level.ts';
import type { OpenVersionStore } from '../../src/store/version-store.ts';
import { del, FixedClock, memoryLevel, openTestStore, path, put } from './harness.ts';

async function storeWith(keys: readonly string[], level = memoryLevel()): Promise<OpenVersionStore> {
  const { store } = await openTestStore(level);
  onTestFinished(() => store.close());
  if (keys.length > 0) await store.write(keys.map((key) => put(key, '1')));
  return store;
}

async function rocksdbLevel(): Promise<Level> {
  const folder = await mkdtemp(join(tmpdir(), 'kvs-listing-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return new RocksdbLevel(folder) as unknown as Level;
}

type Asked = Omit<ListOptions, 'after'>;

/** All of a list, page by page. */
async function listed(store: OpenVersionStore, below: string | undefined, asked: Asked): Promise<string[]> {
  const all: string[] = [];
  let after: KeyPath | undefined;
  for (;;) {
    const page = await store.list(below as KeyPath | undefined, { ...asked, after });
    expect(page.entries.length).toBeLessThanOrEqual(asked.entriesMax);
    all.push(...page.entries.map(shown));
    after = page.entries.at(-1)?.path;
    if (!page.hasMore) return all;
    expect(page.entries).not.toEqual([]);
  }
}

const shown = ({ path, version, hasChildren }: ListedKey) =>
  `${path}${version === undefined ? '' : ' key'}${hasChildren ? ' more' : ''}`;

const levels = [
  ['memory-level', async () => memoryLevel()],
  ['RocksdbLevel', rocksdbLevel],
] as const;

describe('A list of what stands below a path', () => {
  it.each(levels)(
    'is in the order of the paths, also where others stand between a key and what is below it: %s',
    async (_, open) => {
      const keys = ['a-b', 'a/x', 'b', 'b-c', 'b.d/e', 'b/y', 'b/y/z', 'é/ü'];
      const store = await storeWith(keys, await open());
      const top = ['a more', 'a-b key', 'b key more', 'b-c key', 'b.d more', 'é more'];
      for (const entriesMax of [1, 2, 100]) {
        expect(await listed(store, undefined, { depth: 1, entriesMax })).toEqual(top);
        expect(await listed(store, undefined, { depth: 1, entriesMax, isReverse: true })).toEqual(
          top.toReversed(),
        );
      }
      expect(await listed(store, 'b', { depth: 1, entriesMax: 1 })).toEqual(['b/y key more']);
      expect(await listed(store, undefined, { entriesMax: 3 })).toEqual(keys.map((key) => `${key} key`));
      expect(await listed(store, 'none', { depth: 1, entriesMax: 1 })).toEqual([]);
      expect(await store.count(undefined)).toBe(keys.length);
      expect(await store.count(path('b'))).toBe(2);
    },
  );

  it('leaves out tombstones and expired versions, and directories that have nothing else, unless asked', async () => {
    const clock = new FixedClock();
    const { store } = await openTestStore(memoryLevel(), { clock });
    onTestFinished(() => store.close());
    await store.write([put('a/gone', '1'), put('b', '1', clock.ms + 1), put('b/c', '1'), put('d', '1')]);
    await store.write([del('a/gone'), del('d')]);
    const live = () => listed(store, undefined, { depth: 1, entriesMax: 10 });
    expect(await live()).toEqual(['b key more']);
    expect(await store.count(undefined)).toBe(2);
    clock.ms++;
    expect(await live()).toEqual(['b more']);
    expect(await store.count(undefined)).toBe(1);
    expect(await listed(store, undefined, { depth: 1, entriesMax: 10, withDead: true })).toEqual([
      'a more',
      'b key more',
      'd key',
    ]);
  });

  it('leaves out what is retired', async () => {
    const clock = new FixedClock();
    const { store } = await openTestStore(memoryLevel(), { clock, tombstoneRetentionMs: 1 });
    onTestFinished(() => store.close());
    await store.write([put('gone', '1'), put('here', '1')]);
    await store.write([del('gone')]);
    clock.ms += 10;
    expect(await store.collect(0)).toMatchObject({ retired: 1, removed: 0 });
    expect(await listed(store, undefined, { entriesMax: 10 })).toEqual(['here key']);
    expect(await store.count(undefined)).toBe(1);
  });

  it('ends a page before the value that would bring it over its bytes, but gives at least one', async () => {
    const store = await storeWith([]);
    const values = { a: '123', b: '1234', c: '12345678', d: '1' };
    await store.write(Object.entries(values).map(([key, value]) => put(key, value)));
    const pages: string[][] = [];
    let after: KeyPath | undefined;
    for (let hasMore = true; hasMore;) {
      const page = await store.list(undefined, { entriesMax: 10, bytesMax: 7, after });
      pages.push(page.entries.map(({ path, bytes }) => `${path} ${bytes}`));
      after = page.entries.at(-1)?.path;
      hasMore = page.hasMore;
    }
    expect(pages).toEqual([['a 3', 'b 4'], ['c 8'], ['d 1']]);
  });

  it('has the values only when they are wanted', async () => {
    const store = await storeWith(['a']);
    const dataOf = async (withValues: boolean) =>
      (await store.list(undefined, { entriesMax: 1, withValues })).entries[0]?.version?.data.length;
    expect([await dataOf(true), await dataOf(false)]).toEqual([1, 0]);
  });

  it('reads on over many deleted keys, and stops to count them when nobody wants to know any more', async () => {
    const count = 2 * limits.pageItemsMax + 50;
    const keys = Array.from({ length: count }, (_, i) => `k/${String(i).padStart(5, '0')}`);
    const store = await storeWith([...keys, 'a', 'z'], await rocksdbLevel());
    let asked = 0;
    const isWanted = () => ++asked <= 3;
    expect(await store.count(undefined)).toBe(count + 2);
    expect(await store.count(undefined, isWanted)).toBeLessThan(count);
    await store.write(keys.map(del));
    for (const isReverse of [false, true]) {
      const found = await listed(store, undefined, { depth: 1, entriesMax: 1, isReverse });
      expect(found.toSorted()).toEqual(['a key', 'z key']);
    }
    expect(await store.count(undefined)).toBe(2);
  });

  it('stays below the path whatever path it is to go on from', async () => {
    const store = await storeWith(['a', 'b/c', 'd']);
    for (const depth of [undefined, 1]) {
      const list = async (after: string, isReverse: boolean) =>
        (await store.list(path('b'), { depth, entriesMax: 10, after: path(after), isReverse })).entries.map(
          shown,
        );
      expect(await list('a', false)).toEqual(['b/c key']);
      expect(await list('d', true)).toEqual(['b/c key']);
      expect(await list('d', false)).toEqual([]);
      expect(await list('a', true)).toEqual([]);
    }
  });

  it.each(levels)(
    'holds what a look at all keys finds, page by page, whatever is written between two pages: %s',
    async (name, open) => {
      const segment = fc.constantFrom('a', 'b', 'a-', '-', 'a.b', 'a.b-a', 'a!', 'b0', 'é');
      const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));
      const state = fc.constantFrom('live', 'live', 'live', 'deleted', 'expired');
      const write = fc.record({ key, state });
      const level = await open();
      const clock = new FixedClock();
      const { store } = await openTestStore(level, { clock });
      onTestFinished(() => store.close());
      const apply = async (writes: readonly Written[], model: Map<string, string>) => {
        for (const { key, state } of writes) {
          await store.write([put(key, '1', state === 'expired' ? clock.ms : undefined)]);
          if (state === 'deleted') await store.write([del(key)]);
          model.set(key, state);
        }
      };
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(write, { maxLength: 24, selector: ({ key }) => key }),
          fc.array(fc.array(write, { maxLength: 3 }), { maxLength: 8 }),
          fc.record({
            below: fc.option(key, { nil: undefined }),
            depth: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
            // Few, or more than there are: then all is read at once.
            entriesMax: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constant(50)),
            isReverse: fc.boolean(),
            withDead: fc.boolean(),
          }),
          async (writes, later, { below, ...asked }) => {
            await level.clear();
            const model = new Map<string, string>();
            await apply(writes, model);
            let after: KeyPath | undefined;
            for (const more of [...later, ...Array.from({ length: 200 }, () => [])]) {
              const expected = naiveList(model, below, asked, after);
              const page = await store.list(below as KeyPath | undefined, { ...asked, after });
              expect(page.entries.map(shown)).toEqual(expected.slice(0, asked.entriesMax));
              expect(page.hasMore).toBe(expected.length > asked.entriesMax);
              if (!page.hasMore) break;
              after = page.entries.at(-1)?.path;
              await apply(more, model);
            }
            const live = { depth: undefined, isReverse: false, withDead: false };
            expect(await store.count(below as KeyPath | undefined)).toBe(
              naiveList(model, below, live, undefined).length,
            );
          },
        ),
        { numRuns: name === 'RocksdbLevel' ? 60 : 500 },
      );
    },
  );
});

interface Written {
  readonly key: string;
  readonly state: string;
}

/** What a list holds after a path, by looking at every key. */
function naiveList(
  model: ReadonlyMap<string, string>,
  below: string | undefined,
  { depth, isReverse, withDead }: Omit<Asked, 'entriesMax'>,
  after: string | undefined,
): string[] {
  const prefix = below === undefined ? '' : `${below}/`;
  const keys = [...model].filter(([, state]) => withDead === true || state === 'live').map(([key]) => key);
  const found = keys.filter((key) => key.startsWith(prefix));
  const paths =
    depth === undefined ? found : found.flatMap((key) => partsOf(key.slice(prefix.length), prefix, depth));
  const direction = isReverse === true ? -1 : 1;
  const compare = (a: string, b: string) => direction * Buffer.compare(Buffer.from(a), Buffer.from(b));
  return [...new Set(paths)]
    .filter((path) => after === undefined || compare(path, after) > 0)
    .toSorted(compare)
    .map((path) => {
      const hasMore = depth !== undefined && keys.some((key) => key.startsWith(`${path}/`));
      return `${path}${keys.includes(path) ? ' key' : ''}${hasMore ? ' more' : ''}`;
    });
}

/** The path itself and the directories that it is in, down to a depth. */
function partsOf(relative: string, prefix: string, depth: number): string[] {
  const segments = relative.split('/');
  return segments.slice(0, depth).map((_, i) => prefix + segments.slice(0, i + 1).join('/'));
}
