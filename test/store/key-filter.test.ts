import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { KeyPath } from '../../src/core/key-path.ts';
import { hashPath } from '../../src/store/key-digest.ts';
import { KeyFilter } from '../../src/store/key-filter.ts';
import type { Level } from '../../src/store/level.ts';
import { del, hourMs, memoryLevel, openTestStore, path, put, text } from './harness.ts';

function lanesOf(key: string): Uint32Array {
  const lanes = new Uint32Array(4);
  hashPath(key as KeyPath, lanes);
  return lanes;
}

/** Counts the keys that are read from a level one by one, which take longer than to gather writes. */
function countReads(level: Level): { keys: number } {
  const seen = { keys: 0 };
  const { getMany } = level;
  Object.assign(level, {
    async getMany(keys: unknown[], ...rest: unknown[]) {
      seen.keys += keys.length;
      for (let i = 0; i < 10; i++) await setImmediate();
      return (await Reflect.apply(getMany, level, [keys, ...rest])) as unknown;
    },
  });
  return seen;
}

describe('a filter of keys', () => {
  it('knows nothing before it is complete', () => {
    const filter = new KeyFilter();
    expect(filter.mayHold(lanesOf('k'))).toBe(true);
    filter.complete();
    expect(filter.mayHold(lanesOf('k'))).toBe(false);
  });

  it('never denies a key that it was given', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 1_100 })), (keys) => {
        const filter = new KeyFilter();
        for (const key of keys) filter.add(lanesOf(key));
        filter.complete();
        expect(keys.every((key) => filter.mayHold(lanesOf(key)))).toBe(true);
      }),
    );
  });

  it('denies all but one in a hundred of the others, over several layers', () => {
    const filter = new KeyFilter();
    const count = 100_000;
    for (let i = 0; i < count; i++) filter.add(lanesOf(`shop/${i % 7}/item/${i}`));
    filter.complete();
    let denied = 0;
    let wrong = 0;
    for (let i = 0; i < count; i++) {
      if (!filter.mayHold(lanesOf(`shop/${i % 7}/item/${i}`))) denied++;
      if (filter.mayHold(lanesOf(`shop/${i % 7}/order/${i}`))) wrong++;
    }
    expect(denied).toBe(0);
    expect(wrong).toBeLessThan(count / 100);
  });

  it('gives up with more keys than its memory is meant for', () => {
    const filter = new KeyFilter(70_000);
    filter.complete();
    const lanes = Uint32Array.of(0, 1, 2, 3);
    for (let i = 0; i < 70_000; i++) filter.add(lanes);
    expect(filter.mayHold(lanesOf('k'))).toBe(false);
    filter.add(lanes);
    expect(filter.mayHold(lanesOf('k'))).toBe(true);
  });
});

describe('a store', () => {
  async function open(level: Level, clock?: Parameters<typeof openTestStore>[1]) {
    const seen = countReads(level);
    const opened = await openTestStore(level, { cacheBytes: 1, ...clock });
    await opened.store.whenDigestsReady();
    seen.keys = 0;
    return { ...opened, seen };
  }

  it('reads nothing from the disk for keys that it lacks, to read, write, delete or merge them', async () => {
    const { store, seen } = await open(memoryLevel());
    onTestFinished(() => store.close());
    expect(await store.get(path('a'))).toBeUndefined();
    await store.write([put('a', '1'), del('b')]);
    const [, version] = await store.getMany([path('none'), path('a')]);
    expect(seen.keys).toBe(1);
    if (version === undefined) throw new Error('It was written');
    await store.merge([{ path: path('c'), version }]);
    expect(seen.keys).toBe(1);
    expect([text(await store.get(path('a'))), text(await store.get(path('c')))]).toEqual(['1', '1']);
  });

  it.each([
    { at: 100, commits: [1_000], waits: 'which a small commit waits for' },
    { at: 600, commits: [600, 400], waits: 'which a large one does not, while the disk has nothing to do' },
  ])('reads of many keys only those that may be there, $waits', async ({ at, commits }) => {
    const { store, seen } = await open(memoryLevel());
    onTestFinished(() => store.close());
    await store.write([put(`k${at}`, '1')]);
    const sizes: number[] = [];
    store.onCommit(({ changes }) => sizes.push(changes.length));
    const results = await store.write(Array.from({ length: 1_000 }, (_, i) => put(`k${i}`, '2')));
    expect(results.filter(({ outcome }) => outcome === 'replaced')).toHaveLength(1);
    expect([seen.keys, sizes]).toEqual([1, commits]);
  });

  it('finds after a start whatever it held: live, deleted, and deleted so long ago that no index has it', async () => {
    const level = memoryLevel();
    const { store, clock } = await open(level);
    await store.write([put('live', '1'), put('deleted', '1'), put('retired', '1'), put('removed', '1')]);
    await store.write([del('retired'), del('removed')]);
    clock.ms += 25 * hourMs;
    await store.write([del('deleted')]);
    expect(await store.collect(0)).toEqual({ retired: 2, removed: 0, held: 2 });
    const found = async (from: typeof store) =>
      (await from.getMany(['live', 'deleted', 'retired', 'none'].map(path))).map((one) => one?.deleted);
    const held = await found(store);
    expect(held).toEqual([false, true, true, undefined]);
    await store.close();
    const again = await open(level, { clock });
    onTestFinished(() => again.store.close());
    expect(await found(again.store)).toEqual(held);
    expect(again.seen.keys).toBe(3);
  });

  it('finds a key that came back while it was being opened', async () => {
    const level = memoryLevel();
    const { store, clock } = await open(level);
    await store.write([put('k', '1'), del('k')]);
    clock.ms += 25 * hourMs;
    expect(await store.collect(0)).toMatchObject({ retired: 1 });
    await store.close();
    const { store: again } = await openTestStore(level, { cacheBytes: 1, clock });
    onTestFinished(() => again.close());
    await again.write([put('k', '2'), put('new', '3')]);
    await again.whenDigestsReady();
    expect([text(await again.get(path('k'))), text(await again.get(path('new')))]).toEqual(['2', '3']);
  });
});
