import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyPath } from '../../src/core/key-path.ts';
import { compareStamps, compareVersions, isConflict, type Version } from '../../src/core/version.ts';
import { GzipPacker } from '../../src/store/gzip-packer.ts';
import type { OpenVersionStore } from '../../src/store/version-store.ts';
import { audit } from './audit.ts';
import {
  CountingRandom,
  FixedClock,
  foreign,
  hourMs,
  memoryLevel,
  openTestStore,
  testUuid,
} from './harness.ts';

const keys = ['a', 'a/b', 'ü'] as KeyPath[];
const key = fc.constantFrom(...keys);
const kept = fc.integer({ min: 1, max: 5 });
/** Some of them shrink in gzip. */
const value = fc.integer({ min: 0, max: 999 }).map((number) => `"${String(number).repeat(number % 40)}"`);
const isExpiring = fc.boolean();

const merged = fc.record({
  kind: fc.constant('merge' as const),
  key,
  agoHours: fc.integer({ min: -1, max: 30 }),
  counter: fc.integer({ min: 0, max: 2 }),
  uuid: fc.integer({ min: 100, max: 108 }),
  votes: fc.integer({ min: 0, max: 2 }),
  deleted: fc.boolean(),
  isExpiring,
});

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), key, value, isExpiring }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  { weight: 6, arbitrary: merged },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('collect' as const), isAllClaimed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const), kept }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Known {
  readonly version: Version;
  readonly value: string;
}

/** A key as the documentation has it: the version that stands, and the others that are kept, newest first. */
interface History {
  readonly current: Known;
  readonly others: readonly Known[];
}

function newestFirst(a: Known, b: Known): number {
  return (
    compareStamps(b.version, a.version) ||
    b.version.votes - a.version.votes ||
    (a.version.uuid < b.version.uuid ? -1 : 1)
  );
}

class Model {
  readonly histories = new Map<KeyPath, History>();
  readonly #collected = new Set<KeyPath>();
  kept = 3;

  /** What stands now is `next`. */
  supersede(path: KeyPath, next: Known): void {
    const before = this.histories.get(path);
    const { uuid } = next.version;
    const older = before === undefined || this.#collected.has(path) ? [] : [before.current, ...before.others];
    const others = older.filter(({ version }) => version.uuid !== uuid).toSorted(newestFirst);
    this.histories.set(path, { current: next, others: others.slice(0, this.kept - 1) });
    this.#collected.delete(path);
  }

  merge(path: KeyPath, came: Known, isDeclined: boolean): void {
    const before = this.histories.get(path);
    if (before === undefined && isDeclined) return;
    const isGreater =
      before === undefined ||
      (!isConflict(came.version, before.current.version) &&
        compareVersions(came.version, before.current.version) > 0);
    if (isGreater) this.supersede(path, came);
    else this.#addLate(path, came, before);
  }

  #addLate(path: KeyPath, late: Known, before: History): void {
    const isKnown = [before.current, ...before.others].some(
      ({ version }) => version.uuid === late.version.uuid,
    );
    if (isKnown || this.#collected.has(path)) return;
    const others = [...before.others, late].toSorted(newestFirst);
    if (others.indexOf(late) >= this.kept - 1) return;
    this.histories.set(path, { current: before.current, others: others.slice(0, this.kept - 1) });
  }

  /** Only the mark of it is left, and that may be gone as well. */
  collect(path: KeyPath, isRemoved: boolean): void {
    const history = this.histories.get(path);
    if (history === undefined) return;
    this.#collected.add(path);
    this.histories.set(path, { current: history.current, others: [] });
    if (!isRemoved) return;
    this.histories.delete(path);
    this.#collected.delete(path);
  }

  /** What a reader gets to see. */
  shown(path: KeyPath): readonly Known[] {
    const history = this.histories.get(path);
    if (history === undefined || this.#collected.has(path)) return [];
    return [history.current, ...history.others].slice(0, this.kept);
  }
}

class Run {
  readonly level = memoryLevel();
  readonly clock = new FixedClock();
  readonly random = new CountingRandom();
  readonly model = new Model();
  store!: OpenVersionStore;

  async open(): Promise<void> {
    const { store } = await openTestStore(this.level, {
      clock: this.clock,
      random: this.random,
      packer: new GzipPacker(1),
      revisionsKept: this.model.kept,
      // A tiny cache, so that evictions are part of every run.
      cacheBytes: 8 * 750 * 2,
    });
    this.store = store;
  }

  async take(item: Step): Promise<void> {
    switch (item.kind) {
      case 'put': {
        const { key: path } = item;
        const expiresAt = item.isExpiring ? this.clock.ms + hourMs : undefined;
        const data = Buffer.from(item.value);
        const [result] = await this.store.write([{ kind: 'put', path, contentType: '', data, expiresAt }]);
        if (result !== undefined && 'version' in result) {
          this.model.supersede(path, { version: result.version, value: item.value });
        }
        return;
      }
      case 'delete': {
        const { key: path } = item;
        const [result] = await this.store.write([{ kind: 'delete', path }]);
        if (result?.outcome === 'deleted') this.model.supersede(path, { version: result.version, value: '' });
        return;
      }
      case 'merge': {
        const { key: path, counter, votes, deleted } = item;
        const timestamp = this.clock.ms - item.agoHours * hourMs;
        const uuid = testUuid(item.uuid);
        const text = deleted ? '' : `of ${uuid}`;
        const expiresAt = item.isExpiring && !deleted ? timestamp + hourMs : undefined;
        const data = Buffer.from(text);
        const version = foreign({ timestamp, counter, uuid, votes, deleted, expiresAt, data });
        const [result] = await this.store.merge([{ path, version }]);
        this.model.merge(path, { version, value: text }, result?.outcome === 'declined');
        return;
      }
      case 'wait':
        this.clock.ms += item.hours * hourMs;
        return;
      case 'collect': {
        await this.store.collect(item.isAllClaimed ? this.store.sequence : 0);
        const { versions } = await audit(this.level);
        for (const path of keys) {
          const version = versions.get(path);
          if (version === undefined || version.retired) this.model.collect(path, version === undefined);
        }
        return;
      }
      case 'reopen':
        await this.store.close();
        this.model.kept = item.kept;
        await this.open();
    }
  }

  async check(): Promise<void> {
    for (const path of keys) {
      const expected = this.model.shown(path);
      const listed = await this.store.revisions(path);
      expect(listed.map(({ uuid, deleted }) => ({ uuid, deleted }))).toEqual(
        expected.map(({ version: { uuid, deleted } }) => ({ uuid, deleted })),
      );
      for (const [index, { version, value }] of expected.entries()) {
        expect(listed[index]).toMatchObject({ timestamp: version.timestamp, bytes: value.length });
        const { uuid, expiresAt, data, encoding } = version;
        const bytes = Buffer.from(data).toString('hex');
        const read = await this.store.revision(path, uuid);
        expect(read).toMatchObject({ uuid, expiresAt });
        expect([Buffer.from(read?.data ?? []).toString('hex'), read?.encoding]).toEqual([bytes, encoding]);
      }
      for (const uuid of [testUuid(100), testUuid(108), testUuid(2)]) {
        const isShown = expected.some(({ version }) => version.uuid === uuid);
        expect((await this.store.revision(path, uuid)) !== undefined).toBe(isShown);
      }
    }
    const { missing, stray } = await audit(this.level);
    expect([missing, stray]).toEqual([[], []]);
  }
}

describe('after any sequence of writes, deletes, merges, collections and restarts with other settings', () => {
  it('every key has the revisions that the model has, byte by byte, and no record of one is left over', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const run = new Run();
        await run.open();
        try {
          for (const [index, item] of steps.entries()) {
            await run.take(item);
            if (index % 8 === 0) await run.check();
          }
          await run.check();
        } finally {
          await run.store.close();
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('two nodes that have seen the same versions, in any order and any number of times', () => {
  it('have the same revisions: the newest of all of them', async () => {
    const versions = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 20 });
    const order = versions.chain((counters) =>
      fc.tuple(
        fc.constant(counters),
        fc.shuffledSubarray(counters, { minLength: counters.length }),
        fc.array(fc.constantFrom(...counters), { maxLength: 10 }),
        fc.boolean(),
      ),
    );
    await fc.assert(
      fc.asyncProperty(order, kept, async ([counters, shuffled, again, isTogether], revisionsKept) => {
        const { store } = await openTestStore(memoryLevel(), { revisionsKept });
        try {
          const [path = '' as KeyPath] = keys;
          const all = [...shuffled, ...again].map((counter) => ({
            path,
            version: foreign({ counter, uuid: testUuid(counter), deleted: counter % 5 === 0 }),
          }));
          if (isTogether) await store.merge(all);
          else for (const one of all) await store.merge([one]);
          const newest = counters.toSorted((a, b) => b - a).slice(0, revisionsKept);
          expect((await store.revisions(path)).map(({ uuid }) => uuid)).toEqual(newest.map(testUuid));
        } finally {
          await store.close();
        }
      }),
      { numRuns: 100 },
    );
  });
});
