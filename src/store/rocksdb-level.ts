import {
  AbstractIterator,
  AbstractLevel,
  AbstractSnapshot,
  type AbstractBatchOperation,
  type AbstractBatchOptions,
  type AbstractChainedBatch,
  type AbstractClearOptions,
  type AbstractDatabaseOptions,
  type AbstractDelOptions,
  type AbstractIteratorOptions,
  type AbstractPutOptions,
} from 'abstract-level';
import { access, constants, mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import RocksDB, { type WriteBatch } from 'rocksdb-native';
import { KvsError } from '../core/errors.ts';
import { ChunkCursor, type Entry } from './chunk-cursor.ts';
import {
  isEmptyRange,
  successor,
  toKeyRange,
  wholeRange,
  type KeyBounds,
  type KeyRange,
} from './key-range.ts';
import type { KeysAndValues } from './level.ts';
import { cutTail, findTails, type LogTail } from './log-tail.ts';
import { hasCode, syncFolder, WalSync } from './wal-sync.ts';

/** The block cache is the engine's own: 32 MiB per database, which the binding has no option for. */
export interface RocksdbLevelOptions<K, V> extends AbstractDatabaseOptions<K, V> {
  /**
   * What the memtable may take before it is written out as a table, bytes; default 32 MiB, at least 64 KiB. Raising it
   * makes fewer and larger tables and costs memory, up to twice the value, and time at the next start, which replays
   * as much of the log.
   */
  readonly writeBufferBytes?: number | undefined;
  /**
   * Table files that are open at one time; default 1,000, which holds some 60 GB of data; -1: all of them. Raising it
   * costs file descriptors, and memory for what is kept of each table; a lower one makes reads open files anew.
   */
  readonly openFilesMax?: number | undefined;
  /** Flushes and compactions that run at one time; default 2. Raising it costs the foreground CPU and disk. */
  readonly backgroundJobsMax?: number | undefined;
  /**
   * What is read from a table at a time, bytes; default 8 KiB. Raising it makes indexes smaller, and single reads that
   * miss the cache slower.
   */
  readonly blockBytes?: number | undefined;
  /** Told how long each sync of the log took, seconds. */
  readonly onSync?: ((seconds: number) => void) | undefined;
  /** Told of each log that had its end cut off, before the engine opens the folder. Must not throw. */
  readonly onTailCut?: ((tail: LogTail) => void) | undefined;
}

export interface RocksdbWriteOptions {
  /**
   * True: the write settles when it is on stable storage, together with every write before it. False, the default:
   * when the operating system has it, so that it survives the end of the process but not of the machine.
   */
  readonly sync?: boolean | undefined;
  /** Called when the operating system has the write, before it is synced. Must not throw. */
  readonly onWritten?: (() => void) | undefined;
}

type Bytes = Uint8Array;

interface ReadOptions {
  readonly snapshot?: RocksdbSnapshot | undefined;
}

/** As abstract-level hands it over: bounds encoded, -1 for no limit. */
interface RangeOptions extends KeyBounds, ReadOptions {
  readonly reverse: boolean;
  readonly limit: number;
}

type IteratorOptions<K, V> = RangeOptions & { readonly values: boolean } & AbstractIteratorOptions<K, V>;

type Operation =
  | { readonly type: 'put'; readonly key: Bytes; readonly value: Bytes }
  | { readonly type: 'del'; readonly key: Bytes };

/** What is added to abstract-level's signatures: the `sync` option. The methods themselves are inherited. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export interface RocksdbLevel<K = string, V = string> {
  put(key: K, value: V): Promise<void>;
  put<TKey = K, TValue = V>(
    key: TKey,
    value: TValue,
    options: AbstractPutOptions<TKey, TValue> & RocksdbWriteOptions,
  ): Promise<void>;
  del(key: K): Promise<void>;
  del<TKey = K>(key: TKey, options: AbstractDelOptions<TKey> & RocksdbWriteOptions): Promise<void>;
  batch(operations: AbstractBatchOperation<this, K, V>[]): Promise<void>;
  batch<TKey = K, TValue = V>(
    operations: AbstractBatchOperation<this, TKey, TValue>[],
    options: AbstractBatchOptions<TKey, TValue> & RocksdbWriteOptions,
  ): Promise<void>;
  batch(): AbstractChainedBatch<this, K, V>;
  clear(): Promise<void>;
  clear<TKey = K>(options: AbstractClearOptions<TKey> & RocksdbWriteOptions): Promise<void>;
}

/**
 * An abstract-level database over RocksDB.
 *
 * Bytes given to a call must not change before it settles. Bytes that come back are Buffers, with the encoding `view`
 * too. Writes that are not awaited one after the other have no order among them.
 *
 * Beside abstract-level's own error codes there are:
 * - LEVEL_LOCKED, cause of a failed open: this or another process has the folder open
 * - KVS_STORE_UNUSABLE, cause of a failed open: the folder can't be made, written to or read as a database
 * - LEVEL_CORRUPTION, LEVEL_IO_ERROR: a read met damaged data, or failed
 * - KVS_STORAGE_FULL, KVS_STORAGE_FAILED: a write was refused; nothing of it was stored, unless the sync failed
 */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export class RocksdbLevel<K = string, V = string> extends AbstractLevel<string | Buffer | Uint8Array, K, V> {
  /** The folder that holds the database, absolute. */
  readonly location: string;
  readonly #options: RocksdbLevelOptions<K, V>;
  #open: { readonly rocks: RocksDB; readonly wal: WalSync } | undefined;
  /** Writes and clears under way; closing waits for them, as some take several steps. */
  #writing = 0;
  #onWritten: (() => void) | undefined;

  /** @param location the folder that holds the database; opening makes it unless `createIfMissing` is false */
  constructor(location: string, options: RocksdbLevelOptions<K, V> = {}) {
    super(
      {
        encodings: { buffer: true, view: true },
        implicitSnapshots: true,
        explicitSnapshots: true,
        has: true,
        permanence: true,
        seek: true,
        createIfMissing: true,
        errorIfExists: true,
        additionalMethods: {
          approximateSize: true,
          batchBytes: true,
          compactRange: true,
          flush: true,
          getProperty: true,
        },
      },
      options,
    );
    this.location = resolve(location);
    this.#options = options;
  }

  /**
   * About how many bytes the keys from `start` up to and without `end` take, in memory and on disk. Keys are in the
   * default encoding.
   */
  async approximateSize(start: K, end: K): Promise<number> {
    const rocks = await this.#whenOpen();
    return rocks.approximateSize(this.#encode(start), this.#encode(end), { includeMemtables: true });
  }

  /** Rewrites the tables that hold the keys from `start` to `end`, without what was deleted or replaced. */
  async compactRange(start: K, end: K): Promise<void> {
    const rocks = await this.#whenOpen();
    await rocks.compactRange(this.#encode(start), this.#encode(end));
  }

  /**
   * An atomic batch of bytes, its parts in order. It does without what `batch` has beside that, encodings, sublevels,
   * hooks and events: for small entries they cost more than the write itself.
   */
  async batchBytes(parts: readonly KeysAndValues[], options: RocksdbWriteOptions = {}): Promise<void> {
    if (this.status !== 'open') throw levelError('LEVEL_DATABASE_NOT_OPEN', 'Database is not open');
    const count = parts.reduce((sum, { keys }) => sum + keys.length, 0);
    if (count === 0) return;
    await this.#change(options, () =>
      this.#write(count, (batch) => {
        for (const { keys, values } of parts) {
          keys.forEach((key, index) => {
            const value = values[index];
            if (value === undefined) batch.tryDelete(key);
            else batch.tryPut(key, value);
          });
        }
      }),
    );
  }

  /** Writes the memtable out as a table; the log begins anew. */
  async flush(): Promise<void> {
    const rocks = await this.#whenOpen();
    await rocks.flush();
  }

  /** A property of the engine, such as `rocksdb.estimate-num-keys`; undefined when it has none of this name. */
  async getProperty(name: string): Promise<string | undefined> {
    const rocks = await this.#whenOpen();
    return rocks.getProperty(name);
  }

  async _open(options: { createIfMissing: boolean; errorIfExists: boolean }): Promise<void> {
    const { isNew } = await prepareFolder(this.location, options);
    if (!isNew) await this.#cutTails();
    const rocks = new RocksDB(this.location, {
      createIfMissing: options.createIfMissing,
      maxBackgroundJobs: this.#options.backgroundJobsMax ?? 2,
      maxOpenFiles: this.#options.openFilesMax ?? 1_000,
      tableBlockSize: this.#options.blockBytes ?? 8 * 1_024,
      writeBufferSize: this.#options.writeBufferBytes ?? 32 * 1_024 * 1_024,
    });
    try {
      await rocks.ready();
    } catch (cause) {
      throw openError(this.location, cause);
    }
    this.#open = {
      rocks,
      wal: new WalSync(this.location, () => currentWalNumber(rocks), this.#options.onSync),
    };
  }

  async _close(): Promise<void> {
    if (this.#writing > 0) await new Promise<void>((resolve) => (this.#onWritten = resolve));
    await this.#opened.wal.close();
    await this.#opened.rocks.close();
    this.#open = undefined;
  }

  async _get(key: Bytes, { snapshot }: ReadOptions): Promise<Bytes | undefined> {
    const batch = this.#source(snapshot).read({ capacity: 1, autoDestroy: true });
    const value = batch.get(key);
    batch.tryFlush();
    try {
      return (await value) ?? undefined;
    } catch (cause) {
      throw readError(cause);
    }
  }

  async _getMany(keys: Bytes[], { snapshot }: ReadOptions): Promise<(Bytes | undefined)[]> {
    const batch = this.#source(snapshot).read({ capacity: keys.length, autoDestroy: true });
    const reads = keys.map((key) => batch.get(key));
    batch.tryFlush();
    try {
      const values = await Promise.all(reads);
      return values.map((value) => value ?? undefined);
    } catch (cause) {
      throw readError(cause);
    }
  }

  async _has(key: Bytes, options: ReadOptions): Promise<boolean> {
    return (await this._get(key, options)) !== undefined;
  }

  async _hasMany(keys: Bytes[], options: ReadOptions): Promise<boolean[]> {
    const values = await this._getMany(keys, options);
    return values.map((value) => value !== undefined);
  }

  _put(key: Bytes, value: Bytes, options: RocksdbWriteOptions): Promise<void> {
    return this.#change(options, () => this.#write(1, (batch) => batch.tryPut(key, value)));
  }

  _del(key: Bytes, options: RocksdbWriteOptions): Promise<void> {
    return this.#change(options, () => this.#write(1, (batch) => batch.tryDelete(key)));
  }

  async _batch(operations: readonly Operation[], options: RocksdbWriteOptions): Promise<void> {
    if (operations.length === 0) return;
    await this.#change(options, () =>
      this.#write(operations.length, (batch) => {
        for (const operation of operations) {
          if (operation.type === 'put') batch.tryPut(operation.key, operation.value);
          else batch.tryDelete(operation.key);
        }
      }),
    );
  }

  /** Reads no value, and no key either when all of the range goes. */
  async _clear(options: RangeOptions & RocksdbWriteOptions): Promise<void> {
    const range = toKeyRange(options);
    if (isEmptyRange(range)) return;
    const isWhole = options.snapshot === undefined && options.limit < 0;
    await this.#change(options, () => (isWhole ? this.#clearRange(range) : this.#clearKeys(range, options)));
  }

  _iterator(options: IteratorOptions<K, V>): RocksdbIterator<K, V> {
    return new RocksdbIterator(this, this.#opened.rocks, options);
  }

  _snapshot(options: { owner: unknown }): AbstractSnapshot {
    return new RocksdbSnapshot(this.#opened.rocks.snapshot(), options);
  }

  /** Nothing is cut while anybody has the folder open, nor when it stays unusable. */
  async #cutTails(): Promise<void> {
    try {
      const tails = await findTails(this.location);
      if (tails.length > 0) await checkUnlocked(this.location);
      const damaged = tails.find(({ isCuttable }) => !isCuttable);
      if (damaged !== undefined) throw new Error(`${damaged.path} is damaged at byte ${damaged.end}`);
      for (const tail of tails) {
        await cutTail(tail);
        this.#options.onTailCut?.(tail);
      }
    } catch (cause) {
      throw openError(this.location, cause);
    }
  }

  get #opened(): { readonly rocks: RocksDB; readonly wal: WalSync } {
    if (this.#open !== undefined) return this.#open;
    throw levelError('LEVEL_DATABASE_NOT_OPEN', 'Database is not open');
  }

  async #whenOpen(): Promise<RocksDB> {
    if (this.#open === undefined) await this.open({ passive: true });
    return this.#opened.rocks;
  }

  #source(snapshot: RocksdbSnapshot | undefined): RocksDB {
    return snapshot === undefined ? this.#opened.rocks : snapshot.session;
  }

  #encode(key: K): Bytes {
    const encoded = this.keyEncoding().encode(key);
    return typeof encoded === 'string' ? Buffer.from(encoded) : encoded;
  }

  /**
   * Keeps the database open until `work` is done, and with `sync` ends with a sync. After a failed one a change with
   * `sync` is refused before anything is written; without, it never promised what the log can no longer keep.
   */
  async #change({ sync, onWritten }: RocksdbWriteOptions, work: () => Promise<void>): Promise<void> {
    const { wal } = this.#opened;
    if (sync === true && wal.failure !== undefined) throw wal.failure;
    this.#writing++;
    try {
      await work();
      onWritten?.();
      if (sync === true) await wal.sync();
    } finally {
      if (--this.#writing === 0) this.#onWritten?.();
    }
  }

  async #write(operations: number, fill: (batch: WriteBatch) => void): Promise<void> {
    const batch = this.#opened.rocks.write({ capacity: operations, autoDestroy: true });
    fill(batch);
    try {
      await this.#opened.wal.track(() => batch.flush());
    } catch (cause) {
      throw writeError(this.location, cause);
    }
  }

  async #clearRange({ start, end }: KeyRange): Promise<void> {
    const endOrLast = end ?? (await this.#endOfKeys());
    if (Buffer.compare(start, endOrLast) >= 0) return;
    await this.#write(1, (batch) => batch.tryDeleteRange(start, endOrLast));
  }

  /** The least key above all that are there: the engine knows no open end of a range that it deletes. */
  async #endOfKeys(): Promise<Bytes> {
    const cursor = new ChunkCursor(this.#opened.rocks, wholeRange, { reverse: true, values: false });
    const [last] = await cursor.next(1, 1);
    return last === undefined ? wholeRange.start : successor(last[0]);
  }

  async #clearKeys(range: KeyRange, options: RangeOptions): Promise<void> {
    const session = options.snapshot?.session ?? this.#opened.rocks.snapshot();
    const cursor = new ChunkCursor(session, range, { reverse: options.reverse, values: false });
    let left = options.limit < 0 ? Infinity : options.limit;
    try {
      while (left > 0) {
        const entries = await cursor.next(left, left);
        if (entries.length === 0) return;
        left -= entries.length;
        await this.#write(entries.length, (batch) => {
          for (const [key] of entries) batch.tryDelete(key);
        });
      }
    } finally {
      if (options.snapshot === undefined) await session.close();
    }
  }
}

class RocksdbSnapshot extends AbstractSnapshot {
  /** Reads the database as it was. */
  readonly session: RocksDB;

  constructor(session: RocksDB, options: { owner: unknown }) {
    // @ts-expect-error: the base class takes its owner, which its types leave out
    super(options);
    this.session = session;
  }

  _close(): Promise<void> {
    return this.session.close();
  }
}

class RocksdbIterator<K, V> extends AbstractIterator<RocksdbLevel<K, V>, K, V> {
  /** The snapshot that the iterator made for itself, when it was given none. */
  readonly #own: RocksDB | undefined;
  readonly #cursor: ChunkCursor;
  /** Entries that were read and not yet given out, from `#at` on. */
  #chunk: Entry[] = [];
  #at = 0;
  /** Entries that may still be given out; a seek gives none back. */
  #left: number;

  constructor(database: RocksdbLevel<K, V>, rocks: RocksDB, options: IteratorOptions<K, V>) {
    super(database, options);
    this.#own = options.snapshot === undefined ? rocks.snapshot() : undefined;
    this.#left = this.limit;
    this.#cursor = new ChunkCursor(
      this.#own ?? options.snapshot?.session ?? rocks,
      toKeyRange(options),
      options,
    );
  }

  async _next(): Promise<Entry | undefined> {
    if (this.#at === this.#chunk.length) await this.#read(1);
    const entry = this.#chunk[this.#at];
    if (entry === undefined) return undefined;
    this.#at++;
    this.#left--;
    return entry;
  }

  async _nextv(size: number): Promise<Entry[]> {
    if (this.#at === this.#chunk.length) await this.#read(size);
    const entries = this.#chunk.slice(this.#at, this.#at + size);
    this.#at += entries.length;
    this.#left -= entries.length;
    return entries;
  }

  _seek(target: Bytes): void {
    this.#chunk = [];
    this.#at = 0;
    this.#cursor.seek(target);
  }

  async _close(): Promise<void> {
    this.#chunk = [];
    await this.#own?.close();
  }

  async #read(countWanted: number): Promise<void> {
    this.#at = 0;
    this.#chunk = [];
    if (this.#left === 0) return;
    try {
      this.#chunk = await this.#cursor.next(countWanted, this.#left);
    } catch (cause) {
      throw readError(cause);
    }
  }
}

async function currentWalNumber(rocks: RocksDB): Promise<number> {
  try {
    return (await rocks.currentWalFile()).number;
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    // The engine took the number, then looked for a file that was flushed and removed in between.
    return (await rocks.currentWalFile()).number;
  }
}

async function prepareFolder(
  location: string,
  { createIfMissing, errorIfExists }: { createIfMissing: boolean; errorIfExists: boolean },
): Promise<{ readonly isNew: boolean }> {
  try {
    const exists = await hasDatabase(location);
    if (exists && errorIfExists) throw new Error('it already exists');
    if (!exists && !createIfMissing) throw new Error('it does not exist');
    if (!exists) await makeFolder(location);
    await access(location, constants.R_OK | constants.W_OK | constants.X_OK);
    return { isNew: !exists };
  } catch (cause) {
    throw unusable(location, cause);
  }
}

async function hasDatabase(location: string): Promise<boolean> {
  try {
    await access(join(location, 'CURRENT'));
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/**
 * Makes the folder and those above it, durably: a database that the power takes away with its folder has lost everything.
 * Not by `mkdir` with `recursive`, which never ends where the file system has a parent but takes no child, as in /proc.
 */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return;
    if (!hasCode(error, 'ENOENT')) throw error;
    await makeFolder(dirname(folder));
    await mkdir(folder);
  }
  await syncFolder(dirname(folder));
}

/**
 * Fails as an open would while this or another process has the folder open. Node can't test the lock, so the engine has
 * to, by an open that it must refuse: it takes the lock, misses the default column family, and lets go of the lock
 * without having looked at a log. Another node that takes it after that has cut the same tails before.
 */
async function checkUnlocked(location: string): Promise<void> {
  const columnFamily = new RocksDB.ColumnFamily('none');
  const probe = new RocksDB(location, { createIfMissing: false, columnFamily });
  try {
    await probe.ready();
    await probe.close();
  } catch (cause) {
    if (!/^default column family not specified/i.test(messageOf(cause))) throw cause;
  }
}

function openError(location: string, cause: unknown): Error {
  const text = messageOf(cause);
  const isOurs = text.startsWith('lock hold by current process');
  if (isOurs || text.startsWith('While lock file')) {
    const holder = isOurs ? 'this process' : 'another process';
    return levelError('LEVEL_LOCKED', `The database in ${location} is already open in ${holder}`, cause);
  }
  return unusable(location, cause);
}

function unusable(location: string, cause: unknown): KvsError {
  const message = `The database in ${location} can't be opened: ${messageOf(cause)}`;
  return new KvsError('KVS_STORE_UNUSABLE', message, { cause });
}

function readError(cause: unknown): Error {
  return /checksum mismatch|corrupt/i.test(messageOf(cause))
    ? levelError('LEVEL_CORRUPTION', 'The stored data is damaged', cause)
    : levelError('LEVEL_IO_ERROR', 'The stored data could not be read', cause);
}

/** The binding wraps what the engine said in an error of its own. */
function writeError(location: string, error: unknown): KvsError {
  const cause: unknown = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return isFull(cause)
    ? new KvsError('KVS_STORAGE_FULL', `No space is left for ${location}`, { cause })
    : new KvsError('KVS_STORAGE_FAILED', `The storage engine refused a write: ${messageOf(cause)}`, {
        cause,
      });
}

function isFull(error: unknown): boolean {
  return hasCode(error, 'ENOSPC') || /disk quota exceeded/i.test(messageOf(error));
}

/** An error with one of the codes that abstract-level databases share. */
function levelError(code: string, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
