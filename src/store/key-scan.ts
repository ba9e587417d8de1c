import type { Range } from './keyspace.ts';
import { asBytes, type Level } from './level.ts';
import { successor } from './key-range.ts';

export type ScannedEntry = readonly [key: Uint8Array, record: Uint8Array];

export interface ScanOptions {
  readonly reverse: boolean;
  /** Whether a record counts; the scan goes past those that don't. */
  readonly isShown: (record: Uint8Array) => boolean;
  /** Asked before each read; where it says no, the scan ends. */
  readonly isWanted?: (() => boolean) | undefined;
  /** How many entries the first read takes; each further one takes more, up to `readEntriesMax`. */
  readonly firstRead: number;
}

export const slash = 0x2f;

/** After a skip nobody knows whether another one follows: the next read takes so few entries. */
const readAfterSkip = 4;
const readGrowth = 4;
/** A whole page, and the entry that tells of another one, fit in. */
const readEntriesMax = 1_024;

/**
 * Walks the records of a range, up or down, and goes past what its user wants to skip. Each read has an iterator of its
 * own, which is closed before the entries are given out: nothing is pinned in the engine while a user takes his time.
 * What is written meanwhile may be seen or not.
 */
export class KeyScan {
  readonly #level: Level;
  readonly #options: ScanOptions;
  /** What was not read yet. */
  #rest: Range;
  /** What was read; given out up to, and without, `#at`. */
  #entries: readonly ScannedEntry[] = [];
  #at = 0;
  #readEntries: number;

  constructor(level: Level, range: Range, options: ScanOptions) {
    this.#level = level;
    this.#options = options;
    this.#rest = range;
    this.#readEntries = Math.max(1, Math.min(options.firstRead, readEntriesMax));
  }

  /** The next entry that counts; undefined at the end of the range. */
  async next(): Promise<ScannedEntry | undefined> {
    for (;;) {
      for (;;) {
        const entry = this.#entries[this.#at];
        if (entry === undefined) break;
        this.#at++;
        if (this.#options.isShown(entry[1])) return entry;
      }
      if (this.#options.isWanted?.() === false || !(await this.#read())) return undefined;
    }
  }

  /** Goes past everything below a key: to the far side of it, seen from where the scan is. */
  skipBelow(key: Uint8Array): void {
    const { gte, lt } = descendantsOf(key);
    const isBefore = this.#options.reverse
      ? (other: Uint8Array) => Buffer.compare(other, gte) >= 0
      : (other: Uint8Array) => Buffer.compare(other, lt) < 0;
    for (;;) {
      const entry = this.#entries[this.#at];
      if (entry === undefined) break;
      if (!isBefore(entry[0])) return;
      this.#at++;
    }
    this.#rest = this.#options.reverse
      ? { gte: this.#rest.gte, lt: earlier(this.#rest.lt, gte) }
      : { gte: later(this.#rest.gte, lt), lt: this.#rest.lt };
    this.#readEntries = readAfterSkip;
  }

  /** Whether anything that counts stands below a key; the scan stays where it is. */
  async hasBelow(key: Uint8Array): Promise<boolean> {
    const range = descendantsOf(key);
    const last = this.#entries.at(-1);
    if (!this.#options.reverse && last !== undefined && Buffer.compare(last[0], range.lt) >= 0) {
      return this.#hasRead(range);
    }
    const scan = new KeyScan(this.#level, range, { ...this.#options, firstRead: 1 });
    return (await scan.next()) !== undefined;
  }

  /** Whether anything that counts stands in a range that begins after `#at` and ends before the last entry read. */
  #hasRead({ gte, lt }: Range): boolean {
    for (let at = this.#firstRead(gte); at < this.#entries.length; at++) {
      const entry = this.#entries[at];
      if (entry === undefined || Buffer.compare(entry[0], lt) >= 0) return false;
      if (this.#options.isShown(entry[1])) return true;
    }
    return false;
  }

  /** Where the first entry stands, of those that were read and not given out, whose key is not below `key`. */
  #firstRead(key: Uint8Array): number {
    let [low, high] = [this.#at, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && Buffer.compare(entry[0], key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async #read(): Promise<boolean> {
    const { gte, lt } = this.#rest;
    this.#entries = [];
    this.#at = 0;
    if (Buffer.compare(gte, lt) >= 0) return false;
    const limit = this.#readEntries;
    const options = { ...asBytes, gte, lt, limit, reverse: this.#options.reverse };
    const iterator = this.#level.iterator<Uint8Array, Uint8Array>(options);
    let isEnd = false;
    try {
      this.#entries = await iterator.nextv(limit);
      if (this.#entries.length < limit) {
        // It may have stopped at a bound of its own; the iterator knows, mostly without reading.
        const more = await iterator.nextv(limit - this.#entries.length);
        isEnd = more.length === 0;
        if (!isEnd) this.#entries = [...this.#entries, ...more];
      }
    } finally {
      await iterator.close();
    }
    const last = this.#entries.at(-1);
    if (isEnd || last === undefined) this.#rest = { gte, lt: gte };
    else this.#rest = this.#options.reverse ? { gte, lt: last[0] } : { gte: successor(last[0]), lt };
    this.#readEntries = Math.min(limit * readGrowth, readEntriesMax);
    return last !== undefined;
  }
}

/** The range of the keys below a key: those that go on with a slash. */
export function descendantsOf(key: Uint8Array): Range {
  return {
    gte: Buffer.concat([key, Buffer.from([slash])]),
    lt: Buffer.concat([key, Buffer.from([slash + 1])]),
  };
}

export function later(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) >= 0 ? a : b;
}

export function earlier(a: Uint8Array, b: Uint8Array): Uint8Array {
  return Buffer.compare(a, b) <= 0 ? a : b;
}
