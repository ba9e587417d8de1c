import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyPath } from '../../src/core/key-path.ts';
import { compareVersions, isAbsentAt, isConflict, type Version } from '../../src/core/version.ts';
import type { WriteCondition } from '../../src/core/write-condition.ts';
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

const keys = ['a', 'a/b', 'b', '_ts:', 'ü'] as KeyPath[];
const key = fc.constantFrom(...keys);
const hours = fc.integer({ min: 0, max: 40 });

/** `current` is the version that the model holds, dead or alive; `other` is one that no key ever has. */
const tags = fc.constantFrom('any', 'current', 'other', undefined);
const condition = fc.option(fc.record({ match: tags, noneMatch: tags }), { nil: undefined, freq: 2 });

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      key,
      ttlHours: fc.option(hours, { nil: undefined }),
      condition,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key, condition }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('merge' as const),
      key,
      agoHours: fc.integer({ min: -1, max: 40 }),
      counter: fc.integer({ min: 0, max: 2 }),
      uuid: fc.integer({ min: 100, max: 105 }),
      votes: fc.integer({ min: 0, max: 2 }),
      deleted: fc.boolean(),
      ttlHours: fc.option(hours, { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), hours }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('collect' as const), isAllClaimed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What the documentation promises, without indexes, caches, groups or disks. */
class Model {
  readonly current = new Map<KeyPath, Version>();

  merge(path: KeyPath, version: Version, isDeclined: boolean): void {
    const current = this.current.get(path);
    if (current === undefined) {
      if (!isDeclined) this.current.set(path, version);
    } else if (!isConflict(version, current) && compareVersions(version, current) > 0) {
      this.current.set(path, version);
    }
  }
}

type Condition = typeof condition extends fc.Arbitrary<infer T> ? T : never;
type Tags = typeof tags extends fc.Arbitrary<infer T> ? T : never;

function conditionFor(wanted: Condition, current: Version | undefined): WriteCondition | undefined {
  const tagsOf = (name: Tags) => {
    if (name === undefined || name === 'any') return name === 'any' ? '*' : undefined;
    return name === 'current' && current !== undefined ? [current.uuid] : [testUuid(999_999)];
  };
  return wanted && { ifMatch: tagsOf(wanted.match), ifNoneMatch: tagsOf(wanted.noneMatch) };
}

/** Whether a write is carried out, in the words of the documentation. */
function holds(wanted: Condition, isAbsent: boolean): boolean {
  if (wanted === undefined) return true;
  const names = (name: Tags) => !isAbsent && (name === 'any' || name === 'current');
  return (wanted.match === undefined || names(wanted.match)) && !names(wanted.noneMatch);
}

class Run {
  readonly level = memoryLevel();
  readonly clock = new FixedClock();
  readonly random = new CountingRandom();
  readonly model = new Model();
  store!: OpenVersionStore;

  async open(): Promise<void> {
    // A tiny cache, so that evictions are part of every run.
    const { store } = await openTestStore(this.level, {
      clock: this.clock,
      random: this.random,
      cacheBytes: 8 * 750 * 2,
    });
    this.store = store;
  }

  async take(item: Step): Promise<void> {
    switch (item.kind) {
      case 'put': {
        const { key: path, ttlHours } = item;
        const expiresAt = ttlHours === undefined ? undefined : this.clock.ms + ttlHours * hourMs;
        const before = this.model.current.get(path);
        const condition = conditionFor(item.condition, before);
        const data = Buffer.from('x');
        const request = { kind: 'put', path, contentType: '', data, expiresAt, condition } as const;
        const [result] = await this.store.write([request]);
        const isAbsent = before === undefined || isAbsentAt(before, this.clock.ms);
        if (!holds(item.condition, isAbsent)) {
          const current = result?.outcome === 'unmet' ? result.current?.uuid : 'written';
          expect(current).toBe(isAbsent ? undefined : before.uuid);
          return;
        }
        expect(result?.outcome).toBe(isAbsent ? 'created' : 'replaced');
        if (result?.outcome === 'created' || result?.outcome === 'replaced') {
          if (before !== undefined) expect(compareVersions(result.version, before)).toBeGreaterThan(0);
          this.model.current.set(path, result.version);
        }
        return;
      }
      case 'delete': {
        const { key: path } = item;
        const before = this.model.current.get(path);
        const condition = conditionFor(item.condition, before);
        const [result] = await this.store.write([{ kind: 'delete', path, condition }]);
        const isAbsent = before === undefined || isAbsentAt(before, this.clock.ms);
        const done = holds(item.condition, isAbsent) ? 'deleted' : 'unmet';
        expect(result?.outcome).toBe(isAbsent ? 'absent' : done);
        if (result?.outcome === 'deleted') this.model.current.set(path, result.version);
        return;
      }
      case 'merge': {
        const timestamp = this.clock.ms - item.agoHours * hourMs;
        const version = foreign({
          timestamp,
          counter: item.counter,
          votes: item.votes,
          uuid: testUuid(item.uuid),
          deleted: item.deleted,
          expiresAt:
            item.ttlHours === undefined || item.deleted ? undefined : timestamp + item.ttlHours * hourMs,
        });
        const [result] = await this.store.merge([{ path: item.key, version }]);
        this.model.merge(item.key, version, result?.outcome === 'declined');
        if (result?.outcome === 'declined') {
          expect(isAbsentAt(version, this.clock.ms - 24 * hourMs) || version.deleted).toBe(true);
        }
        return;
      }
      case 'wait':
        this.clock.ms += item.hours * hourMs;
        return;
      case 'collect':
        await this.store.collect(item.isAllClaimed ? this.store.sequence : 0);
        await this.#dropCollected();
        return;
      case 'reopen':
        await this.store.close();
        await this.open();
    }
  }

  /** A collected key is gone for good: only one that reads as absent, past its retention, may be. */
  async #dropCollected(): Promise<void> {
    for (const [path, version] of this.model.current) {
      if ((await this.store.get(path)) !== undefined) continue;
      const diedAt = version.deleted ? version.timestamp : (version.expiresAt ?? Infinity);
      expect(diedAt).toBeLessThan(this.clock.ms - 24 * hourMs);
      this.model.current.delete(path);
    }
  }

  async check(): Promise<void> {
    for (const path of keys) {
      const version = await this.store.get(path);
      const expected = this.model.current.get(path);
      expect(version?.uuid).toBe(expected?.uuid);
      if (version !== undefined && expected !== undefined) expect(compareVersions(version, expected)).toBe(0);
    }
    await this.store.whenDigestsReady();
    const { missing, stray, tree, versions } = await audit(this.level);
    expect([missing, stray]).toEqual([[], []]);
    expect(versions.size).toBe(this.model.current.size);
    expect(this.store.rootDigest()).toEqual(tree.root());
    expect(this.store.branchDigests()).toEqual(tree.branches());
  }
}

describe('after any sequence of writes, merges, collections, waits and restarts', () => {
  it('every key holds what the model holds, every index equals the data, and so does the digest tree', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const run = new Run();
        await run.open();
        try {
          for (const item of steps) await run.take(item);
          await run.check();
        } finally {
          await run.store.close();
        }
      }),
      { numRuns: 150 },
    );
  });

  it('the same holds when all of them are asked for at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const run = new Run();
        await run.open();
        try {
          const requests = steps.filter((item) => item.kind === 'put' || item.kind === 'delete');
          await Promise.all(
            requests.map((item) => {
              const { key: path } = item;
              return item.kind === 'put'
                ? run.store.write([{ kind: 'put', path, contentType: '', data: Buffer.from('x') }])
                : run.store.write([{ kind: 'delete', path }]);
            }),
          );
          for (const path of keys) {
            const last = requests.findLast((item) => item.key === path);
            const version = await run.store.get(path);
            expect(version !== undefined && !version.deleted).toBe(last?.kind === 'put');
            if (version !== undefined) run.model.current.set(path, version);
          }
          await run.check();
        } finally {
          await run.store.close();
        }
      }),
      { numRuns: 50 },
    );
  });
});
