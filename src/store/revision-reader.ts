import { assert } from '../core/errors.ts';
import type { KeyPath } from '../core/key-path.ts';
import type { Revision } from '../core/ports.ts';
import { plainBytes } from '../core/version.ts';
import { mainKey, revisionKey } from './keyspace.ts';
import { decodeRecord, type StoredVersion } from './version-record.ts';
import { asBytes, type Level } from './level.ts';
import { revisionsIn } from './revision-list.ts';

/**
 * The versions of a key that are kept, `countMax` at most: the one that stands, then the others from the newest to the
 * oldest. One value at a time is in memory.
 */
export function listRevisions(level: Level, path: KeyPath, countMax: number): Promise<Revision[]> {
  return atOneInstant(level, async (read) => {
    const current = await read(mainKey(path));
    if (current === undefined || current.retired) return [];
    const listed = [summaryOf(current)];
    for (const { uuid, slot } of olderOf(current, countMax)) {
      listed.push(summaryOf(listedVersion(await read(revisionKey(slot, path)), uuid)));
    }
    return listed;
  });
}

/** One of these versions, with its value; undefined where it is not among them. */
export function readRevision(
  level: Level,
  path: KeyPath,
  uuid: string,
  countMax: number,
): Promise<StoredVersion | undefined> {
  return atOneInstant(level, async (read) => {
    const current = await read(mainKey(path));
    if (current === undefined || current.retired) return undefined;
    if (current.uuid === uuid) return current;
    const found = olderOf(current, countMax).find((revision) => revision.uuid === uuid);
    return found && listedVersion(await read(revisionKey(found.slot, path)), uuid);
  });
}

/** A list and its revisions are written in one batch, and have to be read of one state. */
async function atOneInstant<T>(
  level: Level,
  work: (read: (key: Uint8Array) => Promise<StoredVersion | undefined>) => Promise<T>,
): Promise<T> {
  const snapshot = level.snapshot();
  try {
    return await work(async (key) => {
      const record = await level.get<Uint8Array, Uint8Array>(key, { ...asBytes, snapshot });
      return record && decodeRecord(record);
    });
  } finally {
    await snapshot.close();
  }
}

/** A list may still hold more than there should be: it is cut when its key is written. */
function olderOf({ revisions }: StoredVersion, countMax: number): ReturnType<typeof revisionsIn> {
  return revisionsIn(revisions).slice(0, countMax - 1);
}

function listedVersion(version: StoredVersion | undefined, uuid: string): StoredVersion {
  assert(version?.uuid === uuid, 'a slot holds the revision that the list names');
  return version;
}

function summaryOf(version: StoredVersion): Revision {
  const { uuid, timestamp, origin, contentType, deleted, expiresAt } = version;
  return { uuid, timestamp, origin, contentType, deleted, expiresAt, bytes: plainBytes(version) };
}
