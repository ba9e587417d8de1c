import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { digestToHex } from '../../src/core/digest-tree.ts';
import { KvsError } from '../../src/core/errors.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import { limits } from '../../src/core/limits.ts';
import type { Commit } from '../../src/core/ports.ts';
import { GzipPacker } from '../../src/store/gzip-packer.ts';
import { encodeIdentity } from '../../src/store/identity.ts';
import { decodeRecord, encodeRecord, type StoredVersion } from '../../src/store/version-record.ts';
import type { Level, LevelOperation } from '../../src/store/level.ts';
import { RocksdbLevel } from '../../src/store/rocksdb-level.ts';
import type { OpenVersionStore } from '../../src/store/version-store.ts';
import { audit } from './audit.ts';
import { del, foreign, hourMs, memoryLevel, openTestStore, path, put, testUuid, text } from './harness.ts';

async function open(overrides: Parameters<typeof openTestStore>[1] = {}, level = memoryLevel()) {
  const under = await openTestStore(level, overrides);
  let { store } = under;
  onTestFinished(() => store.close());
  return {
    ...under,
    level,
    async reopen(more: Parameters<typeof openTestStore>[1] = {}): Promise<OpenVersionStore> {
      await store.close();
      ({ store } = await openTestStore(level, { clock: under.clock, ...overrides, ...more }));
      return store;
    },
  };
}

const k = path('k');

/** The values of all versions of a key that are kept; `deleted` for a deletion. */
async function history(store: OpenVersionStore, key: KeyPath = k): Promise<(string | undefined)[]> {
  const listed = await store.revisions(key);
  return Promise.all(
    listed.map(async ({ uuid, deleted }) => (deleted ? 'deleted' : text(await store.revision(key, uuid)))),
  );
}

/** The keys of all records of revisions. */
async function storedRevisions(level: Level): Promise<string[]> {
  const range = { gte: 'o', lt: 'p', keyEncoding: 'utf8' };
  return level.keys<string>(range).all();
}

/** The letter of the keyspace that an operation is about. */
function spaceOf({ key }: LevelOperation): string {
  return String.fromCharCode(key[0] ?? 0);
}

/** All that is written from now on. */
function operationsOf(level: Level): LevelOperation[] {
  const seen: LevelOperation[] = [];
  const { batch } = level;
  Object.assign(level, {
    batch(operations: LevelOperation[], options: object) {
      seen.push(...operations);
      return Reflect.apply(batch, level, [operations, options]) as unknown;
    },
  });
  return seen;
}

describe('the revisions of a key', () => {
  it('are the versions that it had, deletions too, as many as are kept, newest first, the present one included', async () => {
    const { store, clock } = await open();
    expect(await store.revisions(k)).toEqual([]);
    const results = await store.write([
      put('k', '1'),
      put('k', '22', clock.ms + hourMs),
      del('k'),
      put('k', '3'),
    ]);
    expect(await history(store)).toEqual(['3', 'deleted', '22']);
    const versions = results.flatMap((result) => ('version' in result ? [result.version] : []));
    const listed = await store.revisions(k);
    expect(listed.map(({ uuid }) => uuid)).toEqual(
      versions
        .toReversed()
        .slice(0, 3)
        .map(({ uuid }) => uuid),
    );
    expect(listed[2]).toEqual({
      uuid: versions[1]?.uuid,
      timestamp: versions[1]?.timestamp,
      origin: 'node1',
      contentType: 'application/json',
      deleted: false,
      expiresAt: clock.ms + hourMs,
      bytes: 2,
    });
    const { uuid, sequence, data } = versions[1] as StoredVersion;
    expect(await store.revision(k, uuid)).toMatchObject({ uuid, sequence, data });
    expect(await store.revision(k, versions[0]?.uuid ?? '')).toBeUndefined();
    expect(await store.revision(path('other'), versions[3]?.uuid ?? '')).toBeUndefined();
  });

  it('are as many after single writes as after writes that share a commit, and after a restart', async () => {
    const { store, reopen } = await open();
    for (const value of ['1', '2', '3', '4']) await store.write([put('k', value)]);
    await store.write([put('k', '5'), put('other', '1'), put('k', '6'), put('k', '7'), put('k', '8')]);
    expect(await history(store)).toEqual(['8', '7', '6']);
    const again = await reopen({ cacheBytes: 1 });
    expect(await history(again)).toEqual(['8', '7', '6']);
    await again.write([put('k', '9')]);
    expect(await history(again)).toEqual(['9', '8', '7']);
  });

  it('are there on RocksDB too, in every form in which values are kept', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kvs-revisions-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const level = () => new RocksdbLevel(folder) as unknown as Level;
    const first = await openTestStore(level(), { packer: new GzipPacker(1) });
    const long = `"${'long '.repeat(10_000)}"`;
    await first.store.write([put('k', long)]);
    await first.store.write([put('k', '1')]);
    await first.store.write([put('k', '')]);
    await first.store.close();
    const { store } = await openTestStore(level());
    onTestFinished(() => store.close());
    const [empty, one, packed] = await store.revisions(k);
    expect([empty?.bytes, one?.bytes, packed?.bytes]).toEqual([0, 1, long.length]);
    expect(text(await store.revision(k, one?.uuid ?? ''))).toBe('1');
    expect(await store.revision(k, packed?.uuid ?? '')).toMatchObject({ encoding: 'gzip' });
  });

  it('of a node that keeps none are the present version, and cost nothing', async () => {
    const { store, level } = await open({ revisionsKept: 1 });
    await store.write([put('k', '1'), put('k', '2')]);
    await store.merge([{ path: k, version: foreign({ timestamp: 1 }) }]);
    expect(await history(store)).toEqual(['2']);
    expect(await storedRevisions(level)).toEqual([]);
  });

  it('are at most as many as the bound, one slot for each', async () => {
    const kept = limits.revisionsKeptMax;
    const { store, level } = await open({ revisionsKept: kept });
    await store.write(Array.from({ length: 2 * kept }, (_, i) => put('k', String(i))));
    expect(await history(store)).toEqual(Array.from({ length: kept }, (_, i) => String(2 * kept - 1 - i)));
    expect(await storedRevisions(level)).toHaveLength(kept - 1);
    expect(await audit(level)).toMatchObject({ missing: [], stray: [] });
  });
});

describe('a write', () => {
  it('of a new key stores no more than it did before there were revisions', async () => {
    const { store, level } = await open();
    const operations = operationsOf(level);
    await store.write([put('k', '1')]);
    expect(operations.map(spaceOf).toSorted()).toEqual(['h', 'l', 't', 'v']);
    const record = operations.find((operation) => spaceOf(operation) === 'v');
    expect(record?.type === 'put' && record.value[0]).toBe(1 << 4);
  });

  it('of a key whose list is full stores the version that it replaces in the place of the oldest, and reads no more', async () => {
    const { store, level } = await open({ cacheBytes: 1 });
    await store.write([put('k', '1'), put('k', '2'), put('k', '3')]);
    const operations = operationsOf(level);
    const { getMany, get } = level;
    const read: number[] = [];
    Object.assign(level, {
      getMany(keys: unknown[], ...rest: unknown[]) {
        read.push(keys.length);
        return Reflect.apply(getMany, level, [keys, ...rest]) as unknown;
      },
      get(...args: unknown[]) {
        read.push(1);
        return Reflect.apply(get, level, args) as unknown;
      },
    });
    await store.write([put('k', '4')]);
    expect(read).toEqual([1]);
    const ofRevisions = operations.filter((operation) => spaceOf(operation) === 'o');
    expect(ofRevisions.map(({ type }) => type)).toEqual(['put']);
  });

  it('ends its commit when the values that it replaces have so many bytes', async () => {
    const { store } = await open();
    const count = 6;
    const value = 'x'.repeat(limits.commitBytesMax / 4);
    for (let i = 0; i < count; i++) await store.write([put(`k${i}`, value)]);
    const commits: Commit[] = [];
    store.onCommit((commit) => commits.push(commit));
    await store.write(Array.from({ length: count }, (_, i) => del(`k${i}`)));
    expect(commits.map(({ changes }) => changes.length)).toEqual([4, 2]);
  });
});

describe('a version that comes from another node', () => {
  it('is kept as a revision when it comes too late, in its place, whatever the order', async () => {
    const { store, clock } = await open({ revisionsKept: 4 });
    const at = (ms: number) =>
      foreign({ timestamp: clock.ms - ms, uuid: testUuid(1_000 + ms), data: Buffer.from(`-${ms}`) });
    await store.write([put('k', 'now')]);
    for (const ms of [20, 10, 40, 30, 20, 40]) await store.merge([{ path: k, version: at(ms) }]);
    expect(await history(store)).toEqual(['now', '-10', '-20', '-30']);
    await store.write([put('k', 'later')]);
    expect(await history(store)).toEqual(['later', 'now', '-10', '-20']);
  });

  it('is kept when it replaces, and so is what it replaces', async () => {
    const { store, clock } = await open();
    await store.write([put('k', 'mine')]);
    await store.merge([
      { path: k, version: foreign({ timestamp: clock.ms + 1, data: Buffer.from('theirs') }) },
    ]);
    expect(await history(store)).toEqual(['theirs', 'mine']);
  });

  it('is kept while it is a rival, is no revision once it has won the vote, and the loser is one then', async () => {
    const { store } = await open();
    const mine = foreign({ uuid: testUuid(1), data: Buffer.from('mine') });
    const rival = foreign({ uuid: testUuid(2), data: Buffer.from('rival') });
    await store.merge([{ path: k, version: mine }]);
    for (let i = 0; i < 2; i++) {
      expect(await store.merge([{ path: k, version: rival }])).toMatchObject([{ outcome: 'conflict' }]);
      expect(await history(store)).toEqual(['mine', 'rival']);
    }
    await store.merge([{ path: k, version: { ...rival, votes: 2 } }]);
    expect(await history(store)).toEqual(['rival', 'mine']);
    await store.merge([
      { path: k, version: mine },
      { path: k, version: rival },
    ]);
    expect(await history(store)).toEqual(['rival', 'mine']);
  });

  it('is no second version of a key when it comes back with votes', async () => {
    const { store } = await open();
    await store.merge([{ path: k, version: foreign() }]);
    await store.merge([{ path: k, version: foreign({ votes: 3 }) }]);
    expect(await history(store)).toEqual(['"foreign"']);
    expect(await store.get(k)).toMatchObject({ votes: 3 });
  });

  it('changes nothing but the revisions when it comes too late: no digest, index, log or list, and nobody is told', async () => {
    const { store, clock, level } = await open();
    await store.write([put('k', 'now')]);
    await store.whenDigestsReady();
    const before = { root: digestToHex(store.rootDigest()), sequence: store.sequence };
    const told: unknown[] = [];
    store.onCommit((commit) => told.push(commit));
    store.onWrite((commit) => told.push(commit));
    await store.merge([{ path: k, version: foreign({ timestamp: clock.ms - 1 }) }]);
    expect(await history(store)).toHaveLength(2);
    expect({ root: digestToHex(store.rootDigest()), sequence: store.sequence }).toEqual(before);
    expect(await store.changesSince(0, 10)).toHaveLength(1);
    expect(await store.newest(10)).toHaveLength(1);
    expect(await store.count(undefined)).toBe(1);
    expect((await store.list(undefined, { entriesMax: 10, withDead: true })).entries).toHaveLength(1);
    expect(told).toEqual([]);
    expect(text(store.peek(k))).toBe('now');
    expect(await audit(level)).toMatchObject({ missing: [], stray: [] });
  });
});

describe('when fewer are kept than before', () => {
  it('reads show no more at once, and a write gives up the others', async () => {
    const { store, reopen, level } = await open({ revisionsKept: 6 });
    await store.write(['1', '2', '3', '4', '5', '6'].map((value) => put('k', value)));
    const oldest = (await store.revisions(k)).at(-1)?.uuid ?? '';
    const fewer = await reopen({ revisionsKept: 3 });
    expect(await history(fewer)).toEqual(['6', '5', '4']);
    expect(await fewer.revision(k, oldest)).toBeUndefined();
    expect(await storedRevisions(level)).toHaveLength(5);
    await fewer.write([put('k', '7')]);
    expect(await history(fewer)).toEqual(['7', '6', '5']);
    expect(await storedRevisions(level)).toHaveLength(2);
    const none = await reopen({ revisionsKept: 1 });
    expect(await history(none)).toEqual(['7']);
    await none.write([put('k', '8')]);
    expect(await storedRevisions(level)).toEqual([]);
    expect(await audit(level)).toMatchObject({ missing: [], stray: [] });
  });
});

describe('a key that is collected', () => {
  it.each([
    ['that was deleted', [put('k', '1'), put('k', '2'), del('k')]],
    ['that expired', [put('k', '1'), put('k', '2'), put('k', '3', 1_700_000_000_001)]],
  ])('%s has its revisions until then, and none after', async (_, requests) => {
    const { store, clock, level } = await open();
    await store.write([put('other', '1'), put('other', '2'), ...requests]);
    clock.ms += 24 * hourMs;
    await store.collect(0);
    expect(await store.revisions(k)).toHaveLength(3);
    clock.ms += 2;
    expect(await store.collect(0)).toEqual({ retired: 1, removed: 0, held: 1 });
    expect(await store.revisions(k)).toEqual([]);
    expect(await storedRevisions(level)).toHaveLength(1);
    await store.merge([{ path: k, version: foreign({ timestamp: clock.ms - 30 * hourMs }) }]);
    expect(await store.revisions(k)).toEqual([]);
    await store.write([put('k', 'new')]);
    expect(await history(store)).toEqual(['new']);
    expect(await history(store, path('other'))).toEqual(['2', '1']);
    expect(await audit(level)).toMatchObject({ missing: [], stray: [] });
  });

  it('takes so many revisions with it that a commit removes no more than a page of them', async () => {
    const kept = 20;
    const keys = 60;
    const { store, clock, level } = await open({ revisionsKept: kept });
    for (let i = 0; i < kept - 1; i++) {
      await store.write(Array.from({ length: keys }, (_, key) => put(`k${key}`, String(i))));
    }
    await store.write(Array.from({ length: keys }, (_, key) => del(`k${key}`)));
    clock.ms += 25 * hourMs;
    const removed: number[] = [];
    const { batch } = level;
    Object.assign(level, {
      batch(operations: LevelOperation[], options: object) {
        removed.push(operations.filter((one) => one.type === 'del' && spaceOf(one) === 'o').length);
        return Reflect.apply(batch, level, [operations, options]) as unknown;
      },
    });
    expect(await store.collect(0)).toMatchObject({ retired: keys });
    expect(removed.reduce((sum, count) => sum + count)).toBe(keys * (kept - 1));
    expect(Math.max(...removed)).toBeLessThanOrEqual(limits.pageItemsMax);
    expect(await storedRevisions(level)).toEqual([]);
  });
});

describe('a commit that fails', () => {
  it('leaves the revisions as they were, and the next write finds its place among them', async () => {
    const { store, level } = await open();
    await store.write([put('k', '1'), put('k', '2'), put('k', '3')]);
    const { batch } = level;
    Object.assign(level, {
      batch: () => Promise.reject(new KvsError('KVS_STORAGE_FULL', 'The disk is full')),
    });
    const late = foreign({ timestamp: 1_700_000_000_000, counter: 1, uuid: testUuid(777) });
    const failing = [store.write([put('k', '4')]), store.merge([{ path: k, version: late }])];
    for (const one of failing) await expect(one).rejects.toMatchObject({ code: 'KVS_STORAGE_FULL' });
    Object.assign(level, { batch });
    expect(await history(store)).toEqual(['3', '2', '1']);
    await store.write([put('k', '5')]);
    expect(await history(store)).toEqual(['5', '3', '2']);
    expect(await audit(level)).toMatchObject({ missing: [], stray: [] });
  });
});

describe('a record', () => {
  it('that was written before there were revisions is read as it was, and written as it was', () => {
    const record = Buffer.from(
      '12018bcfe5680000000002000000000000400080000000000000a100010174876e800000000000000701a3185c5000056e6f6465310a746578742f706c61696e6f6c64',
      'hex',
    );
    const version = decodeRecord(record);
    expect(version).toMatchObject({
      uuid: testUuid(0xa1),
      timestamp: 1_700_000_000_000,
      counter: 2,
      votes: 1,
      sequence: 7,
      expiresAt: 1_800_000_000_000,
      contentType: 'text/plain',
    });
    expect([text(version), version.revisions.length]).toEqual(['old', 0]);
    expect(encodeRecord(version, encodeIdentity(version))).toEqual(record);
  });
});
