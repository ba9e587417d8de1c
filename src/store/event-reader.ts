import {
  eventOf,
  expiryOf,
  isBehind,
  type EventPage,
  type EventPosition,
  type KeyEvent,
  type ToldEvent,
} from '../core/key-events.ts';
import type { KeyPath } from '../core/key-path.ts';
import { limits } from '../core/limits.ts';
import type { LoggedChange } from '../core/ports.ts';
import { diedAtMs, plainBytes } from '../core/version.ts';
import type { ChangeLog } from './change-log.ts';
import { gravesBetween, msOfDeathKey, parseDeathKey, type DeathPosition } from './keyspace.ts';
import type { StoredVersion } from './version-record.ts';
import type { Level } from './level.ts';
import type { VersionReader } from './version-reader.ts';

/** Entries of the log that a page looks at first; each time twice as many, while few of them are wanted. */
const firstLogEntries = 64;
/** Versions that are read at one time: values may be large. */
const versionsAtOnceMax = 16;
/** What an event takes beside its value, in bytes: names, stamps, uuid. */
const eventOverheadBytes = 200;

export interface EventReaderOptions {
  readonly level: Level;
  readonly log: ChangeLog;
  readonly reader: VersionReader;
  /** The sequence of the last durable commit. */
  readonly sequence: () => number;
  /** The instant before which graves may have been collected, ms since the epoch. */
  readonly retainedFromMs: () => number;
}

/**
 * Tells what happened between two positions, from the change log, the index of graves and the versions that stand now.
 * It holds nothing between two pages.
 */
export class EventReader {
  readonly #options: EventReaderOptions;

  constructor(options: EventReaderOptions) {
    this.#options = options;
  }

  /** See `VersionStore.eventsAfter`. */
  async after(
    position: EventPosition,
    until: EventPosition,
    selects: (path: KeyPath) => boolean,
  ): Promise<EventPage | null> {
    const isImpossible = position.entries > 0 && position.sequence >= until.sequence;
    if (isImpossible || position.sequence > until.sequence) return null;
    const page = new Page(position);
    const isKnown =
      position.sequence < until.sequence
        ? await this.#addChanges(page, until, selects)
        : await this.#addExpiries(page, until, selects);
    // What was collected meanwhile can't be missed: that takes longer than a page does.
    if (!isKnown || position.expiredMs < this.#options.retainedFromMs()) return null;
    return { events: page.events, position: page.position };
  }

  async #addChanges(page: Page, until: EventPosition, selects: (path: KeyPath) => boolean): Promise<boolean> {
    let looked = 0;
    for (let count = firstLogEntries; looked < limits.pageItemsMax; count *= 2) {
      const { position } = page;
      const changes = await this.#options.log.since(position.sequence, until.sequence, count);
      if (changes === null) return false;
      if (changes.length === 0) {
        page.pass({ ...position, sequence: until.sequence, entries: 0 });
        return true;
      }
      const entries = positioned(changes, position);
      if (entries === undefined) return false;
      const isWhole = await this.#addEntries(page, entries, selects);
      if (!isWhole || page.isFull || page.position.sequence >= until.sequence) return true;
      looked += changes.length;
    }
    return true;
  }

  /** False when it ended before the last entry. */
  async #addEntries(
    page: Page,
    entries: readonly PositionedChange[],
    selects: (path: KeyPath) => boolean,
  ): Promise<boolean> {
    const paths = entries.map(({ change }) => change.path);
    const wanted = new Set(paths.filter(selects));
    const versions = this.#versionsOf(paths.filter((path) => wanted.has(path)));
    for (const { change, after } of entries) {
      if (page.isFull) return false;
      const version = wanted.has(change.path) ? (await versions.next()).value : undefined;
      if (version === undefined) {
        page.pass(after);
        continue;
      }
      if (this.#isUnsettled(change, version)) return false;
      page.add(
        eventOfEntry(change, version, page.position),
        after,
        version === null ? 0 : plainBytes(version),
      );
    }
    return true;
  }

  /** What stands on the disk already, but is not durable yet, may still come to nothing. */
  #isUnsettled({ sequence }: LoggedChange, version: StoredVersion | null): boolean {
    if (version === null || version.sequence === sequence) return false;
    return version.sequence < sequence || version.sequence > this.#options.sequence();
  }

  async #addExpiries(
    page: Page,
    until: EventPosition,
    selects: (path: KeyPath) => boolean,
  ): Promise<boolean> {
    const { position } = page;
    if (!isBehind(position, until)) return true;
    const range = gravesBetween(deathPosition(position), deathPosition(until));
    const options = { keyEncoding: 'view', limit: limits.pageItemsMax, ...range };
    const keys = await this.#options.level.keys<Uint8Array>(options).all();
    const graves = keys.map((key) => ({ ms: msOfDeathKey(key), path: parseDeathKey(key) }));
    // Whoever selects may have changed his mind by the time a version has been read.
    const wanted = new Set(graves.map(({ path }) => path).filter(selects));
    const versions = this.#versionsOf(graves.map(({ path }) => path).filter((path) => wanted.has(path)));
    const end = { ...position, expiredMs: until.expiredMs, expiredPath: until.expiredPath };
    const isComplete = graves.length < limits.pageItemsMax;
    const afterAll = isComplete && until.expiredPath === undefined ? Infinity : 0;
    for (const [index, { ms, path }] of graves.entries()) {
      if (page.isFull) return true;
      const next = graves[index + 1]?.ms ?? afterAll;
      const after = { ...position, expiredMs: ms, expiredPath: next > ms ? undefined : path };
      const version = wanted.has(path) ? (await versions.next()).value : undefined;
      const isExpired =
        version !== undefined &&
        version !== null &&
        !version.deleted &&
        !version.retired &&
        // Whoever has not heard of its commit yet will hear there that it is dead.
        version.sequence <= position.sequence &&
        diedAtMs(version) === ms;
      if (isExpired) page.add(expiryOf(path, version), after, 0);
      else page.pass(after);
    }
    if (isComplete) page.pass(end);
    return true;
  }

  /** The current versions of keys, in order, a few at a time and the more the smaller they are; null: none. */
  async *#versionsOf(paths: readonly KeyPath[]): AsyncGenerator<StoredVersion | null, undefined> {
    let bytes = 0;
    let count = 1;
    for (let at = 0; at < paths.length;) {
      const asked = paths.slice(at, at + count);
      const versions = await Promise.all(asked.map((path) => this.#options.reader.read(path)));
      yield* versions;
      at += asked.length;
      for (const version of versions) bytes += version?.data.length ?? 0;
      const fitting = Math.floor(limits.watchPageBytesMax / (1 + bytes / at));
      count = Math.min(Math.max(fitting, 1), versionsAtOnceMax);
    }
    return undefined;
  }
}

/** What was found so far. */
class Page {
  readonly events: ToldEvent[] = [];
  #position: EventPosition;
  #bytes = 0;

  constructor(position: EventPosition) {
    this.#position = position;
  }

  get position(): EventPosition {
    return this.#position;
  }

  get isFull(): boolean {
    return this.#bytes >= limits.watchPageBytesMax;
  }

  /** `bytes`: what its value takes, decompressed. Without an event only the position moves on. */
  add(event: KeyEvent | undefined, after: EventPosition, bytes = 0): void {
    this.#position = after;
    if (event === undefined) return;
    this.events.push({ event, after });
    this.#bytes += eventOverheadBytes + event.path.length + bytes;
  }

  pass(after: EventPosition): void {
    this.#position = after;
  }
}

interface PositionedChange {
  readonly change: LoggedChange;
  readonly after: EventPosition;
}

/** Whole commits of the log, without what has been told of the first; undefined when that has not so many entries. */
function positioned(
  changes: readonly LoggedChange[],
  position: EventPosition,
): readonly PositionedChange[] | undefined {
  const result: PositionedChange[] = [];
  let { sequence } = position;
  let entries = 0;
  for (const [index, change] of changes.entries()) {
    const isLast = changes[index + 1]?.sequence !== change.sequence;
    entries++;
    const isTold = sequence === position.sequence && entries <= position.entries;
    if (isTold && isLast) return undefined;
    const after = isLast ? { sequence: change.sequence, entries: 0 } : { sequence, entries };
    if (!isTold) result.push({ change, after: { ...position, ...after } });
    if (!isLast) continue;
    sequence = change.sequence;
    entries = 0;
  }
  return result;
}

/** Undefined when a later entry tells of the key. */
function eventOfEntry(
  { path, uuid, timestamp, sequence }: LoggedChange,
  version: StoredVersion | null,
  position: EventPosition,
): KeyEvent | undefined {
  // Only what is dead is ever removed.
  if (version === null) return { kind: 'delete', path, uuid, timestamp };
  if (version.sequence !== sequence) return undefined;
  // The data of a retired version is gone.
  return version.retired && !version.deleted ? expiryOf(path, version) : eventOf(path, version, position);
}

function deathPosition({ expiredMs, expiredPath }: EventPosition): DeathPosition {
  return { ms: expiredMs, path: expiredPath };
}
