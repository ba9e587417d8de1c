import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { WriteRequest } from '../../src/core/ports.ts';
import type { Level } from '../../src/store/level.ts';
import { audit, readVersions } from './audit.ts';
import { del, memoryLevel, openTestStore, path, put, text } from './harness.ts';

type Task = () => Promise<unknown>;

/** Has a level wait before each batch and each read, as long as it is told. */
function slowDown(level: Level, before: { batch: Task; read: Task }): void {
  const { batch, getMany } = level;
  Object.assign(level, {
    async batch(...args: unknown[]) {
      await before.batch();
      return (await Reflect.apply(batch, level, args)) as unknown;
    },
    async getMany(...args: unknown[]) {
      await before.read();
      return (await Reflect.apply(getMany, level, args)) as unknown;
    },
  });
}

async function pass(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise(setImmediate);
}

/** Puts or deletes of so many keys of a row, one of them after the other. */
const bulk = fc.record({
  from: fc.integer({ min: 0, max: 1_500 }),
  count: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 500, max: 1_500 })),
  step: fc.constantFrom(0, 1, 3),
  deletes: fc.boolean(),
  turnsBefore: fc.integer({ min: 0, max: 12 }),
});

type Bulk = typeof bulk extends fc.Arbitrary<infer T> ? T : never;

function requestsOf({ from, count, step, deletes }: Bulk, value: string): WriteRequest[] {
  return Array.from({ length: count }, (_, i) => {
    const key = `k${from + i * step}`;
    return deletes ? del(key) : put(key, value);
  });
}

describe('many writes at once', () => {
  it('are carried out in order, each of them once, however long the disk takes for what', async () => {
    const turns = fc.infiniteStream(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 15 })));
    await fc.assert(
      fc.asyncProperty(fc.array(bulk, { minLength: 2, maxLength: 6 }), turns, async (bulks, waits) => {
        const level = memoryLevel();
        const { store } = await openTestStore(level, { cacheBytes: 1 });
        await store.whenDigestsReady();
        // Some keys are there, and in no cache.
        const model = new Map<string, string>();
        for (let i = 0; i < 2_000; i += 7) model.set(`k${i}`, 'old');
        await store.write([...model].map(([key, value]) => put(key, value)));
        const wait = () => pass(waits.next().value ?? 0);
        slowDown(level, { batch: wait, read: wait });

        const writing = [];
        const expected: string[][] = [];
        for (const [index, each] of bulks.entries()) {
          await pass(each.turnsBefore);
          const requests = requestsOf(each, String(index));
          writing.push(store.write(requests));
          expected.push(requests.map((request) => outcomeOf(model, request, String(index))));
        }
        const results = await Promise.all(writing);
        expect(results.map((some) => some.map(({ outcome }) => outcome))).toEqual(expected);
        const { tree, missing, stray } = await audit(level);
        expect({ root: store.rootDigest(), missing, stray }).toEqual({
          root: tree.root(),
          missing: [],
          stray: [],
        });
        const live = [...(await readVersions(level))].filter(([, version]) => !version.deleted);
        expect(new Map(live.map(([key, version]) => [key, text(version)]))).toEqual(model);
        await store.close();
      }),
      { numRuns: 40 },
    );
  });

  it('are made ready while the disk is busy, once the keys are read that may be there', async () => {
    const level = memoryLevel();
    const { store } = await openTestStore(level, { cacheBytes: 1 });
    onTestFinished(() => store.close());
    await store.whenDigestsReady();
    await store.write([put('k550', 'old')]);
    let free = () => {};
    const busy = new Promise<void>((resolve) => (free = resolve));
    slowDown(level, { batch: () => busy, read: () => pass(5) });
    const sizes: number[] = [];
    store.onCommit(({ changes }) => sizes.push(changes.length));
    const keys = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => put(`k${from + i}`, 'new'));
    const first = store.write([put('first', 'new')]);
    await pass(5);
    const second = store.write(keys(0, 600));
    await pass(20);
    const third = store.write(keys(600, 610));
    free();
    await Promise.all([first, second, third]);
    expect(sizes).toEqual([1, 600, 10]);
    expect(text(await store.get(path('k550')))).toBe('new');
  });
});

/** What the write of a request does to the model. */
function outcomeOf(model: Map<string, string>, { kind, path: key }: WriteRequest, value: string): string {
  const isThere = model.has(key);
  if (kind === 'delete') return model.delete(key) ? 'deleted' : 'absent';
  model.set(key, value);
  return isThere ? 'replaced' : 'created';
}
