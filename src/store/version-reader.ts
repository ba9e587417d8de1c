import type { KeyPath } from '../core/key-path.ts';
import { hashPath } from './key-digest.ts';
import type { KeyFilter } from './key-filter.ts';
import { asBytes, storageError, type Level } from './level.ts';
import { mainKey } from './keyspace.ts';
import { decodeRecord, type StoredVersion } from './version-record.ts';
import type { VersionCache } from './version-cache.ts';

/** Keys in one multi-get. */
const readBatchMax = 1_024;
/** Multi-gets at one time; keys that are asked for meanwhile wait for the next one and share it. */
const readsInFlightMax = 2;

interface Miss {
  readonly path: KeyPath;
  readonly promise: Promise<StoredVersion | null>;
  readonly resolve: (version: StoredVersion | null) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Reads current versions: from the cache, or with one multi-get for all that ask at about the same time. Whoever asks
 * for a key that is being read already shares that read.
 */
export class VersionReader {
  readonly #level: Level;
  readonly #cache: VersionCache;
  readonly #filter: KeyFilter;
  readonly #defer: (task: () => void) => void;
  readonly #pathLanes = new Uint32Array(4);
  /** Reads that a later reader may join. A commit of the key takes its read out: what it brings may be old. */
  readonly #misses = new Map<KeyPath, Miss>();
  #waiting: Miss[] = [];
  #inFlight = 0;
  #isScheduled = false;

  constructor(level: Level, cache: VersionCache, filter: KeyFilter, defer: (task: () => void) => void) {
    this.#level = level;
    this.#cache = cache;
    this.#filter = filter;
    this.#defer = defer;
  }

  /** What is known without a look at the disk: null when the key has no version, undefined when nothing is known. */
  peek(path: KeyPath): StoredVersion | null | undefined {
    const cached = this.#cache.get(path);
    if (cached !== undefined) return cached;
    hashPath(path, this.#pathLanes);
    return this.#filter.mayHold(this.#pathLanes) ? undefined : null;
  }

  /** Null when the key has no version. */
  async read(path: KeyPath): Promise<StoredVersion | null> {
    const peeked = this.peek(path);
    if (peeked !== undefined) return peeked;
    const known = this.#misses.get(path);
    if (known !== undefined) return known.promise;
    const miss = { path, ...settleable() };
    this.#misses.set(path, miss);
    this.#waiting.push(miss);
    this.#schedule();
    return miss.promise;
  }

  /** Straight from the disk, for a writer that knows that no commit of these keys is under way. */
  async readStored(paths: readonly KeyPath[]): Promise<(StoredVersion | null)[]> {
    this.#cache.misses += paths.length;
    const records = await this.#level.getMany<Uint8Array, Uint8Array>(
      paths.map((path) => mainKey(path)),
      asBytes,
    );
    return records.map((record) => (record === undefined ? null : decodeRecord(record)));
  }

  /** To be called for each key when its commit is done. */
  forget(path: KeyPath): void {
    if (this.#misses.size > 0) this.#misses.delete(path);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#inFlight >= readsInFlightMax || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    this.#defer(() => {
      this.#isScheduled = false;
      void this.#readWaiting();
    });
  }

  async #readWaiting(): Promise<void> {
    const batch = this.#waiting.splice(0, readBatchMax);
    this.#inFlight++;
    try {
      const versions = await this.readStored(batch.map((miss) => miss.path));
      batch.forEach((miss, index) => this.#settle(miss, versions[index] ?? null));
    } catch (cause) {
      for (const miss of batch) {
        if (this.#misses.get(miss.path) === miss) this.#misses.delete(miss.path);
        miss.reject(storageError(cause));
      }
    } finally {
      this.#inFlight--;
      this.#schedule();
    }
  }

  #settle(miss: Miss, version: StoredVersion | null): void {
    if (this.#misses.get(miss.path) === miss) {
      this.#misses.delete(miss.path);
      this.#cache.set(miss.path, version);
    }
    miss.resolve(version);
  }
}

/** A promise with the functions that settle it. */
function settleable(): Omit<Miss, 'path'> {
  let resolve!: Miss['resolve'];
  let reject!: Miss['reject'];
  const promise = new Promise<StoredVersion | null>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
