import type { KvsClient } from '../client/kvs-client.ts';
import type { ListedEntry } from '../client/types.ts';
import { compareBytes, successor } from './bytes.ts';
import { isInRange, type KeyRange } from './key-range.ts';
import type { LevelPaths } from './level-paths.ts';
import { storedValueOf } from './stored-values.ts';

/** A key and its value; the value is undefined where only keys are read. */
export type Entry = [key: Uint8Array, value: Uint8Array | undefined];

export interface WalkOptions {
  readonly client: Pick<KvsClient, 'page' | 'getBytes'>;
  readonly paths: LevelPaths;
  readonly range: KeyRange;
  readonly reverse: boolean;
  readonly values: boolean;
}

/** Entries of the first page, unless more are asked for at once; each further one has more. */
const firstPageEntries = 64;
const pageGrowth = 4;
/** What a node gives at once. Of values it gives a mebibyte. */
const pageEntriesMax = 1_000;

/** Walks a range, up or down, a page at a time. There is no snapshot: a page has what stands there when it is read. */
export class KeyWalk {
  readonly #options: WalkOptions;
  #pageEntries = firstPageEntries;
  /** Behind which path the next page begins, seen in the direction of the walk; undefined: with the first of all. */
  #after: string | undefined;
  #isDone: boolean;

  constructor(options: WalkOptions) {
    this.#options = options;
    const { start, end } = options.range;
    this.#isDone = end !== undefined && compareBytes(start, end) >= 0;
    if (!options.reverse) this.#after = options.paths.behindWhich(start);
    else if (end !== undefined) this.#after = options.paths.beforeWhich(end);
  }

  /** The next entries: about `countWanted`, at most `countMax` (1 or more), none at the end of the range. */
  async next(countWanted: number, countMax: number): Promise<Entry[]> {
    while (!this.#isDone) {
      const limit = Math.min(Math.max(this.#pageEntries, countWanted), countMax, pageEntriesMax);
      const entries = await this.#read(limit);
      this.#pageEntries = Math.min(this.#pageEntries * pageGrowth, pageEntriesMax);
      if (entries.length > 0) return entries;
    }
    return [];
  }

  /** Goes to a key and walks on from there; a key outside of the range is its end. */
  seek(key: Uint8Array): void {
    const { paths, range, reverse } = this.#options;
    this.#isDone = !isInRange(key, range);
    this.#after = reverse ? paths.beforeWhich(successor(key)) : paths.behindWhich(key);
  }

  async #read(limit: number): Promise<Entry[]> {
    const { client, paths, reverse, values } = this.#options;
    const options = { recursive: true, reverse, values, limit, after: this.#after };
    const page = await client.page(paths.base, options);
    this.#isDone = page.next === undefined;
    this.#after = page.entries.at(-1)?.path;
    const entries: Entry[] = [];
    for (const listed of page.entries) {
      const key = paths.keyOf(listed.path);
      if (key === undefined) continue;
      if (this.#isBeyond(key)) {
        this.#isDone = true;
        break;
      }
      const entry = await this.#entryOf(key, listed);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  async #entryOf(key: Uint8Array, listed: ListedEntry): Promise<Entry | undefined> {
    if (!this.#options.values) return [key, undefined];
    const stored = await storedValueOf(this.#options.client, listed);
    return stored === undefined ? undefined : [key, stored.value];
  }

  #isBeyond(key: Uint8Array): boolean {
    const { range, reverse } = this.#options;
    if (reverse) return compareBytes(key, range.start) < 0;
    return range.end !== undefined && compareBytes(key, range.end) >= 0;
  }
}
