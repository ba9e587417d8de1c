import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { asBytes, writeOptions, type Level } from '../../../src/store/level.ts';
import { openVersionStore } from '../../../src/store/version-store.ts';
import { CountingRandom, hourMs, path, put, RecordingLogger, text } from '../../store/harness.ts';
import { VirtualClock } from './clock.ts';
import { Disk, noSpaceError } from './disk.ts';
import { RandomStreams } from './random.ts';

let disk: Disk;
let clock: VirtualClock;

beforeEach(() => {
  clock = new VirtualClock();
  disk = new Disk(new RandomStreams(1).named('disk'));
});

const bytes = (value: string): Uint8Array => Buffer.from(value);

async function opened(): Promise<Level> {
  const level = disk.level(clock);
  await level.open();
  return level;
}

function write(level: Level, key: string, value: string, sync: boolean): Promise<void> {
  return level.put<Uint8Array, Uint8Array>(bytes(key), bytes(value), writeOptions(sync));
}

async function contents(level: Level): Promise<Record<string, string>> {
  const entries: Record<string, string> = {};
  for await (const [key, value] of level.iterator<Uint8Array, Uint8Array>(asBytes)) {
    entries[Buffer.from(key).toString()] = Buffer.from(value).toString();
  }
  return entries;
}

describe('a crash of the machine', () => {
  it('takes exactly what was not synced', async () => {
    const level = await opened();
    await write(level, 'a', '1', false);
    await write(level, 'b', '1', true);
    await write(level, 'a', '2', false);
    await level.del(bytes('b'), writeOptions(false));
    expect(await contents(level)).toEqual({ a: '2' });
    expect(disk.unsyncedWrites).toBe(2);
    expect(disk.crash({ keepsSome: false })).toEqual({ kept: 0, lost: 2 });
    expect(await contents(await opened())).toEqual({ a: '1', b: '1' });
    expect(disk.unsyncedWrites).toBe(0);
  });

  it('leaves some first part of the tail when it may, batches whole', async () => {
    const survivors = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      disk = new Disk(new RandomStreams(seed).named('disk'));
      const level = await opened();
      await write(level, 'synced', '', true);
      for (const number of ['1', '2']) {
        const batch = ['x', 'y'].map((key) => ({
          type: 'put' as const,
          key: bytes(key + number),
          value: bytes(''),
        }));
        await level.batch<Uint8Array, Uint8Array>(batch, writeOptions(false));
      }
      const { kept, lost } = disk.crash({ keepsSome: true });
      expect(kept + lost).toBe(2);
      survivors.add(Object.keys(await contents(await opened())).join());
    }
    expect([...survivors].toSorted()).toEqual(['synced', 'synced,x1,x2,y1,y2', 'synced,x1,y1']);
  });

  it('is survived by what a model says, after any sequence of writes and crashes', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), key: fc.nat(5), sync: fc.boolean() }),
      fc.record({ kind: fc.constant('del' as const), key: fc.nat(5), sync: fc.boolean() }),
      fc.record({ kind: fc.constant('clear' as const), key: fc.nat(5), sync: fc.boolean() }),
      fc.record({ kind: fc.constant('crash' as const) }),
      fc.record({ kind: fc.constant('kill' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        disk = new Disk(new RandomStreams(1).named('disk'));
        let level = await opened();
        let seen: Record<string, string> = {};
        let synced: Record<string, string> = {};
        for (const [at, { kind, ...what }] of steps.entries()) {
          if (kind === 'crash' || kind === 'kill') {
            if (kind === 'kill') disk.kill();
            else {
              disk.crash({ keepsSome: false });
              seen = { ...synced };
            }
            level = await opened();
          } else if ('key' in what) {
            const { key, sync } = what;
            if (kind === 'put') {
              await write(level, String(key), String(at), sync);
              seen[key] = String(at);
            } else if (kind === 'del') {
              await level.del(bytes(String(key)), writeOptions(sync));
              delete seen[key];
            } else {
              await level.clear<Uint8Array>({ ...writeOptions(sync), lt: bytes(String(key)) });
              for (const name of Object.keys(seen)) if (Number(name) < key) delete seen[name];
            }
            if (sync) synced = { ...seen };
          }
          expect(await contents(level)).toEqual(seen);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('kills every handle that was open: reads, writes, iterators and opening anew', async () => {
    const level = await opened();
    await write(level, 'a', '1', true);
    const iterator = level.iterator<Uint8Array, Uint8Array>(asBytes);
    const unopened = disk.level(clock);
    disk.crash({ keepsSome: false });
    const gone = 'is gone';
    await expect(level.get(bytes('a'), asBytes)).rejects.toThrow(gone);
    await expect(level.getMany([bytes('a')], asBytes)).rejects.toThrow(gone);
    await expect(level.has(bytes('a'), asBytes)).rejects.toThrow(gone);
    await expect(write(level, 'a', '2', false)).rejects.toThrow(gone);
    await expect(level.clear()).rejects.toThrow(gone);
    await expect(iterator.next()).rejects.toThrow(gone);
    await expect(iterator.nextv(5)).rejects.toThrow(gone);
    await expect(iterator.all()).rejects.toThrow(gone);
    expect(() => level.snapshot()).toThrow(gone);
    expect(() => level.iterator(asBytes)).toThrow(gone);
    await expect(unopened.open()).rejects.toMatchObject({
      cause: { message: expect.stringContaining(gone) },
    });
    await level.close();
    await expect(level.open()).rejects.toMatchObject({ cause: { message: expect.stringContaining(gone) } });
    expect(await contents(await opened())).toEqual({ a: '1' });
  });
});

describe('the end of a process', () => {
  it('loses nothing, and leaves unsynced what was', async () => {
    const level = await opened();
    await write(level, 'a', '1', false);
    disk.kill();
    await expect(write(level, 'a', '2', false)).rejects.toThrow('is gone');
    expect(await contents(await opened())).toEqual({ a: '1' });
    disk.crash({ keepsSome: false });
    expect(await contents(await opened())).toEqual({});
  });

  it('is needed before another process can have the disk, unless the first one closes', async () => {
    const level = await opened();
    await expect(opened()).rejects.toMatchObject({ cause: { code: 'KVS_STORE_LOCKED' } });
    await write(level, 'a', '1', true);
    await level.close();
    const other = await opened();
    expect(await contents(other)).toEqual({ a: '1' });

    await other.del(bytes('a'), writeOptions(true));
    await other.close();
    await level.open();
    expect(await contents(level)).toEqual({});
  });
});

describe('the level', () => {
  it('keeps the bytes that were written, whatever the caller does to his own', async () => {
    const level = await opened();
    const value = bytes('before');
    await level.put<Uint8Array, Uint8Array>(bytes('a'), value, writeOptions(true));
    value.fill(0);
    expect(await contents(level)).toEqual({ a: 'before' });
    disk.crash({ keepsSome: false });
    expect(await contents(await opened())).toEqual({ a: 'before' });
  });

  it('reads from snapshots, and iterates over what was there when it began', async () => {
    const level = await opened();
    await write(level, 'a', '1', true);
    const snapshot = level.snapshot();
    const iterator = level.iterator<Uint8Array, Uint8Array>(asBytes);
    await write(level, 'a', '2', true);
    await write(level, 'b', '2', true);
    const old = await level.get<Uint8Array, Uint8Array>(bytes('a'), { ...asBytes, snapshot });
    expect(Buffer.from(old ?? []).toString()).toBe('1');
    expect((await iterator.all()).length).toBe(1);
    await snapshot.close();
  });
});

describe('a faulty disk', () => {
  it('stores nothing of a write that it refuses, and all of the next one', async () => {
    const level = await opened();
    disk.faults = { writeError: noSpaceError() };
    await expect(write(level, 'a', '1', true)).rejects.toMatchObject({ code: 'KVS_STORAGE_FULL' });
    expect(await contents(level)).toEqual({});
    disk.faults = {};
    await write(level, 'a', '2', true);
    disk.crash({ keepsSome: false });
    expect(await contents(await opened())).toEqual({ a: '2' });
  });

  it('leaves unsynced what it failed to sync', async () => {
    const level = await opened();
    disk.faults = { syncError: new Error('EIO') };
    await expect(write(level, 'a', '1', true)).rejects.toThrow('EIO');
    expect(await contents(level)).toEqual({ a: '1' });
    disk.crash({ keepsSome: false });
    disk.faults = {};
    expect(await contents(await opened())).toEqual({});
  });

  it('takes virtual time to sync when it is slow, and is not durable until then', async () => {
    const level = await opened();
    disk.faults = { syncDelay: { minMs: 30, meanMs: 30, maxMs: 30 } };
    let isSynced = false;
    const first = write(level, 'a', '1', true).then(() => (isSynced = true));
    await write(level, 'b', '1', false);
    expect(await contents(level)).toEqual({ a: '1', b: '1' });
    expect([isSynced, clock.nextAtMs()]).toEqual([false, 30]);
    clock.step();
    await first;
    expect(disk.unsyncedWrites).toBe(1);

    const second = write(level, 'c', '1', true);
    const failure = second.then(
      () => 'synced',
      (error: Error) => error.message,
    );
    await contents(level);
    disk.crash({ keepsSome: false });
    clock.step();
    expect(await failure).toContain('is gone');
    expect(await contents(await opened())).toEqual({ a: '1' });
  });
});

describe('a version store on a simulated disk', () => {
  const open = (level: Level, durable: boolean) =>
    openVersionStore({
      level,
      nodeId: 'node1',
      durable,
      random: new CountingRandom(),
      logger: new RecordingLogger(),
      clock,
      tombstoneRetentionMs: hourMs,
      revisionsKept: 3,
      maxClockDriftMs: 60_000,
      cacheBytes: 1_000,
      defer: queueMicrotask,
      bootId: 'boot',
    });

  it.each([
    [true, ['"1"', '"2"', '"3"']],
    [false, [undefined, undefined, undefined]],
  ])('keeps what it acknowledged through a crash when it is durable (%s)', async (durable, expected) => {
    let store = await open(disk.level(clock), durable);
    for (const value of ['1', '2', '3']) await store.write([put(`k/${value}`, `"${value}"`)]);
    disk.crash({ keepsSome: false });
    store = await open(disk.level(clock), durable);
    await store.whenDigestsReady();
    const paths = ['1', '2', '3'].map((key) => path(`k/${key}`));
    expect((await store.getMany(paths)).map(text)).toEqual(expected);
    expect((await store.newest(10)).length).toBe(expected.filter((value) => value !== undefined).length);
    await store.close();
  });
});
