import fc from 'fast-check';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import type { KeyChild } from '../../src/core/ports.ts';
import type { Level } from '../../src/store/level.ts';
import { RocksdbLevel } from '../../src/store/rocksdb-level.ts';
import type { OpenVersionStore } from '../../src/store/version-store.ts';
import { del, memoryLevel, openTestStore, path, put } from './harness.ts';

async function storeWith(keys: readonly string[], level = memoryLevel()): Promise<OpenVersionStore> {
  const { store } = await openTestStore(level);
  if (keys.length > 0) await store.write(keys.map((key) => put(key, '1')));
  return store;
}

/** All children, page by page. */
async function childrenOf(
  store: OpenVersionStore,
  below: string | undefined,
  childrenMax: number = limits.debugChildrenMax,
): Promise<KeyChild[]> {
  const all: KeyChild[] = [];
  let from: Uint8Array | undefined;
  do {
    const page = await store.children(below as KeyPath | undefined, { childrenMax, from });
    expect(page.children.length).toBeLessThanOrEqual(childrenMax);
    all.push(...page.children);
    from = page.next;
  } while (from !== undefined);
  return all;
}

const shown = ({ path, version, hasChildren }: KeyChild) =>
  `${path}${version === undefined ? '' : ' key'}${hasChildren ? ' more' : ''}`;

describe('Listing the children of a path', () => {
  it.each([
    ['memory-level', async () => memoryLevel()],
    [
      'RocksdbLevel',
      async () => {
        const folder = await mkdtemp(join(tmpdir(), 'kvs-listing-'));
        onTestFinished(() => rm(folder, { recursive: true }));
        return new RocksdbLevel(folder) as unknown as Level;
      },
    ],
  ])(
    'gives each once, key or not, also where others stand between a key and what is below it: %s',
    async (_, open) => {
      const store = await storeWith(['a', 'a-b', 'a.c/d', 'a/x', 'a/y/z', 'a/y', 'b/c', 'é/ü'], await open());
      expect((await childrenOf(store, undefined)).map(shown)).toEqual([
        'a key more',
        'a-b key',
        'a.c more',
        'b more',
        'é more',
      ]);
      expect((await childrenOf(store, 'a', 1)).map(shown)).toEqual(['a/x key', 'a/y key more']);
      expect((await childrenOf(store, 'a/y')).map(shown)).toEqual(['a/y/z key']);
      expect(await childrenOf(store, 'none')).toEqual([]);
      await store.close();
    },
  );

  it('shows keys that are deleted, with their tombstones', async () => {
    const store = await storeWith(['gone']);
    await store.write([del('gone')]);
    expect(await childrenOf(store, undefined)).toMatchObject([{ path: 'gone', version: { deleted: true } }]);
    await store.close();
  });

  it('ends a page with the value that brings it over its bytes', async () => {
    const { store } = await openTestStore(memoryLevel());
    const large = JSON.stringify('x'.repeat(limits.pageBytesMax / 2));
    await store.write(['a', 'b', 'c'].map((key) => put(key, large)));
    const { children, next } = await store.children(undefined, { childrenMax: 10 });
    expect(children.map((child) => child.path)).toEqual(['a', 'b']);
    expect((await store.children(undefined, { childrenMax: 10, from: next })).children).toMatchObject([
      { path: 'c' },
    ]);
    await store.close();
  });

  it('stays below the path whatever position it is given', async () => {
    const store = await storeWith(['a', 'b/c', 'd']);
    const from = Buffer.from('v');
    expect((await store.children(path('b'), { childrenMax: 10, from })).children.map(shown)).toEqual([
      'b/c key',
    ]);
    const beyond = Buffer.from('z');
    expect((await store.children(path('b'), { childrenMax: 10, from: beyond })).children).toEqual([]);
    await store.close();
  });

  it('finds of any keys what a look at all of them finds, in pages of any size', async () => {
    const segment = fc.constantFrom('a', 'b', 'a-', 'a.b', 'a!', 'b0', 'é');
    const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { maxLength: 24 }),
        fc.option(key, { nil: undefined }),
        fc.integer({ min: 1, max: 4 }),
        async (keys, below, childrenMax) => {
          const store = await storeWith(keys);
          const found = (await childrenOf(store, below, childrenMax)).map(shown);
          await store.close();
          expect(found.toSorted()).toEqual(expectedChildren(keys, below).toSorted());
        },
      ),
      { numRuns: 60 },
    );
  });
});

function expectedChildren(keys: readonly string[], below: string | undefined): string[] {
  const prefix = below === undefined ? '' : `${below}/`;
  const names = keys
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length).split('/')[0]);
  return [...new Set(names)].map((name) => {
    const child = `${prefix}${name}`;
    const isKey = keys.includes(child);
    const hasMore = keys.some((key) => key.startsWith(`${child}/`));
    return `${child}${isKey ? ' key' : ''}${hasMore ? ' more' : ''}`;
  });
}
