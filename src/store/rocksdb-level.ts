import {
  AbstractIterator,
  AbstractLevel,
  AbstractSnapshot,
  type AbstractDatabaseOptions,
  type AbstractIteratorOptions,
} from 'abstract-level';
import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import RocksDB, { type Entry } from 'rocksdb-native';
import { KvsError } from '../core/errors.ts';
import { WalSync } from './wal-sync.ts';

export interface RocksdbLevelOptions<K, V> extends AbstractDatabaseOptions<K, V> {
  /**
   * What the memtable may take before it is written out, bytes. More means fewer, larger tables and a longer replay
   * of the log at the next start; two memtables may be in memory at a time. Default 32 MiB.
   */
  readonly writeBufferBytes?: number;
  /** Table files that may be open at one time; -1 (the default) for all of them. Fewer costs reads a reopening. */
  readonly openFilesMax?: number;
  /** Threads that flush and compact in the background. Default 2. More finish sooner and disturb more. */
  readonly backgroundJobsMax?: number;
  /** What is read from a table at a time, bytes. Larger: smaller indexes, slower single reads. Default 8 KiB. */
  readonly blockBytes?: number;
}

export interface RocksdbWriteOptions {
  /** True: settle only when the write is on stable storage. Default false: when the operating system has it. */
  readonly sync?: boolean;
}

type Bytes = Uint8Array;
interface SnapshotOption {
  readonly snapshot?: RocksdbSnapshot | undefined;
}
interface RangeOptions extends SnapshotOption {
  readonly gt?: Bytes;
  readonly gte?: Bytes;
  readonly lt?: Bytes;
  readonly lte?: Bytes;
  readonly reverse?: boolean;
  readonly limit?: number;
}
type BatchOperation =
  | { readonly type: 'put'; readonly key: Bytes; readonly value: Bytes }
  | { readonly type: 'del'; readonly key: Bytes };

/** A half-open range of keys; an undefined bound is open. */
interface Range {
  readonly gte: Bytes | undefined;
  readonly lt: Bytes | undefined;
}

/** Entries that the first chunk of an iterator takes; each later one takes up to `chunkGrowth` times more. */
const firstChunkEntries = 8;
const chunkGrowth = 8;
const chunkEntriesMax = 1_024;
/** What a chunk may hold, by the average size of the entries seen so far; a single larger entry still fits. */
const chunkBytesMax = 1_048_576;

/** An abstract-level database over RocksDB. */
export class RocksdbLevel<K = string, V = string> extends AbstractLevel<Buffer | Uint8Array, K, V> {
  readonly location: string;
  readonly #options: RocksdbLevelOptions<K, V>;
  #rocks: RocksDB | undefined;
  #wal: WalSync | undefined;

  /** @param location the folder that holds the database; it is made on opening when `createIfMissing` is not false */
  constructor(location: string, options: RocksdbLevelOptions<K, V> = {}) {
    super(
      {
        encodings: { buffer: true, view: true },
        implicitSnapshots: true,
        explicitSnapshots: true,
        permanence: true,
        seek: true,
        createIfMissing: true,
        errorIfExists: true,
        additionalMethods: { approximateSize: true, compactRange: true, getProperty: true },
      },
      options,
    );
    this.location = location;
    this.#options = options;
  }

  /** About how many bytes on disk the keys in `[start, end)` take. Keys are in the database's default encoding. */
  async approximateSize(start: K, end: K): Promise<number> {
    return this.#opened().approximateSize(this.#encoded(start), this.#encoded(end));
  }

  /** Rewrites the tables that hold keys in `[start, end]` without what was deleted or overwritten. */
  async compactRange(start: K, end: K): Promise<void> {
    await this.#opened().compactRange(this.#encoded(start), this.#encoded(end));
  }

  /** A property of the engine, such as `rocksdb.estimate-num-keys`; empty when there is none of this name. */
  async getProperty(name: string): Promise<string> {
    return this.#opened().getProperty(name);
  }

  async _open(options: { createIfMissing: boolean; errorIfExists: boolean }): Promise<void> {
    await prepareFolder(this.location, options);
    const rocks = new RocksDB(this.location, {
      createIfMissing: options.createIfMissing,
      writeBufferSize: this.#options.writeBufferBytes ?? 32 * 1024 * 1024,
      maxOpenFiles: this.#options.openFilesMax ?? -1,
      maxBackgroundJobs: this.#options.backgroundJobsMax ?? 2,
      tableBlockSize: this.#options.blockBytes ?? 8192,
    });
    try {
      await rocks.ready();
    } catch (cause) {
      throw openError(this.location, cause);
    }
    this.#rocks = rocks;
    this.#wal = new WalSync(this.location, async () => (await rocks.currentWalFile()).number);
  }

  async _close(): Promise<void> {
    await this.#wal?.close();
    await this.#rocks?.close();
    this.#wal = undefined;
    this.#rocks = undefined;
  }

  async _get(key: Bytes, options: SnapshotOption): Promise<Bytes | undefined> {
    return (await this._getMany([key], options))[0];
  }

  async _getMany(keys: Bytes[], options: SnapshotOption): Promise<(Bytes | undefined)[]> {
    if (keys.length === 0) return [];
    const source = options.snapshot?.session ?? this.#opened();
    const batch = source.read({ capacity: keys.length, autoDestroy: true });
    const reads = keys.map((key) => batch.get(key));
    batch.tryFlush();
    return (await Promise.all(reads)).map((value) => value ?? undefined);
  }

  async _put(key: Bytes, value: Bytes, options: RocksdbWriteOptions): Promise<void> {
    await this._batch([{ type: 'put', key, value }], options);
  }

  async _del(key: Bytes, options: RocksdbWriteOptions): Promise<void> {
    await this._batch([{ type: 'del', key }], options);
  }

  async _batch(operations: readonly BatchOperation[], options: RocksdbWriteOptions): Promise<void> {
    const batch = this.#opened().write({ capacity: operations.length, autoDestroy: true });
    for (const operation of operations) {
      if (operation.type === 'put') batch.tryPut(operation.key, operation.value);
      else batch.tryDelete(operation.key);
    }
    await this.#flush(batch, options);
  }

  async _clear(options: RangeOptions & RocksdbWriteOptions): Promise<void> {
    const range = toRange(options);
    if (range === undefined || options.limit === 0) return;
    const isWhole = options.limit === undefined || options.limit < 0 || options.limit === Infinity;
    if (!isWhole || options.snapshot !== undefined) {
      await this.#clearKeys(range, options);
      return;
    }
    const last = range.lt ?? (await this.#afterLastKey());
    if (last === undefined || (range.gte !== undefined && Buffer.compare(range.gte, last) >= 0)) return;
    const batch = this.#opened().write({ capacity: 1, autoDestroy: true });
    batch.tryDeleteRange(range.gte ?? new Uint8Array(0), last);
    await this.#flush(batch, options);
  }

  _iterator(options: IteratorOptions<K, V>): RocksdbIterator<K, V> {
    return new RocksdbIterator(this, this.#opened(), options);
  }

  _snapshot(options: { owner: unknown }): AbstractSnapshot {
    return new RocksdbSnapshot(this.#opened().snapshot(), options);
  }

  #encoded(key: K): Bytes {
    const encoded: unknown = this.keyEncoding().encode(key as never);
    return typeof encoded === 'string' ? Buffer.from(encoded) : (encoded as Bytes);
  }

  /** Deletes what a limited range, or the range of a snapshot, names: its keys are read, its values are not. */
  async #clearKeys(range: Range, options: RangeOptions & RocksdbWriteOptions): Promise<void> {
    const session = options.snapshot?.session ?? this.#opened().snapshot();
    const cursor = new Cursor(session, range, options.reverse === true, false);
    let left = options.limit === undefined || options.limit < 0 ? Infinity : options.limit;
    try {
      while (left > 0) {
        const entries = await cursor.next(left);
        if (entries.length === 0) return;
        left -= entries.length;
        await this._batch(
          entries.map(({ key }) => ({ type: 'del', key })),
          options,
        );
      }
    } finally {
      if (options.snapshot === undefined) await session.close();
    }
  }

  async #afterLastKey(): Promise<Bytes | undefined> {
    const cursor = new Cursor(this.#opened(), { gte: undefined, lt: undefined }, true, false);
    const [last] = await cursor.next(1);
    return last === undefined ? undefined : successor(last.key);
  }

  async #flush(batch: { flush(): Promise<void> }, options: RocksdbWriteOptions): Promise<void> {
    try {
      await batch.flush();
    } catch (cause) {
      throw writeError(cause);
    }
    if (options.sync === true) await this.#wal?.sync();
  }

  #opened(): RocksDB {
    if (this.#rocks === undefined) throw new Error('The database is not open');
    return this.#rocks;
  }
}

class RocksdbSnapshot extends AbstractSnapshot {
  readonly session: RocksDB;

  constructor(session: RocksDB, options: { owner: unknown }) {
    // @ts-expect-error: the base class takes its owner, which its types leave out
    super(options);
    this.session = session;
  }

  async _close(): Promise<void> {
    await this.session.close();
  }
}

interface IteratorOptions<K, V> extends AbstractIteratorOptions<K, V> {
  readonly keys: boolean;
  readonly values: boolean;
  readonly reverse: boolean;
}

class RocksdbIterator<K, V> extends AbstractIterator<RocksdbLevel<K, V>, K, V> {
  readonly #session: RocksDB;
  readonly #isOwnSession: boolean;
  readonly #cursor: Cursor;
  /** Entries that were read and not yet given out, from `#at` on. */
  #chunk: Entry[] = [];
  #at = 0;

  constructor(level: RocksdbLevel<K, V>, rocks: RocksDB, options: IteratorOptions<K, V>) {
    super(level, options);
    const range = options as RangeOptions;
    this.#isOwnSession = range.snapshot === undefined;
    this.#session = range.snapshot?.session ?? rocks.snapshot();
    this.#cursor = new Cursor(this.#session, toRange(range), options.reverse, options.values);
  }

  async _next(): Promise<[Bytes, Bytes] | undefined> {
    const [entry] = await this.#take(1);
    return entry === undefined ? undefined : toPair(entry);
  }

  async _nextv(size: number): Promise<[Bytes, Bytes][]> {
    return (await this.#take(size)).map(toPair);
  }

  async _all(): Promise<[Bytes, Bytes][]> {
    const pairs: [Bytes, Bytes][] = [];
    for (;;) {
      const entries = await this.#take(this.limit - this.count - pairs.length);
      if (entries.length === 0) return pairs;
      for (const entry of entries) pairs.push(toPair(entry));
    }
  }

  _seek(target: Bytes): void {
    this.#chunk = [];
    this.#at = 0;
    this.#cursor.seek(target);
  }

  async _close(): Promise<void> {
    this.#chunk = [];
    await this.#cursor.settled;
    if (this.#isOwnSession) await this.#session.close();
  }

  /** At least one entry unless the range is at its end, and at most `countMax`. */
  async #take(countMax: number): Promise<Entry[]> {
    if (countMax <= 0) return [];
    if (this.#at === this.#chunk.length) {
      this.#at = 0;
      this.#chunk = await this.#cursor.next(this.limit - this.count);
    }
    const entries = this.#chunk.slice(this.#at, this.#at + countMax);
    this.#at += entries.length;
    return entries;
  }
}

/**
 * Walks a range chunk by chunk, each with an iterator of the binding's own, so that memory is bounded by one chunk and
 * no iterator pins tables while the reader is slow. All chunks see the same snapshot.
 */
class Cursor {
  /** Settles when no chunk is being read. */
  settled: Promise<unknown> = Promise.resolve();
  readonly #session: RocksDB;
  readonly #whole: Range | undefined;
  readonly #isReverse: boolean;
  readonly #withValues: boolean;
  #rest: Range | undefined;
  #chunkEntries = firstChunkEntries;

  constructor(session: RocksDB, range: Range | undefined, isReverse: boolean, withValues: boolean) {
    this.#session = session;
    this.#whole = range;
    this.#rest = range;
    this.#isReverse = isReverse;
    this.#withValues = withValues;
  }

  /** The next entries, at most `countMax`; none at the end of the range. */
  async next(countMax: number): Promise<Entry[]> {
    if (this.#rest === undefined) return [];
    const count = Math.min(this.#chunkEntries, countMax < 0 ? Infinity : countMax);
    const reading = this.#read(this.#rest, count);
    this.settled = reading.catch(() => undefined);
    const entries = await reading;
    const last = entries.at(-1);
    if (last === undefined || entries.length < count) this.#rest = undefined;
    else
      this.#rest = this.#isReverse
        ? { ...this.#rest, lt: last.key }
        : { ...this.#rest, gte: successor(last.key) };
    this.#grow(entries);
    return entries;
  }

  /** Goes to a key, in the direction of the walk; outside of the range that is its end. */
  seek(target: Bytes): void {
    const range = this.#whole;
    if (range === undefined) return;
    const isBefore = range.gte !== undefined && Buffer.compare(target, range.gte) < 0;
    const isAfter = range.lt !== undefined && Buffer.compare(target, range.lt) >= 0;
    if (isBefore || isAfter) this.#rest = undefined;
    else this.#rest = this.#isReverse ? { ...range, lt: successor(target) } : { ...range, gte: target };
  }

  #grow(entries: readonly Entry[]): void {
    let bytes = 0;
    for (const { key, value } of entries) bytes += key.length + (value?.length ?? 0);
    const average = Math.max(1, bytes / Math.max(1, entries.length));
    const fitting = Math.max(1, Math.floor(chunkBytesMax / average));
    this.#chunkEntries = Math.min(this.#chunkEntries * chunkGrowth, chunkEntriesMax, fitting);
  }

  async #read({ gte, lt }: Range, count: number): Promise<Entry[]> {
    const range = {
      ...(gte === undefined ? {} : { gte }),
      ...(lt === undefined ? {} : { lt }),
      reverse: this.#isReverse,
      limit: count,
    };
    const stream = this.#session.iterator(range, { capacity: count, values: this.#withValues });
    const entries: Entry[] = [];
    return new Promise((resolve, reject) => {
      stream.on('data', (entry) => {
        entries.push(entry);
        if (entries.length === count) stream.destroy();
      });
      stream.on('error', reject);
      stream.on('close', () => resolve(entries));
    });
  }
}

/** Undefined when the range is empty. The binding takes an empty bound for none, so edges at the empty key are ours. */
function toRange(options: RangeOptions): Range | undefined {
  const gte = options.gte ?? (options.gt === undefined ? undefined : successor(options.gt));
  const lt = options.lte === undefined ? options.lt : successor(options.lte);
  if (lt !== undefined && (lt.length === 0 || (gte !== undefined && Buffer.compare(gte, lt) >= 0)))
    return undefined;
  return { gte: gte?.length === 0 ? undefined : gte, lt };
}

/** The least key above `key`. */
function successor(key: Bytes): Bytes {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

const noBytes = Buffer.alloc(0);

function toPair({ key, value }: Entry): [Bytes, Bytes] {
  return [key, value ?? noBytes];
}

async function prepareFolder(
  location: string,
  { createIfMissing, errorIfExists }: { createIfMissing: boolean; errorIfExists: boolean },
): Promise<void> {
  const exists = await access(`${location}/CURRENT`).then(
    () => true,
    () => false,
  );
  if (exists && errorIfExists) throw new Error(`The database ${location} already exists`);
  if (!exists && !createIfMissing) throw new Error(`The database ${location} does not exist`);
  try {
    if (!exists) await mkdir(location, { recursive: true });
    await access(location, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new KvsError(
      'KVS_STORE_UNUSABLE',
      `The data folder ${location} can't be used: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

/** An error with a code of the abstract-level family. */
function openError(location: string, cause: unknown): Error {
  const text = messageOf(cause);
  if (/lock/i.test(text)) {
    const message = `The data folder ${location} is in use by another process`;
    return Object.assign(new Error(message, { cause }), { code: 'LEVEL_LOCKED' });
  }
  if (/corrupt/i.test(text)) {
    const message = `The data folder ${location} is damaged: ${text}`;
    return Object.assign(new Error(message, { cause }), { code: 'LEVEL_CORRUPTION' });
  }
  return new KvsError('KVS_STORE_UNUSABLE', `The data folder ${location} can't be opened: ${text}`, {
    cause,
  });
}

function writeError(cause: unknown): KvsError {
  const isFull = /no space left|quota exceeded/i.test(fullText(cause));
  return isFull
    ? new KvsError('KVS_STORAGE_FULL', 'No space is left on the disk', { cause })
    : new KvsError('KVS_STORAGE_FAILED', 'The storage engine refused a write', { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function fullText(error: unknown): string {
  return error instanceof Error ? `${error.message} ${fullText(error.cause)}` : '';
}
