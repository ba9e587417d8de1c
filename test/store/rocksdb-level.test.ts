import fc from 'fast-check';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { RocksdbLevel, type RocksdbLevelOptions } from '../../src/store/rocksdb-level.ts';
import { WalSync } from '../../src/store/wal-sync.ts';

const isLinux = process.platform === 'linux';

let folder = '';
let opened: RocksdbLevel[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvs-level-'));
});

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(opened.map((level) => level.close()));
  opened = [];
  await rm(folder, { recursive: true });
});

async function openLevel(
  name = 'data',
  options: RocksdbLevelOptions<string, string> = {},
): Promise<RocksdbLevel> {
  const level = new RocksdbLevel(join(folder, name), options);
  await level.open();
  opened.push(level);
  return level;
}

/** What a promise rejects with. */
async function failureOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  const outcome = await promise.then(
    () => new Error('It did not fail'),
    (error: unknown) => error,
  );
  return outcome as Error;
}

/** This process' open files below the folder of the test. */
function openFiles(): string[] {
  const paths = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(join('/proc/self/fd', fd));
    } catch {
      return '';
    }
  });
  return paths.filter((path) => path.startsWith(folder));
}

describe('opening a RocksdbLevel', () => {
  it('makes the folder and every one above it', async () => {
    const level = await openLevel('a/b/c');
    await level.put('key', 'value');
    expect((await stat(join(folder, 'a/b/c/CURRENT'))).isFile()).toBe(true);
  });

  it('fails with LEVEL_LOCKED, naming the folder, while this process has it open', async () => {
    const level = await openLevel();
    const failure = await failureOf(new RocksdbLevel(level.location).open());
    expect(failure).toMatchObject({ code: 'LEVEL_DATABASE_NOT_OPEN', cause: { code: 'LEVEL_LOCKED' } });
    expect((failure.cause as Error).message).toBe(
      `The database in ${level.location} is already open in this process`,
    );
    await level.put('still', 'usable');
  });

  it('fails with LEVEL_LOCKED, naming the folder, while another process has it open', async () => {
    const location = join(folder, 'data');
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', join(import.meta.dirname, 'writer-child.ts'), location, '1'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(child.stdout, 'data');
    const failure = await failureOf(new RocksdbLevel(location).open());
    expect(failure).toMatchObject({ code: 'LEVEL_DATABASE_NOT_OPEN', cause: { code: 'LEVEL_LOCKED' } });
    expect((failure.cause as Error).message).toBe(
      `The database in ${location} is already open in another process`,
    );
    child.kill('SIGKILL');
    await once(child, 'close');
  });

  it.each(['file', 'file/below'])('fails with a clear error where a file is in the way: %s', async (name) => {
    await writeFile(join(folder, 'file'), '');
    const location = join(folder, name);
    const failure = await failureOf(new RocksdbLevel(location).open());
    expect(failure).toMatchObject({ code: 'LEVEL_DATABASE_NOT_OPEN', cause: { code: 'KVS_STORE_UNUSABLE' } });
    expect((failure.cause as Error).message).toMatch(`The database in ${location} can't be opened: ENOTDIR`);
  });

  it.runIf(isLinux)('fails with a clear error where no folder can be made', async () => {
    const failure = await failureOf(new RocksdbLevel('/proc/kvs/data').open());
    expect(failure).toMatchObject({ code: 'LEVEL_DATABASE_NOT_OPEN', cause: { code: 'KVS_STORE_UNUSABLE' } });
    expect((failure.cause as Error).message).toMatch(
      "The database in /proc/kvs/data can't be opened: ENOENT",
    );
  });

  it.runIf(isLinux && process.getuid?.() !== 0)(
    'fails with a clear error on a read-only folder',
    async () => {
      await mkdir(join(folder, 'read-only'), { mode: 0o555 });
      const failure = await failureOf(new RocksdbLevel(join(folder, 'read-only')).open());
      expect((failure.cause as Error).message).toMatch("can't be opened: EACCES");
    },
  );

  it('fails with a clear error, leaving no file open, when the database is not one', async () => {
    await writeFile(join(folder, 'CURRENT'), 'nonsense\n');
    const failure = await failureOf(new RocksdbLevel(folder).open());
    expect(failure).toMatchObject({ code: 'LEVEL_DATABASE_NOT_OPEN', cause: { code: 'KVS_STORE_UNUSABLE' } });
    expect((failure.cause as Error).message).toBe(
      `The database in ${folder} can't be opened: CURRENT file corrupted`,
    );
    if (isLinux) expect(openFiles()).toEqual([]);
  });
});

describe('closing a RocksdbLevel', () => {
  it('waits for writes under way, synced ones and clears included', async () => {
    const level = await openLevel();
    await level.put('gone', '1');
    const writes = [
      level.clear({ gte: 'gone', limit: 1 }),
      level.put('put', '1', { sync: true }),
      level.batch([{ type: 'put', key: 'batch', value: '1' }], { sync: true }),
      level.batchBytes([{ keys: [Buffer.from('bytes')], values: [Buffer.from('1')] }], { sync: true }),
    ];
    await level.close();
    await Promise.all(writes);
    await level.open();
    const keys = ['gone', 'put', 'batch', 'bytes'];
    expect(await level.getMany(keys)).toEqual([undefined, '1', '1', '1']);
  });

  it('answers reads under way', async () => {
    const level = await openLevel();
    await level.put('key', 'value');
    const reads = [level.get('key'), level.getMany(['key', 'none'])];
    await level.close();
    expect(await Promise.all(reads)).toEqual(['value', ['value', undefined]]);
  });

  it.runIf(isLinux)('leaves no file open, whatever iterators and snapshots were left', async () => {
    const level = await openLevel();
    for (let i = 0; i < 200; i++) await level.put(`key${i}`, 'value', { sync: i % 50 === 0 });
    await level.flush();
    await level.put('after', 'flush', { sync: true });
    const iterators = [level.iterator(), level.keys({ reverse: true }), level.values()];
    for (const iterator of iterators) await iterator.next();
    const reading = iterators[0]?.nextv(100);
    const snapshot = level.snapshot();
    const ofSnapshot = level.iterator({ snapshot });
    await ofSnapshot.next();
    expect(openFiles()).not.toEqual([]);
    await level.close();
    expect(openFiles()).toEqual([]);
    await reading?.catch(() => undefined);
  });

  it('lets the folder be opened again, by the same object too', async () => {
    const level = await openLevel();
    await level.put('key', 'value', { sync: true });
    await level.close();
    await level.open();
    await level.put('other', 'value', { sync: true });
    await level.close();
    const other = await openLevel();
    expect(await other.getMany(['key', 'other'])).toEqual(['value', 'value']);
  });

  it('makes the methods of its own fail as others do', async () => {
    const level = await openLevel();
    await level.close();
    const calls = [
      level.approximateSize('a', 'b'),
      level.batchBytes([]),
      level.compactRange('a', 'b'),
      level.flush(),
      level.getProperty('rocksdb.stats'),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'LEVEL_DATABASE_NOT_OPEN' });
  });
});

describe('reading a RocksdbLevel', () => {
  it('gives bytes for bytes, the empty key and the empty value included', async () => {
    const level = await openLevel();
    const asBytes = { keyEncoding: 'view', valueEncoding: 'view' } as const;
    const empty = new Uint8Array(0);
    const bytes = Uint8Array.of(0, 255, 0, 128);
    await level.batch<Uint8Array, Uint8Array>(
      [
        { type: 'put', key: empty, value: bytes },
        { type: 'put', key: bytes, value: empty },
      ],
      asBytes,
    );
    const values = await level.getMany<Uint8Array, Uint8Array>([empty, bytes, Uint8Array.of(7)], asBytes);
    expect(values.map((value) => value && [...value])).toEqual([[...bytes], [], undefined]);
    expect(await level.hasMany<Uint8Array>([empty, Uint8Array.of(7)], asBytes)).toEqual([true, false]);
  });

  it('walks a range, with seeks and limits in both directions, as a sorted list of its keys', async () => {
    const level = await openLevel();
    const keys = Array.from({ length: 3_000 }, (_, i) => i.toString(7).padStart(5, '0'));
    await level.batch(keys.map((key) => ({ type: 'put', key, value: `value of ${key}` })));
    await level.flush();
    const key = fc
      .constantFrom('', '0', '00100', '01', '02345', '06', '1', '11333', '9')
      .chain((text) => fc.constantFrom(text, `${text}0`, ...keys.slice(-1)));
    const range = fc.record(
      {
        gt: key,
        gte: key,
        lt: key,
        lte: key,
        reverse: fc.boolean(),
        limit: fc.constantFrom(-1, 0, 1, 64, 65, 2_000),
      },
      { requiredKeys: [] },
    );
    const step = fc.oneof(
      fc.record({ kind: fc.constant('next' as const) }),
      fc.record({ kind: fc.constant('nextv' as const), size: fc.constantFrom(1, 7, 63, 64, 1_100) }),
      fc.record({ kind: fc.constant('seek' as const), target: key }),
    );
    await fc.assert(
      fc.asyncProperty(range, fc.array(step, { maxLength: 8 }), async (options, steps) => {
        const model = new ModelIterator(keys, options);
        const iterator = level.iterator(options);
        for (const taken of steps) {
          if (taken.kind === 'seek') {
            iterator.seek(taken.target);
            model.seek(taken.target);
            continue;
          }
          const entries = taken.kind === 'next' ? [await iterator.next()] : await iterator.nextv(taken.size);
          const count = taken.kind === 'next' ? 1 : entries.length;
          const expected = model.take(count);
          expect(entries.map((entry) => entry?.[0]).filter((entry) => entry !== undefined)).toEqual(expected);
          if (taken.kind === 'nextv' && entries.length === 0) expect(model.take(1)).toEqual([]);
        }
        const rest = await iterator.all();
        expect(rest.map((entry) => entry[0])).toEqual(model.take(Infinity));
        expect(rest.every((entry) => entry[1] === `value of ${entry[0]}`)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('reads a snapshot as it was, until the snapshot is closed', async () => {
    const level = await openLevel();
    await level.put('key', 'before');
    const snapshot = level.snapshot();
    await level.batch([
      { type: 'put', key: 'key', value: 'after' },
      { type: 'put', key: 'new', value: 'after' },
    ]);
    expect(await level.get('key', { snapshot })).toBe('before');
    expect(await level.iterator({ snapshot }).all()).toEqual([['key', 'before']]);
    await snapshot.close();
    const failure = { code: 'LEVEL_SNAPSHOT_NOT_OPEN' };
    await expect(level.get('key', { snapshot })).rejects.toMatchObject(failure);
    expect(await level.get('key')).toBe('after');
  });

  it('holds a snapshot for as long as an iterator, a clear or a snapshot needs one, and no longer', async () => {
    const level = await openLevel();
    await level.batch(['a', 'b', 'c'].map((key) => ({ type: 'put', key, value: '' })));
    const held = () => level.getProperty('rocksdb.num-snapshots');
    const iterator = level.iterator();
    await iterator.next();
    expect(await held()).toBe('1');
    await iterator.close();
    expect(await level.keys().all()).toEqual(['a', 'b', 'c']);
    await level.clear({ limit: 1 });
    await expect.poll(held).toBe('0');
    const snapshot = level.snapshot();
    expect(await level.keys({ snapshot }).all()).toEqual(['b', 'c']);
    expect(await held()).toBe('1');
    await snapshot.close();
    await expect.poll(held).toBe('0');
  });

  it('tells sizes and properties, also when asked before it is open', async () => {
    const level = new RocksdbLevel(join(folder, 'data'));
    opened.push(level);
    const files = level.getProperty('rocksdb.num-files-at-level0');
    expect(await files).toBe('0');
    await level.batch(
      Array.from({ length: 1_000 }, (_, i) => ({ type: 'put', key: `a${i}`, value: 'x'.repeat(100) })),
    );
    expect(await level.approximateSize('a', 'b')).toBeGreaterThan(50_000);
    expect(await level.approximateSize('b', 'c')).toBe(0);
    await level.flush();
    expect(await level.getProperty('rocksdb.num-files-at-level0')).toBe('1');
    await level.compactRange('a', 'b');
    expect(await level.getProperty('rocksdb.num-files-at-level0')).toBe('0');
    expect(await level.getProperty('rocksdb.no-such-property')).toBeUndefined();
  });
});

describe('clearing a RocksdbLevel', () => {
  const keys = ['', 'a', 'b', 'c', 'd'];

  async function openFilled(): Promise<RocksdbLevel> {
    const level = await openLevel();
    await level.batch(keys.map((key) => ({ type: 'put', key, value: key })));
    return level;
  }

  it('lets the sync know of each of its writes, between which the engine may begin a new log', async () => {
    const level = await openLevel();
    await level.batch(Array.from({ length: 3_000 }, (_, i) => ({ type: 'put', key: `k${i}`, value: '' })));
    const track = vi.spyOn(WalSync.prototype, 'track');
    onTestFinished(() => track.mockRestore());
    await level.clear({ limit: 2_500, sync: true });
    expect(track.mock.calls.length).toBeGreaterThan(1);
  });

  it('takes everything, the empty and the last key included, and may be done again', async () => {
    const level = await openFilled();
    await level.clear({ sync: true });
    expect(await level.keys().all()).toEqual([]);
    await level.clear();
    await level.put('later', '1');
    expect(await level.keys().all()).toEqual(['later']);
  });

  it.each([
    [{ gte: 'b' }, ['', 'a']],
    [{ gt: 'b', lt: 'd' }, ['', 'a', 'b', 'd']],
    [{ gt: '' }, ['']],
    [{ lte: '' }, ['a', 'b', 'c', 'd']],
    [{ lt: '' }, keys],
    [{ gt: 'c', lt: 'b' }, keys],
    [{ gte: 'x' }, keys],
    [{ limit: 2 }, ['b', 'c', 'd']],
    [{ limit: 2, reverse: true }, ['', 'a', 'b']],
  ])('of %j leaves %j', async (range, left) => {
    const level = await openFilled();
    await level.clear(range);
    expect(await level.keys().all()).toEqual(left);
  });

  it('takes what a snapshot has and nothing that came later, over more keys than one chunk holds', async () => {
    const level = await openLevel();
    const many = Array.from({ length: 2_500 }, (_, i) => `key${i}`);
    await level.batch(many.map((key) => ({ type: 'put', key, value: '' })));
    const snapshot = level.snapshot();
    await level.put('later', '');
    await level.clear({ snapshot });
    expect(await level.keys().all()).toEqual(['later']);
    await snapshot.close();
  });
});

describe('writing to a RocksdbLevel', () => {
  /** The prototype of all file handles, whose fdatasync a test may watch or break. */
  async function fileHandles(): Promise<FileHandle> {
    const handle = await open(folder, 'r');
    await handle.close();
    return Object.getPrototypeOf(handle) as FileHandle;
  }

  it('syncs the log with `sync`, whatever the call, and not without', async () => {
    const level = await openLevel();
    const datasync = vi.spyOn(await fileHandles(), 'datasync');
    const calls = [
      (options: { sync: boolean }) => level.put('key', 'value', options),
      (options: { sync: boolean }) => level.del('key', options),
      (options: { sync: boolean }) => level.batch([{ type: 'del', key: 'key' }], options),
      (options: { sync: boolean }) =>
        level.batchBytes([{ keys: [Buffer.from('key')], values: [undefined] }], options),
      (options: { sync: boolean }) => level.batch().put('key', 'value').write(options),
      (options: { sync: boolean }) =>
        level.sublevel('sub').put('key', 'value', { keyEncoding: 'utf8', ...options }),
      (options: { sync: boolean }) => level.clear(options),
    ];
    for (const call of calls) {
      datasync.mockClear();
      await call({ sync: false });
      expect(datasync).toHaveBeenCalledTimes(0);
      await call({ sync: true });
      expect(datasync).toHaveBeenCalledTimes(1);
    }
  });

  it('shares syncs among writes that come at one time', async () => {
    const level = await openLevel();
    const datasync = vi.spyOn(await fileHandles(), 'datasync');
    await Promise.all(Array.from({ length: 100 }, (_, i) => level.put(`key${i}`, 'value', { sync: true })));
    expect(datasync.mock.calls.length).toBeLessThan(50);
  });

  it('is refused with `sync` after a sync has failed, before anything is written, while the rest goes on', async () => {
    const level = await openLevel();
    await level.put('before', '1', { sync: true });
    const broken = Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
    const datasync = vi.spyOn(await fileHandles(), 'datasync').mockRejectedValueOnce(broken);
    const refusal = { code: 'KVS_STORAGE_FAILED', cause: { code: 'EIO' } };
    await expect(level.put('during', '1', { sync: true })).rejects.toMatchObject(refusal);
    await expect(level.put('after', '1', { sync: true })).rejects.toMatchObject(refusal);
    expect(datasync).toHaveBeenCalledTimes(1);
    expect(await level.getMany(['before', 'after'])).toEqual(['1', undefined]);
    await level.put('unsynced', '1');
    expect(await level.get('unsynced')).toBe('1');
  });

  it.runIf(isLinux)('is refused with KVS_STORAGE_FULL on a full disk, while reads go on', async () => {
    const level = await openLevel();
    await level.put('before', '1', { sync: true });
    await divertNextLogs(level.location);
    await level.flush();
    const refusal = { code: 'KVS_STORAGE_FULL', cause: { code: 'ENOSPC' } };
    await expect(level.put('during', '1')).rejects.toMatchObject(refusal);
    await expect(level.put('after', '1', { sync: true })).rejects.toMatchObject(refusal);
    expect(await level.getMany(['before', 'during', 'after'])).toEqual(['1', undefined, undefined]);
    expect(await level.keys().all()).toEqual(['before']);
  });
});

/** Puts the files that the engine will take for its next logs on a device that is always full. */
async function divertNextLogs(location: string): Promise<void> {
  const numbers = (await readdir(location)).map((name) => Number.parseInt(name.replace(/^\D+/, ''), 10));
  const last = Math.max(...numbers.filter((number) => !Number.isNaN(number)));
  for (let number = last + 1; number <= last + 8; number++) {
    await symlink('/dev/full', join(location, `${String(number).padStart(6, '0')}.log`));
  }
}

interface ModelOptions {
  readonly gt?: string;
  readonly gte?: string;
  readonly lt?: string;
  readonly lte?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** What abstract-level promises of an iterator, over a list of keys in order. */
class ModelIterator {
  readonly #keys: readonly string[];
  readonly #options: ModelOptions;
  #rest: string[];
  #left: number;
  #isSpent = false;

  constructor(keys: readonly string[], options: ModelOptions) {
    this.#options = options;
    const inRange = keys.filter((key) => this.#allows(key));
    this.#keys = options.reverse === true ? inRange.toReversed() : inRange;
    this.#rest = [...this.#keys];
    this.#left = options.limit === undefined || options.limit < 0 ? Infinity : options.limit;
  }

  take(count: number): string[] {
    if (this.#isSpent) return [];
    const taken = this.#rest.splice(0, Math.min(count, this.#left));
    this.#left -= taken.length;
    if (count > 0 && taken.length === 0) this.#isSpent = true;
    return taken;
  }

  seek(target: string): void {
    this.#isSpent = false;
    const { reverse } = this.#options;
    this.#rest = this.#allows(target)
      ? this.#keys.filter((key) => (reverse === true ? key <= target : key >= target))
      : [];
  }

  #allows(key: string): boolean {
    const { gt, gte, lt, lte } = this.#options;
    const isAbove = gte === undefined ? gt === undefined || key > gt : key >= gte;
    const isBelow = lte === undefined ? lt === undefined || key < lt : key <= lte;
    return isAbove && isBelow;
  }
}
