import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { differingDigests, digestToHex } from '../../src/core/digest-tree.ts';
import { hex, packEntries, pathHash } from '../../src/core/leaf-entries.ts';
import { limits } from '../../src/core/limits.ts';
import type { Commit, MergeResult } from '../../src/core/ports.ts';
import { checkVersion, compareStamps, type Version } from '../../src/core/version.ts';
import { GzipPacker } from '../../src/store/gzip-packer.ts';
import type { Level } from '../../src/store/level.ts';
import { RocksdbLevel } from '../../src/store/rocksdb-level.ts';
import type { OpenVersionStore } from '../../src/store/version-store.ts';
import { audit } from './audit.ts';
import {
  CountingRandom,
  del,
  foreign,
  hourMs,
  memoryLevel,
  openTestStore,
  path,
  put,
  testUuid,
  text,
} from './harness.ts';

/** A place where data outlives the handle that is open on it. */
interface Place {
  /** A new, unopened handle. */
  level(): Level;
  remove(): Promise<void>;
}

const places: Record<string, () => Promise<Place>> = {
  'memory-level': async () => {
    const level = memoryLevel();
    return { level: () => level, remove: () => level.close() };
  },
  RocksdbLevel: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kvs-store-'));
    return {
      level: () => new RocksdbLevel(folder) as unknown as Level,
      remove: () => rm(folder, { recursive: true }),
    };
  },
};

describe.each(Object.entries(places))('a version store on %s', (_, makePlace) => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  async function open(overrides: Parameters<typeof openTestStore>[1] = {}) {
    const place = await makePlace();
    cleanups.push(place.remove);
    const level = place.level();
    const opened = await openTestStore(level, overrides);
    let current = opened.store;
    cleanups.push(() => current.close());
    return {
      ...opened,
      level,
      /** Closes the store and opens it again, with the same clock. */
      async reopen(more: Parameters<typeof openTestStore>[1] = {}): Promise<OpenVersionStore> {
        await current.close();
        const again = await openTestStore(place.level(), { clock: opened.clock, ...overrides, ...more });
        current = again.store;
        return current;
      },
    };
  }

  async function writeOne(store: OpenVersionStore, request: ReturnType<typeof put>) {
    const [result] = await store.write([request]);
    return result;
  }

  async function mergeOne(
    store: OpenVersionStore,
    key: string,
    version: Version,
  ): Promise<MergeResult | undefined> {
    const [result] = await store.merge([{ path: path(key), version }]);
    return result;
  }

  describe('writing', () => {
    it('stores a value with all that identifies it, and gives back its bytes', async () => {
      const { store, clock } = await open();
      const result = await writeOne(store, put('users/john', ' {"a" : 1}'));
      expect(result).toMatchObject({
        outcome: 'created',
        version: {
          timestamp: clock.ms,
          counter: 0,
          origin: 'node1',
          originJoined: store.createdAt,
          votes: 0,
          deleted: false,
          contentType: 'application/json',
        },
      });
      expect(text(await store.get(path('users/john')))).toBe(' {"a" : 1}');
    });

    it('tells a new key from a replaced one, and a deleted key from an absent one', async () => {
      const { store } = await open();
      const outcomes = await store.write([
        put('k', '1'),
        put('k', '2'),
        del('k'),
        del('k'),
        put('k', '3'),
        del('none'),
      ]);
      expect(outcomes.map(({ outcome }) => outcome)).toEqual([
        'created',
        'replaced',
        'deleted',
        'absent',
        'created',
        'absent',
      ]);
    });

    it('stamps a write above the version that it replaces, though that came from a clock far ahead', async () => {
      const { store, clock } = await open();
      const ahead = foreign({ timestamp: clock.ms + 10 * hourMs, counter: 7 });
      await mergeOne(store, 'k', ahead);
      const result = await writeOne(store, put('k', '"later"'));
      expect(result).toMatchObject({ version: { timestamp: ahead.timestamp, counter: 8 } });
      expect(text(await store.get(path('k')))).toBe('"later"');
      const other = await writeOne(store, put('other', '1'));
      expect(other).toMatchObject({ version: { timestamp: clock.ms } });
    });

    it('keeps the order of concurrent writes of one key, each above the one before', async () => {
      const { store } = await open();
      const results = await Promise.all(
        Array.from({ length: 200 }, (_unused, i) => writeOne(store, put('k', String(i)))),
      );
      const stamps = results.map((result) =>
        result !== undefined && 'version' in result ? result.version.counter : undefined,
      );
      expect(stamps).toEqual(Array.from({ length: 200 }, (_unused, i) => i));
      expect(text(await store.get(path('k')))).toBe('199');
    });

    it('shares commits between writes that come together', async () => {
      const { store } = await open();
      await Promise.all(Array.from({ length: 500 }, (_unused, i) => writeOne(store, put(`k${i}`, '1'))));
      expect(store.stats().commitWrites).toBe(500);
      expect(store.stats().commits).toBeLessThan(50);
    });

    it('takes more writes at once than fit in one group', async () => {
      const { store, level } = await open();
      const count = 3 * limits.commitWritesMax + 1;
      await store.write(Array.from({ length: count }, (_unused, i) => put(`k${i % 700}`, String(i))));
      expect(text(await store.get(path(`k${(count - 1) % 700}`)))).toBe(String(count - 1));
      expect(await audit(level)).toMatchObject({ missing: [], stray: [] });
    });

    it('refuses what does not fit in the queue, whole, and goes on', async () => {
      const { store } = await open();
      const many = Array.from({ length: limits.pendingWritesMax + 1 }, () => del('k'));
      await expect(store.write(many)).rejects.toMatchObject({ code: 'KVS_OVERLOADED' });
      expect(await store.write([])).toEqual([]);
      expect(await writeOne(store, put('k', '1'))).toMatchObject({ outcome: 'created' });
    });

    it('refuses bytes beyond the bound of the queue', async () => {
      const { store } = await open();
      const data = new Uint8Array(limits.valueBytesCeiling);
      const request = { ...put('k', ''), kind: 'put' as const, contentType: '', data };
      const count = limits.pendingWriteBytesMax / limits.valueBytesCeiling + 1;
      const writing = store.write(Array.from({ length: count }, () => request));
      await expect(writing).rejects.toMatchObject({ code: 'KVS_OVERLOADED' });
    });
  });

  describe('reading', () => {
    it('answers from memory what was written or read last, and knows absent keys too', async () => {
      const { store, reopen } = await open();
      await writeOne(store, put('k', '1'));
      expect(text(store.peek(path('k')))).toBe('1');
      await store.whenDigestsReady();
      expect(store.peek(path('none'))).toBeNull();
      const again = await reopen();
      expect([again.peek(path('k')), again.peek(path('none'))]).toEqual([undefined, undefined]);
      expect(text(await again.get(path('k')))).toBe('1');
      await again.whenDigestsReady();
      expect(again.peek(path('none'))).toBeNull();
      expect(text(again.peek(path('k')))).toBe('1');
    });

    it('reads many keys in their order, missing ones included', async () => {
      const { store, reopen } = await open();
      await store.write([put('a', '1'), put('b', '2')]);
      const again = await reopen();
      const found = await again.getMany([path('b'), path('none'), path('a'), path('b')]);
      expect(found.map(text)).toEqual(['2', undefined, '1', '2']);
    });

    it('never puts an old version into the cache when a write overtakes the read', async () => {
      const { store, reopen } = await open({ cacheBytes: 1 });
      await writeOne(store, put('k', '0'));
      const again = await reopen();
      for (let i = 1; i <= 50; i++) {
        const reading = again.get(path('k'));
        await writeOne(again, put('k', String(i)));
        await reading;
        expect(text(await again.get(path('k')))).toBe(String(i));
      }
    });

    it('keeps the cache within its bound', async () => {
      const { store } = await open({ cacheBytes: 100_000 });
      for (let i = 0; i < 300; i++) await store.write([put(`k${i}`, 'x'.repeat(500))]);
      expect(store.stats().cacheBytes).toBeLessThanOrEqual(100_000);
      expect(store.stats().cacheEntries).toBeGreaterThan(10);
    });
  });

  it('lets a load of many keys drive nothing out of the cache, and keeps current what is there', async () => {
    const { store } = await open();
    await store.write([put('k7', '"old"')]);
    await store.write(Array.from({ length: 2000 }, (_unused, i) => put(`k${i}`, '"new"')));
    expect(text(store.peek(path('k7')))).toBe('"new"');
    expect(store.stats().cacheEntries).toBeLessThan(100);
    expect(text(await store.get(path('k8')))).toBe('"new"');
  });

  describe('merging', () => {
    it('accepts a greater version, knows its own, and answers a lesser one with what it holds', async () => {
      const { store } = await open();
      const older = foreign({ uuid: testUuid(1), counter: 1 });
      const newer = foreign({ uuid: testUuid(2), counter: 2 });
      expect(await mergeOne(store, 'k', older)).toEqual({ outcome: 'accepted' });
      expect(await mergeOne(store, 'k', newer)).toEqual({ outcome: 'accepted' });
      expect(await mergeOne(store, 'k', newer)).toEqual({ outcome: 'known' });
      expect(await mergeOne(store, 'k', older)).toMatchObject({
        outcome: 'stale',
        current: { uuid: newer.uuid },
      });
    });

    it('keeps what it has when stamps tie, until a vote decides, and takes the winner of the vote', async () => {
      const { store } = await open();
      const mine = foreign({ uuid: testUuid(1), originJoined: 9 });
      const rival = foreign({ uuid: testUuid(2), originJoined: 1 });
      await mergeOne(store, 'k', mine);
      expect(await mergeOne(store, 'k', rival)).toMatchObject({
        outcome: 'conflict',
        current: { uuid: mine.uuid },
      });
      expect(await mergeOne(store, 'k', { ...rival, votes: 2 })).toEqual({ outcome: 'accepted' });
      expect(await mergeOne(store, 'k', mine)).toMatchObject({ outcome: 'stale' });
      expect(await mergeOne(store, 'k', { ...mine, votes: 1 })).toMatchObject({ outcome: 'stale' });
    });

    it('follows the clock of a merged version, and not of one that stands too far ahead', async () => {
      const { store, clock, logger } = await open();
      await mergeOne(store, 'k', foreign({ timestamp: clock.ms + 5000 }));
      expect(await writeOne(store, put('a', '1'))).toMatchObject({
        version: { timestamp: clock.ms + 5000, counter: 1 },
      });
      await mergeOne(store, 'k', foreign({ timestamp: clock.ms + 10 * hourMs }));
      expect(await writeOne(store, put('b', '1'))).toMatchObject({
        version: { timestamp: clock.ms + 5000, counter: 2 },
      });
      expect(logger.lines).toContainEqual({
        level: 'warn',
        message: expect.stringContaining('from the future'),
      });
    });

    it('counts each version from the future that it stored, and says so in the log once', async () => {
      const { store, clock, logger } = await open();
      const future = foreign({ timestamp: clock.ms + 10 * hourMs });
      await mergeOne(store, 'near', foreign({ timestamp: clock.ms + 5000 }));
      for (const key of ['a', 'b', 'a']) await mergeOne(store, key, future);
      expect(store.stats().futureVersions).toBe(2);
      expect(logger.lines).toHaveLength(1);
    });

    it('changes nothing when one of the versions is malformed', async () => {
      const { store } = await open();
      const merging = store.merge([
        { path: path('a'), version: foreign() },
        { path: path('b'), version: foreign({ timestamp: 2 ** 53 }) },
      ]);
      await expect(merging).rejects.toMatchObject({ code: 'KVS_BAD_REQUEST' });
      expect(await store.get(path('a'))).toBeUndefined();
    });
  });

  describe('the change log', () => {
    it('lists what changed since a sequence, in order, in whole commits', async () => {
      const { store } = await open();
      await store.write([put('a', '1'), put('b', '1')]);
      const seen = store.sequence;
      await store.write([put('a', '2')]);
      await store.write([del('b'), put('a', '3')]);
      const all = await store.changesSince(0, 100);
      expect(all?.map((change) => change.path)).toEqual(['a', 'b', 'a', 'b', 'a']);
      const later = await store.changesSince(seen, 100);
      expect(later?.map((change) => change.path)).toEqual(['a', 'b', 'a']);
      const page = await store.changesSince(seen, 2);
      expect(page?.map((change) => change.path)).toEqual(['a']);
      expect(await store.changesSince(store.sequence, 100)).toEqual([]);
      const [first] = all ?? [];
      expect(first).toMatchObject({ uuid: testUuid(2), timestamp: 1_700_000_000_000 });
    });

    it('survives a restart, with the sequence and the clock', async () => {
      const { store, clock, reopen } = await open();
      clock.ms += hourMs;
      await store.write([put('a', '1'), put('b', '2')]);
      const before = store.sequence;
      clock.ms -= 2 * hourMs;
      const again = await reopen();
      expect(again.sequence).toBe(before);
      expect(await writeOne(again, put('c', '3'))).toMatchObject({
        version: { timestamp: clock.ms + 2 * hourMs, counter: 2 },
      });
      expect(again.sequence).toBeGreaterThan(before);
      expect((await again.changesSince(before, 10))?.map((change) => change.path)).toEqual(['c']);
    });

    it('is trimmed at its bound; a reader that needs what is gone is told to start over', async () => {
      const { store, reopen } = await open({ changeLogEntriesMax: 100 });
      for (let i = 0; i < 30; i++) {
        await store.write(Array.from({ length: 10 }, (_unused, k) => put(`k${k}`, String(i))));
      }
      const again = await reopen();
      const end = again.sequence;
      expect(await again.changesSince(0, 1000)).toBeNull();
      expect(await again.changesSince(end - 9, 1000)).toHaveLength(90);
      expect(await again.changesSince(end + 1, 1000)).toBeNull();
    });

    it('tells listeners of each durable commit once, with the last version of each key', async () => {
      const { store, logger } = await open();
      const commits: Commit[] = [];
      store.onCommit(() => {
        throw new Error('a broken listener harms nobody');
      });
      const stop = store.onCommit((commit) => commits.push(commit));
      await store.write([put('a', '1'), put('a', '2'), put('b', '1')]);
      await mergeOne(store, 'c', foreign());
      stop();
      await store.write([put('a', '3')]);
      expect(commits.map(({ changes }) => changes.map((c) => [c.path, text(c.version), c.local]))).toEqual([
        [
          ['a', '2', true],
          ['b', '1', true],
        ],
        [['c', '"foreign"', false]],
      ]);
      expect(commits.at(-1)?.sequence).toBeLessThan(store.sequence);
      expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(3);
    });
  });

  describe('notes', () => {
    it('are kept beside the data, after all writes that were asked for before', async () => {
      const { store, reopen } = await open();
      const writing = store.write([put('a', '1')]);
      await store.setNote('holds/x', Buffer.from('12'));
      await writing;
      const again = await reopen();
      expect(Buffer.from((await again.note('holds/x')) ?? []).toString()).toBe('12');
      await again.setNote('holds/x', undefined);
      expect(await again.note('holds/x')).toBeUndefined();
    });
  });

  describe('the time index', () => {
    it('lists keys newest first, page by page', async () => {
      const { store, clock } = await open();
      for (const key of ['a', 'b', 'c', 'd']) {
        clock.ms += 1000;
        await store.write([put(key, '1')]);
      }
      await store.write([put('a', '2')]);
      const first = await store.newest(3);
      expect(first.map((entry) => entry.path)).toEqual(['a', 'd', 'c']);
      expect((await store.newest(3, first.at(-1))).map((entry) => entry.path)).toEqual(['b']);
    });
  });

  describe('digests', () => {
    it('equal those of another store that came to the same versions on another way', async () => {
      const [a, b] = [await open(), await open()];
      await Promise.all([a.store.whenDigestsReady(), b.store.whenDigestsReady()]);
      const versions = Array.from({ length: 50 }, (_unused, i) => ({
        path: path(`k${i % 20}`),
        version: foreign({ uuid: testUuid(i), counter: i }),
      }));
      await a.store.merge(versions);
      expect(a.store.rootDigest()).not.toEqual(b.store.rootDigest());
      for (const version of versions.toReversed()) await b.store.merge([version]);
      expect(digestToHex(a.store.rootDigest())).toBe(digestToHex(b.store.rootDigest()));
      expect(a.store.branchDigests()).toEqual(b.store.branchDigests());
    });

    it('are summed anew at a restart, and list the entries of one leaf', async () => {
      const { store, reopen } = await open();
      await store.write(Array.from({ length: 300 }, (_unused, i) => put(`k${i}`, '1')));
      const before = digestToHex(store.rootDigest());
      const again = await reopen();
      await again.whenDigestsReady();
      expect(again.digestsReady).toBe(true);
      expect(digestToHex(again.rootDigest())).toBe(before);
      const branches = again.branchDigests();
      const branch = branches.findIndex((lane) => lane !== 0) >> 2;
      const leaf = (branch << 8) + (again.leafDigests(branch).findIndex((lane) => lane !== 0) >> 2);
      const [listing] = await again.listLeaves([leaf], 10);
      expect(listing?.paths.length).toBeGreaterThan(0);
      const entries = (listing?.paths ?? []).map(async (key) => ({
        ...((await again.get(key)) ?? foreign()),
        path: key,
      }));
      expect(listing?.packed).toEqual(packEntries(await Promise.all(entries)));
    });

    it('list whole leaves in the order asked for, at least one and no more than fit, all keys together', async () => {
      const { store } = await open();
      await store.write(Array.from({ length: 400 }, (_unused, i) => put(`k${i}`, '1')));
      const all = Array.from({ length: 256 }, (_unused, branch) =>
        [...differingDigests(store.leafDigests(branch), new Uint32Array(1_024)), 7].map(
          (at) => branch * 256 + at,
        ),
      ).flat();
      const everything = await store.listLeaves(all, 1_000);
      expect(everything.map(({ leaf }) => leaf)).toEqual(all);
      const paths = everything.flatMap((listing) => listing.paths);
      expect(new Set(paths).size).toBe(400);
      const packed = everything.map((listing) => hex(listing.packed)).join('');
      const hashes = everything.flatMap((listing) => listing.paths.map((key) => hex(pathHash(key))));
      expect(packed.match(/.{56}/g)?.map((entry) => entry.slice(0, 16))).toEqual(hashes);
      expect(hashes).toEqual(hashes.toSorted());

      const filled = everything.filter((listing) => listing.paths.length > 0).map(({ leaf }) => leaf);
      const backwards = filled.toReversed();
      for (const entriesMax of [0, 1, 7, 50]) {
        const some = await store.listLeaves(backwards, entriesMax);
        expect(some.map(({ leaf }) => leaf)).toEqual(backwards.slice(0, some.length));
        const count = some.reduce((sum, listing) => sum + listing.paths.length, 0);
        expect(some.length === 1 || count <= entriesMax).toBe(true);
        const next = everything.find(({ leaf }) => leaf === backwards[some.length]);
        expect(count + (next?.paths.length ?? 0)).toBeGreaterThan(entriesMax);
      }
      expect(await store.listLeaves([], 10)).toEqual([]);
    });

    it('count writes that come while they are still being summed', async () => {
      const { store, reopen } = await open();
      await store.write(Array.from({ length: 2000 }, (_unused, i) => put(`k${i}`, '1')));
      const again = await reopen();
      expect(again.digestsReady).toBe(false);
      await again.write([
        ...Array.from({ length: 500 }, (_unused, i) => put(`k${i}`, '2')),
        put('new', '1'),
        del('k7'),
      ]);
      await again.whenDigestsReady();
      const inPlace = digestToHex(again.rootDigest());
      const fresh = await reopen();
      await fresh.whenDigestsReady();
      expect(inPlace).toBe(digestToHex(fresh.rootDigest()));
    });
  });

  describe('tombstones', () => {
    it('leave digests and listings past the retention, and go for good once everybody claims them', async () => {
      const { store, clock, level } = await open();
      await store.whenDigestsReady();
      const empty = digestToHex(store.rootDigest());
      await store.write([put('k', '1')]);
      await store.write([del('k')]);
      const claimed = store.sequence;
      expect(await store.collect(claimed)).toEqual({ retired: 0, removed: 0, held: 0 });
      expect(await store.newest(10)).toHaveLength(1);
      clock.ms += 24 * hourMs + 1;
      expect(await store.collect(claimed - 1)).toEqual({ retired: 1, removed: 0, held: 1 });
      expect(digestToHex(store.rootDigest())).toBe(empty);
      expect(await store.newest(10)).toEqual([]);
      expect(await store.get(path('k'))).toMatchObject({ deleted: true });
      expect(await audit(level)).toMatchObject({ missing: [], stray: [] });
      expect(await store.collect(claimed)).toEqual({ retired: 0, removed: 1, held: 0 });
      expect(await store.get(path('k'))).toBeUndefined();
      expect((await audit(level)).versions.size).toBe(0);
    });

    it('past the retention still beat an older live version, and say so', async () => {
      const { store, clock } = await open();
      await store.write([put('k', '1'), del('k')]);
      clock.ms += 25 * hourMs;
      await store.collect(0);
      const revenant = foreign({ timestamp: clock.ms - 26 * hourMs });
      expect(await mergeOne(store, 'k', revenant)).toMatchObject({
        outcome: 'stale',
        current: { deleted: true },
      });
    });

    it('past the retention are declined by a node that lacks the key, and taken by one that has it', async () => {
      const { store, clock } = await open();
      const old = foreign({ timestamp: clock.ms - 25 * hourMs, deleted: true, contentType: '' });
      expect(await mergeOne(store, 'k', old)).toEqual({ outcome: 'declined' });
      expect(await store.get(path('k'))).toBeUndefined();
      await mergeOne(store, 'k', foreign({ timestamp: old.timestamp - 1 }));
      expect(await mergeOne(store, 'k', old)).toEqual({ outcome: 'accepted' });
      expect(await store.get(path('k'))).toMatchObject({ deleted: true });
    });

    it('that are gone still lie below what is written later, when the clock has stepped back and the node started anew', async () => {
      const { store, clock, reopen } = await open();
      const [gone] = await store.write([put('k', '1'), del('k')]);
      clock.ms += 25 * hourMs;
      await store.collect(store.sequence);
      expect(await store.collect(store.sequence)).toMatchObject({ held: 0 });
      expect(await store.get(path('k'))).toBeUndefined();
      clock.ms -= 30 * hourMs;
      const again = await reopen();
      const [later] = await again.write([put('k', '2')]);
      const versions = [gone, later].map((result) => (result as { version: Version }).version);
      expect(compareStamps(versions[0] as Version, versions[1] as Version)).toBeLessThan(0);
    });

    it('give way to a new value, before and after they were retired, without a trace in the indexes', async () => {
      const { store, clock, level } = await open();
      await store.write([put('a', '1'), put('b', '1'), del('a'), del('b')]);
      await store.write([put('a', '2')]);
      clock.ms += 25 * hourMs;
      expect(await store.collect(0)).toEqual({ retired: 1, removed: 0, held: 1 });
      const [result] = await store.write([put('b', '2')]);
      expect(result).toMatchObject({ outcome: 'created' });
      expect(await store.collect(store.sequence)).toEqual({ retired: 0, removed: 0, held: 0 });
      expect(await audit(level)).toMatchObject({ missing: [], stray: [] });
      expect([text(await store.get(path('a'))), text(await store.get(path('b')))]).toEqual(['2', '2']);
    });
  });

  describe('expiry', () => {
    it('makes a version its own tombstone, without a new one', async () => {
      const { store, clock, level } = await open();
      await store.write([put('k', '"brief"', clock.ms + hourMs)]);
      const version = await store.get(path('k'));
      clock.ms += hourMs;
      expect(await store.get(path('k'))).toBe(version);
      expect(await store.write([del('k')])).toEqual([{ outcome: 'absent' }]);
      clock.ms += 24 * hourMs + 1;
      expect(await store.collect(store.sequence - 1)).toEqual({ retired: 1, removed: 0, held: 1 });
      const retired = await store.get(path('k'));
      expect(retired).toMatchObject({ uuid: version?.uuid, deleted: false });
      expect(retired?.data).toHaveLength(0);
      expect(await store.collect(store.sequence)).toEqual({ retired: 0, removed: 1, held: 0 });
      expect(await audit(level)).toMatchObject({ missing: [], stray: [] });
    });

    it.each([
      ['memory', 1_000_000],
      ['the disk', 1],
    ])('drops the data of a compressed version with its encoding, as seen from %s', async (_, cacheBytes) => {
      const { store, clock } = await open({ packer: new GzipPacker(1), cacheBytes });
      await store.write([put('k', `"${'brief'.repeat(100)}"`, clock.ms + hourMs)]);
      expect(await store.get(path('k'))).toMatchObject({ encoding: 'gzip' });
      clock.ms += 25 * hourMs + 1;
      expect(await store.collect(0)).toEqual({ retired: 1, removed: 0, held: 1 });
      const retired = await store.get(path('k'));
      if (retired === undefined) throw new Error('It is retired, not removed');
      expect([retired.data.length, retired.encoding]).toEqual([0, undefined]);
      // Otherwise no other node would take it.
      expect(() => checkVersion(retired)).not.toThrow();
    });

    it('keeps the order of writes of a key of which the earlier takes long to compress', async () => {
      const { store } = await open({ packer: new GzipPacker(1) });
      const long = `"${'slow '.repeat(100_000)}"`;
      const order: string[] = [];
      await Promise.all([
        store.write([put('k', long)]).then(() => order.push('long')),
        store.write([put('k', '1')]).then(() => order.push('short')),
        store.write([put('other', '1')]).then(() => order.push('other')),
      ]);
      expect(order.indexOf('other')).toBeLessThan(order.indexOf('long'));
      expect(text(await store.get(path('k')))).toBe('1');
    });

    it('ends when an update without it comes in time', async () => {
      const { store, clock } = await open();
      await store.write([put('k', '1', clock.ms + hourMs), put('k', '2')]);
      clock.ms += 100 * hourMs;
      expect(await store.collect(store.sequence)).toEqual({ retired: 0, removed: 0, held: 0 });
      expect(text(await store.get(path('k')))).toBe('2');
    });
  });

  describe('the store id', () => {
    it('stays over restarts, and is made anew only when the end of the log may be lost', async () => {
      const { store, reopen } = await open({ durable: false, bootId: 'boot-1' });
      const { storeId, createdAt } = store;
      let again = await reopen({ bootId: 'boot-2' });
      expect(again).toMatchObject({ storeId, createdAt });
      again = await reopen({ durable: true, bootId: 'boot-3' });
      expect(again.storeId).toBe(storeId);
    });
  });

  it('refuses writes once it is closing, after finishing those that it accepted', async () => {
    const { store } = await open();
    const writing = Promise.all(
      Array.from({ length: 20 }, (_unused, i) => writeOne(store, put(`k${i}`, '1'))),
    );
    const closing = store.close();
    await expect(store.write([put('late', '1')])).rejects.toMatchObject({ code: 'KVS_NOT_READY' });
    expect(await writing).toHaveLength(20);
    await closing;
  });
});

describe('a folder of another format', () => {
  it.each([1, 2])(
    'is turned into one of the present format, with all it holds, from format %i',
    async (format) => {
      const level = memoryLevel();
      const { store } = await openTestStore(level);
      await store.write([put('k', '"old"')]);
      const { storeId } = store;
      await store.close();
      const utf8 = { keyEncoding: 'utf8', valueEncoding: 'utf8' };
      await level.open();
      const identity = JSON.parse((await level.get<string, string>('midentity', utf8)) ?? '') as object;
      await level.put('midentity', JSON.stringify({ ...identity, format }), utf8);
      await level.close();

      const reopened = await openTestStore(level);
      expect(reopened.store.storeId).toBe(storeId);
      expect(text(await reopened.store.get(path('k')))).toBe('"old"');
      expect(await level.get<string, string>('midentity', utf8)).toBe(
        JSON.stringify({ ...identity, format: 3 }),
      );
      await reopened.store.close();
    },
  );

  it('is refused, and closed again', async () => {
    const level = memoryLevel();
    const { store } = await openTestStore(level);
    await store.close();
    await level.open();
    await level.put('midentity', '{"format":99}', { keyEncoding: 'utf8', valueEncoding: 'utf8' });
    await level.close();
    await expect(openTestStore(level)).rejects.toMatchObject({
      code: 'KVS_STORE_UNUSABLE',
      message: 'The data folder has format 99; this release reads format 3',
    });
    expect(level.status).toBe('closed');
  });
});

describe('a folder that was not closed without syncing', () => {
  it.each([
    ['keeps its id while the operating system runs on', 'boot-1', true],
    ['becomes another store when the operating system was started anew', 'boot-2', false],
    ['becomes another store when that cannot be told', undefined, false],
  ])('%s', async (_, bootId, isSame) => {
    const level = memoryLevel();
    const random = new CountingRandom();
    const { store } = await openTestStore(level, { durable: false, bootId: 'boot-1', random });
    await store.write([put('k', '1')]);
    await level.close();
    const again = await openTestStore(level, { durable: false, bootId, random });
    expect(again.store.storeId === store.storeId).toBe(isSame);
    expect(text(await again.store.get(path('k')))).toBe('1');
    await again.store.close();
  });
});
