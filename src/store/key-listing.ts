import { plainBytes } from '../core/version.ts';
import type { KeyPath } from '../core/key-path.ts';
import type { ListedKey, ListOptions, ListPage } from '../core/ports.ts';
import { mainKey, mainRange, pathOfMainKey, type Range } from './keyspace.ts';
import { decodeRecord, isLiveRecord, type StoredVersion } from './version-record.ts';
import { descendantsOf, earlier, KeyScan, later, slash, type ScannedEntry } from './key-scan.ts';
import { successor } from './key-range.ts';
import type { Level } from './level.ts';

/*
 * The order of every list is that of the paths, byte by byte: `a`, `a-b`, `a/c`, since `-` is less than the slash. So
 * keys may stand between a key and what is below it, and a directory, which has no record of its own, may have its place
 * before keys that the store has before everything in it: of `a-b` and `a/c` alone the list is `a`, `a-b`. Each key that
 * a walk comes to names all the directories that can have their place just there: the parts of its path that end before
 * a byte up to the slash.
 */

/** One page of what stands below a path. */
export async function listKeys(
  level: Level,
  below: KeyPath | undefined,
  options: ListOptions,
  nowMs: number,
): Promise<ListPage> {
  const { after, depth, isReverse = false } = options;
  const range = rangeBelow(below);
  const afterKey = after === undefined ? undefined : mainKey(after);
  const scan = new KeyScan(level, afterKey === undefined ? range : rest(range, afterKey, isReverse), {
    reverse: isReverse,
    isShown: options.withDead === true ? () => true : (record) => isLiveRecord(record, nowMs),
    // One more than the page holds tells whether there is another page.
    firstRead: options.entriesMax + 1,
  });
  const page = new Page(options);
  const levels = new Levels(lengthOfBase(below), depth ?? Infinity);
  if (depth === undefined) await walkKeys(scan, page);
  else if (isReverse) await walkDown(scan, page, levels, afterKey);
  else await walkUp(scan, page, levels, afterKey);
  return page;
}

/**
 * The number of live keys below a path, as they are read: what changes meanwhile is counted or not.
 *
 * @param isWanted asked between two reads; where it says no, the count so far is returned
 */
export async function countKeys(
  level: Level,
  below: KeyPath | undefined,
  isWanted: () => boolean,
  nowMs: number,
): Promise<number> {
  let count = 0;
  const isShown = (record: Uint8Array): boolean => {
    if (isLiveRecord(record, nowMs)) count++;
    return false;
  };
  const scan = new KeyScan(level, rangeBelow(below), { reverse: false, isShown, isWanted, firstRead: 64 });
  await scan.next();
  return count;
}

/** Every key, and no directory. */
async function walkKeys(scan: KeyScan, page: Page): Promise<void> {
  for (let entry = await scan.next(); entry !== undefined; entry = await scan.next()) {
    if (!page.add(entry[0], entry[1], false)) return;
  }
}

/**
 * Keys and directories, ascending. What follows a key tells, nearly always, whether anything is below the parts of its
 * path: all that is below them comes later than the key does.
 */
async function walkUp(
  scan: KeyScan,
  page: Page,
  levels: Levels,
  after: Uint8Array | undefined,
): Promise<void> {
  let previous: Uint8Array = after ?? new Uint8Array(0);
  let entry = await scan.next();
  while (entry !== undefined) {
    const [key, record] = entry;
    const end = levels.endOf(key);
    if (end < key.length) scan.skipBelow(key.subarray(0, end));
    const following = await scan.next();
    // Whatever is a part of the previous path too has had its place before that one.
    for (let at = Math.max(levels.base, commonLength(previous, key)) + 1; at <= end; at++) {
      if (!isPart(key, at)) continue;
      const part = key.subarray(0, at);
      const hasChildren = key[at] === slash || (await isBelow(scan, part, following));
      if (at === key.length ? !page.add(key, record, hasChildren) : hasChildren && !page.add(part)) return;
    }
    previous = key.subarray(0, end);
    entry = following;
  }
}

/** Whether anything stands below `part`, when `following` comes next in the scan and nothing before it is below. */
async function isBelow(
  scan: KeyScan,
  part: Uint8Array,
  following: ScannedEntry | undefined,
): Promise<boolean> {
  if (following === undefined || !startsWith(following[0], part)) return false;
  const next = following[0][part.length] ?? Infinity;
  return next === slash || (next < slash && (await scan.hasBelow(part)));
}

/** A directory whose place is still to come in a descending walk. */
interface Pending {
  readonly part: Uint8Array;
  /** False when it is not known whether anything is below it: that would be in pages before this one. */
  hasChildren: boolean;
}

/** Keys and directories, descending: everything below a path comes before the path itself. */
async function walkDown(
  scan: KeyScan,
  page: Page,
  levels: Levels,
  after: Uint8Array | undefined,
): Promise<void> {
  const pending = after === undefined ? [] : levels.partsOf(after);
  for (;;) {
    const entry = await scan.next();
    for (;;) {
      const last = pending.at(-1);
      if (last === undefined || (entry !== undefined && startsWith(entry[0], last.part))) break;
      pending.pop();
      if ((last.hasChildren || (await scan.hasBelow(last.part))) && !page.add(last.part)) return;
    }
    if (entry === undefined) return;
    const [key, record] = entry;
    const end = levels.endOf(key);
    levels.note(key, end, pending);
    if (end < key.length) {
      scan.skipBelow(key.subarray(0, end));
      continue;
    }
    const own = pending.at(-1)?.part.length === key.length ? pending.pop() : undefined;
    const hasChildren = own !== undefined && (own.hasChildren || (await scan.hasBelow(key)));
    if (!page.add(key, record, hasChildren)) return;
  }
}

/** The levels below a path that a list shows. */
class Levels {
  /** Bytes of every key that stand before its first level. */
  readonly base: number;
  readonly #depth: number;

  constructor(base: number, depth: number) {
    this.base = base;
    this.#depth = depth;
  }

  /** Where the last level of a key that is shown ends. */
  endOf(key: Uint8Array): number {
    let end = this.base;
    for (let level = 0; level < this.#depth; level++) {
      end = key.indexOf(slash, level === 0 ? end : end + 1);
      if (end < 0) return key.length;
    }
    return end;
  }

  /** The directories that come after a path in a descending list. */
  partsOf(key: Uint8Array): Pending[] {
    const parts: Pending[] = [];
    for (let at = this.base + 1; at < key.length; at++) {
      if (isPart(key, at)) parts.push({ part: key.subarray(0, at), hasChildren: false });
    }
    return parts;
  }

  /** Notes the directories that a key is in; `pending` holds parts of its path only, the shortest first. */
  note(key: Uint8Array, end: number, pending: Pending[]): void {
    for (let at = this.base + 1; at <= end; at++) {
      if (key[at] !== slash) continue;
      const known = pending.find(({ part }) => part.length === at);
      if (known === undefined) pending.push({ part: key.subarray(0, at), hasChildren: true });
      else known.hasChildren = true;
    }
  }
}

/** Gathers entries until there is one more than fits. */
class Page implements ListPage {
  readonly entries: ListedKey[] = [];
  hasMore = false;
  readonly #options: ListOptions;
  #bytes = 0;

  constructor(options: ListOptions) {
    this.#options = options;
  }

  /** Adds a key, or without a record a directory; false when it has no room. */
  add(key: Uint8Array, record?: Uint8Array, hasChildren = true): boolean {
    const { entriesMax, bytesMax = Infinity, withValues } = this.#options;
    const version = record === undefined ? undefined : decodeRecord(record);
    const bytes = version === undefined ? 0 : plainBytes(version);
    const isFull = this.entries.length > 0 && this.#bytes + bytes > bytesMax;
    if (isFull || this.entries.length >= entriesMax) {
      this.hasMore = true;
      return false;
    }
    this.#bytes += bytes;
    const path = pathOfMainKey(key);
    this.entries.push({
      path,
      version: withValues === true ? version : withoutData(version),
      bytes,
      storedBytes: version?.data.length ?? 0,
      hasChildren,
    });
    return true;
  }
}

const noData = new Uint8Array(0);

/** A page must not hold on to values that nobody asked for. */
function withoutData(version: StoredVersion | undefined): StoredVersion | undefined {
  return version === undefined ? undefined : { ...version, data: noData };
}

function rangeBelow(below: KeyPath | undefined): Range {
  return below === undefined ? mainRange : descendantsOf(mainKey(below));
}

function lengthOfBase(below: KeyPath | undefined): number {
  return rangeBelow(below).gte.length;
}

/** What of a range comes after a key. */
function rest({ gte, lt }: Range, after: Uint8Array, isReverse: boolean): Range {
  return isReverse ? { gte, lt: earlier(lt, after) } : { gte: later(gte, successor(after)), lt };
}

/** Whether the bytes of a key before `at` can be a path that stands before the key: all of it, or a part. */
function isPart(key: Uint8Array, at: number): boolean {
  return at === key.length || ((key[at] ?? Infinity) <= slash && key[at - 1] !== slash);
}

function startsWith(key: Uint8Array, part: Uint8Array): boolean {
  return key.length >= part.length && commonLength(key, part) === part.length;
}

function commonLength(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a[at] === b[at]) at++;
  return at;
}
