import { compareIdentities, isSameUuid, uuidOfIdentity } from './identity.ts';
import { noRevisions, revisionEntryBytes } from './version-record.ts';

/*
 * The list of the older versions of a key that are kept, as it stands in the record of the version that they stand
 * behind: from the newest to the oldest, each with the slot that holds its record. So whoever writes a key knows without
 * another read which of them has to go, and where the next one has its place.
 */

/** What becomes of a list. */
export interface ListChange {
  readonly list: Uint8Array;
  /** Where the record of the revision belongs that was added; undefined: it is not among those that are kept. */
  readonly slot: number | undefined;
  /** Slots whose records are to be removed. */
  readonly freed: readonly number[];
}

interface ChangeOptions {
  /** The identity of a version that may be new to the list, encoded. */
  readonly added: Uint8Array;
  /** The identity of the version that the list stands behind from now on: it is none of its revisions. */
  readonly standing: Uint8Array;
  /** Revisions that are kept; 0: none. */
  readonly countMax: number;
}

/** Takes a version into a list, unless it is there or stands in front of it, and leaves the newest ones. */
export function changeList(list: Uint8Array, { added, standing, countMax }: ChangeOptions): ListChange {
  const freed: number[] = [];
  const kept: Uint8Array[] = [];
  let entry = isSameUuid(added, standing) ? undefined : entryOf(added);
  for (const known of entriesOf(list)) {
    if (isSameUuid(known, standing)) {
      freed.push(slotOf(known));
      continue;
    }
    if (entry !== undefined && isSameUuid(known, entry)) entry = undefined;
    kept.push(known);
  }
  if (entry !== undefined) insert(kept, entry);
  for (const dropped of kept.splice(countMax)) {
    if (dropped === entry) entry = undefined;
    else freed.push(slotOf(dropped));
  }
  if (entry === undefined) return { list: joined(kept), slot: undefined, freed };
  const slot = freed.shift() ?? freeSlot(kept, entry);
  entry[revisionEntryBytes - 1] = slot;
  return { list: joined(kept), slot, freed };
}

/** The slots of all revisions of a list. */
export function slotsOf(list: Uint8Array): number[] {
  return entriesOf(list).map(slotOf);
}

/** The revisions of a list, newest first. */
export function revisionsIn(list: Uint8Array): { readonly uuid: string; readonly slot: number }[] {
  return entriesOf(list).map((entry) => ({ uuid: uuidOfIdentity(entry), slot: slotOf(entry) }));
}

function entriesOf(list: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let at = 0; at < list.length; at += revisionEntryBytes) {
    entries.push(list.subarray(at, at + revisionEntryBytes));
  }
  return entries;
}

/** An entry without its slot. */
function entryOf(identity: Uint8Array): Uint8Array {
  const entry = new Uint8Array(revisionEntryBytes);
  entry.set(identity);
  return entry;
}

function slotOf(entry: Uint8Array): number {
  return entry[revisionEntryBytes - 1] ?? 0;
}

function insert(entries: Uint8Array[], entry: Uint8Array): void {
  const at = entries.findIndex((known) => compareIdentities(entry, known) > 0);
  entries.splice(at < 0 ? entries.length : at, 0, entry);
}

/** The least slot that no entry has but the one that is to get it. */
function freeSlot(entries: readonly Uint8Array[], newcomer: Uint8Array): number {
  const taken = new Set(entries.filter((entry) => entry !== newcomer).map(slotOf));
  let slot = 0;
  while (taken.has(slot)) slot++;
  return slot;
}

function joined(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length === 0) return noRevisions;
  const list = new Uint8Array(entries.length * revisionEntryBytes);
  entries.forEach((entry, index) => list.set(entry, index * revisionEntryBytes));
  return list;
}
