import { LRUCache } from 'lru-cache';
import type { KeyPath } from '../core/key-path.ts';
import type { StoredVersion } from './version-record.ts';

/** What an entry costs beside its path, type and data, in bytes: objects, strings, and the list and map around them. */
const entryOverheadBytes = 700;

/** Remembers that a key has no version. */
const absent = Symbol('absent');

/**
 * The versions that were read or written last, bounded in bytes; the least recently used one goes first. A value
 * larger than an eighth of the bound is not kept, so that one can't empty the cache.
 */
export class VersionCache {
  readonly #entries: LRUCache<KeyPath, StoredVersion | typeof absent>;
  hits = 0;
  /** Keys that were read from the disk. Whoever is told that nothing is known may ask more than once. */
  misses = 0;

  constructor(bytesMax: number) {
    this.#entries = new LRUCache({
      maxSize: Math.max(bytesMax, 1),
      maxEntrySize: Math.max(Math.floor(bytesMax / 8), 1),
      sizeCalculation: (entry, path) =>
        entryOverheadBytes +
        path.length +
        (entry === absent
          ? 0
          : entry.contentType.length + entry.data.byteLength + entry.revisions.byteLength),
    });
  }

  /** Null when the key is known to have no version; undefined when nothing is known. */
  get(path: KeyPath): StoredVersion | null | undefined {
    const entry = this.#entries.get(path);
    if (entry === undefined) return undefined;
    this.hits++;
    return entry === absent ? null : entry;
  }

  /** Without counting as a use. */
  has(path: KeyPath): boolean {
    return this.#entries.has(path);
  }

  set(path: KeyPath, version: StoredVersion | null): void {
    this.#entries.set(path, version ?? absent);
  }

  get entries(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }
}
