import { isEmptyRange, isInRange, rangeAfter, rangeFrom, type KeyRange } from './key-range.ts';

/** One entry; the value is undefined where only keys are read. */
export type Entry = [key: Uint8Array, value: Uint8Array | undefined];

/** What the engine reads a range from: the database, or one of its snapshots. */
export interface EntrySource {
  /** An empty bound counts as none. */
  iterator(
    range: { gte: Uint8Array; lt: Uint8Array | null; reverse: boolean; limit: number },
    options: { capacity: number; values: boolean },
  ): EntryStream;
}

export interface EntryStream {
  on(event: 'data', listener: (entry: { key: Uint8Array; value: Uint8Array | null }) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'end' | 'close', listener: () => void): this;
  destroy(): void;
}

interface Chunk {
  readonly entries: Entry[];
  /** True when the range holds nothing beyond these. */
  readonly isLast: boolean;
}

export interface CursorOptions {
  readonly reverse: boolean;
  readonly values: boolean;
}

/** Entries of the first chunk, unless more are asked for at once: a page is read in one go, a peek reads little. */
const firstChunkEntries = 64;
const chunkGrowth = 4;
const chunkEntriesMax = 1_024;
/** A chunk ends with the entry that brings it over this. */
const chunkBytesMax = 1_048_576;
/** Entries that the engine hands over in one step. */
const stepEntriesMax = 128;

/**
 * Walks a range in chunks. Each is read by an engine iterator of its own, which lives no longer than the chunk: a slow
 * reader pins nothing but its snapshot, and going elsewhere is reading the next chunk from there.
 *
 * Memory: one chunk of at most 1,024 entries and 1 MiB. Where large entries follow small ones, the first chunk that
 * meets them may exceed that by 127 of them; the next ones won't.
 */
export class ChunkCursor {
  readonly #source: EntrySource;
  readonly #range: KeyRange;
  readonly #options: CursorOptions;
  /** What is still to be read; undefined at the end. */
  #rest: KeyRange | undefined;
  #chunkEntries = firstChunkEntries;
  #stepEntries = stepEntriesMax;

  constructor(source: EntrySource, range: KeyRange, options: CursorOptions) {
    this.#source = source;
    this.#range = range;
    this.#options = options;
    this.#rest = nonEmpty(range);
  }

  /** The next entries: about `countWanted`, at most `countMax` (1 or more), none at the end of the range. */
  async next(countWanted: number, countMax: number): Promise<Entry[]> {
    if (this.#rest === undefined) return [];
    const count = Math.min(Math.max(this.#chunkEntries, countWanted), countMax, chunkEntriesMax);
    const { entries, isLast } = await this.#read(this.#rest, count);
    const last = entries.at(-1);
    this.#rest =
      isLast || last === undefined
        ? undefined
        : nonEmpty(rangeAfter(last[0], this.#rest, this.#options.reverse));
    this.#chunkEntries = Math.min(this.#chunkEntries * chunkGrowth, chunkEntriesMax);
    return entries;
  }

  /** Goes to a key and walks on from there; a key outside of the range is its end. */
  seek(key: Uint8Array): void {
    const isInside = isInRange(key, this.#range);
    this.#rest = isInside ? rangeFrom(key, this.#range, this.#options.reverse) : undefined;
  }

  #read({ start, end }: KeyRange, count: number): Promise<Chunk> {
    const { reverse, values } = this.#options;
    return new Promise((resolve, reject) => {
      const entries: Entry[] = [];
      let bytes = 0;
      let isDone = false;
      const finish = (isLast: boolean) => {
        isDone = true;
        this.#adaptStep(entries.length, bytes);
        resolve({ entries, isLast });
      };
      const stream = this.#source.iterator(
        { gte: start, lt: end ?? null, reverse, limit: count },
        // One more than there will be, so that the engine knows the end without another step.
        { capacity: Math.min(this.#stepEntries, count + 1), values },
      );
      stream.on('data', ({ key, value }) => {
        if (isDone) return;
        entries.push([key, value ?? undefined]);
        bytes += key.length + (value === null ? 0 : value.length);
        if (entries.length === count || bytes >= chunkBytesMax) {
          finish(false);
          stream.destroy();
        }
      });
      stream.on('end', () => finish(true));
      stream.on('error', reject);
      // Comes last; of consequence only when nothing else came.
      stream.on('close', () => reject(new Error('The engine ended a read before its time')));
    });
  }

  #adaptStep(entries: number, bytes: number): void {
    const bytesOfOne = Math.max(1, bytes / Math.max(1, entries));
    this.#stepEntries = Math.max(1, Math.min(stepEntriesMax, Math.floor(chunkBytesMax / bytesOfOne)));
  }
}

function nonEmpty(range: KeyRange): KeyRange | undefined {
  return isEmptyRange(range) ? undefined : range;
}
