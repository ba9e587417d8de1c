import { describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import type { Commit } from '../../src/core/ports.ts';
import { DigestIndex } from '../../src/store/digest-index.ts';
import { KeyFilter } from '../../src/store/key-filter.ts';
import type { Level } from '../../src/store/level.ts';
import { memoryLevel, openTestStore, path, put, text } from './harness.ts';

/** Counts what is asked of a level at one time. */
function watch(level: Level) {
  const seen = { keysMax: 0, readsMax: 0, iteratorsMax: 0, held: Promise.resolve() };
  let reads = 0;
  let iterators = 0;
  const { getMany, iterator } = level;
  Object.assign(level, {
    async getMany(keys: unknown[], ...rest: unknown[]) {
      seen.keysMax = Math.max(seen.keysMax, keys.length);
      seen.readsMax = Math.max(seen.readsMax, ++reads);
      try {
        await seen.held;
        return (await Reflect.apply(getMany, level, [keys, ...rest])) as unknown;
      } finally {
        reads--;
      }
    },
    iterator(...options: unknown[]) {
      const made = Reflect.apply(iterator, level, options) as ReturnType<Level['iterator']>;
      const { all } = made;
      return Object.assign(made, {
        async all() {
          seen.iteratorsMax = Math.max(seen.iteratorsMax, ++iterators);
          try {
            return (await Reflect.apply(all, made, [])) as unknown;
          } finally {
            iterators--;
          }
        },
      });
    },
  });
  return seen;
}

async function open() {
  const level = memoryLevel();
  const seen = watch(level);
  const { store } = await openTestStore(level, { cacheBytes: 1 });
  onTestFinished(() => store.close());
  await store.whenDigestsReady();
  return { store, level, seen };
}

describe('one commit', () => {
  it('has so many writes and no more', async () => {
    const { store } = await open();
    const commits: Commit[] = [];
    store.onCommit((commit) => commits.push(commit));
    const count = 2 * limits.commitWritesMax + 1;
    await store.write(Array.from({ length: count }, (_, i) => put(`k${i}`, '1')));
    expect(commits.map(({ changes }) => changes.length)).toEqual([
      limits.commitWritesMax,
      limits.commitWritesMax,
      1,
    ]);
  });

  it('takes no further write once it has so many bytes', async () => {
    const { store } = await open();
    const commits: Commit[] = [];
    store.onCommit((commit) => commits.push(commit));
    const value = 'x'.repeat(limits.commitBytesMax / 4);
    const large = 'x'.repeat(limits.commitBytesMax + 1);
    await store.write([
      ...Array.from({ length: 5 }, (_, i) => put(`k${i}`, value)),
      put('large', large),
      put('last', '1'),
    ]);
    expect(commits.map(({ changes }) => changes.map((change) => String(change.path)))).toEqual([
      ['k0', 'k1', 'k2', 'k3'],
      ['k4', 'large'],
      ['last'],
    ]);
  });
});

describe('reading', () => {
  it('asks for so many keys in one go, twice at a time, however many wait', async () => {
    const { store, seen } = await open();
    await store.write(Array.from({ length: 5_000 }, (_, i) => put(`k${i}`, String(i))));
    expect(seen.keysMax).toBeLessThanOrEqual(1_024);
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    Object.assign(seen, { keysMax: 0, readsMax: 0, held });
    const reading: ReturnType<typeof store.get>[] = [];
    for (let i = 0; i < 5_000; i++) {
      reading.push(store.get(path(`k${i}`)));
      if (i % 100 === 0) await new Promise(setImmediate);
    }
    expect(seen.readsMax).toBe(2);
    release();
    const found = await Promise.all(reading);
    expect(found.map((version) => text(version))).toEqual(Array.from({ length: 5_000 }, (_, i) => String(i)));
    expect(seen).toMatchObject({ keysMax: 1_024, readsMax: 2 });
  });

  it('lists so many leaves at a time', async () => {
    const { level, seen } = await open();
    const index = new DigestIndex(level, new KeyFilter());
    await index.whenReady;
    const leaves = Array.from({ length: 100 }, (_, i) => i);
    expect((await index.list(leaves, limits.listedEntriesMax)).map(({ leaf }) => leaf)).toEqual(leaves);
    expect(seen.iteratorsMax).toBe(16);
  });
});
