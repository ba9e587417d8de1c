import { assert } from '../core/errors.ts';
import type { Version } from '../core/version.ts';
import { asBuffer, byte, copyBytes, readUuid } from './bytes.ts';
import { identityBytes } from './identity.ts';

/*
 * A version record; integers are unsigned and big-endian.
 *
 *   offset  bytes  field
 *        0      1  bit 0 deleted, bit 1 expires, bit 2 retired, bit 3 data in gzip, bits 4-7 record format: 1, or 2
 *                  with a list of revisions
 *        1     28  identity, see identity.ts
 *       29      6  originJoined
 *       35      6  local sequence of the commit that stored it
 *       41      6  expiresAt, only when bit 1 is set
 *               1  length of origin, then origin in UTF-8
 *               1  length of contentType, then contentType in UTF-8
 *               1  revisions in the list, only in record format 2; then for each, from the newest to the oldest, its
 *                  identity 28 and the slot where its record is 1
 *                  data, to the end
 */

/** The version of a key as this node stores it. */
export interface StoredVersion extends Version {
  /** Of the commit that stored it. */
  readonly sequence: number;
  /** Past the retention: no longer in digests, in the time index or in listings. Its data and revisions are gone. */
  readonly retired: boolean;
  /** The list of older versions that are kept beside it, as in its record. Empty for a revision. */
  readonly revisions: Uint8Array;
}

const plainFormat = 1;

const listFormat = 2;

/** An identity, and a slot. */
export const revisionEntryBytes = identityBytes + 1;

export const noRevisions = new Uint8Array(0);

/**
 * `identity`: the version's own, encoded; a write needs it in three places. A record without `revisions` has the same
 * form as before there were any.
 */
export function encodeRecord(
  version: StoredVersion,
  identity: Uint8Array,
  revisions = version.revisions,
): Buffer {
  const origin = encodeOrigin(version.origin);
  const contentType = encodeContentType(version.contentType);
  const expires = version.expiresAt !== undefined;
  const listLength = revisions.length === 0 ? 0 : 1 + revisions.length;
  const dataLength = version.data.length;
  const record = Buffer.allocUnsafe(
    43 + (expires ? 6 : 0) + origin.length + contentType.length + listLength + dataLength,
  );
  record[0] =
    (version.deleted ? 1 : 0) |
    (expires ? 2 : 0) |
    (version.retired ? 4 : 0) |
    (version.encoding !== undefined ? 8 : 0) |
    ((listLength === 0 ? plainFormat : listFormat) << 4);
  copyBytes(identity, record, 1);
  record.writeUIntBE(version.originJoined, 29, 6);
  record.writeUIntBE(version.sequence, 35, 6);
  let at = 41;
  if (version.expiresAt !== undefined) at = record.writeUIntBE(version.expiresAt, at, 6);
  record[at++] = origin.length;
  copyBytes(origin, record, at);
  at += origin.length;
  record[at++] = contentType.length;
  copyBytes(contentType, record, at);
  at += contentType.length;
  if (listLength > 0) {
    record[at++] = revisions.length / revisionEntryBytes;
    record.set(revisions, at);
    at += revisions.length;
  }
  if (dataLength > 0) record.set(version.data, at);
  return record;
}

const encodeOrigin = repeatedEncoder();

const encodeContentType = repeatedEncoder();

/** Encodes in UTF-8 what is mostly the same text as the time before. */
function repeatedEncoder(): (text: string) => Buffer {
  let last = '';
  let bytes = Buffer.alloc(0);
  return (text) => {
    if (text !== last) {
      bytes = Buffer.from(text);
      last = text;
    }
    return bytes;
  };
}

export function decodeRecord(bytes: Uint8Array): StoredVersion {
  const record = asBuffer(bytes);
  const flags = byte(record, 0);
  const format = flags >> 4;
  assert(format === plainFormat || format === listFormat, 'a version record has a format that is known');
  let at = 41;
  let expiresAt: number | undefined;
  if ((flags & 2) !== 0) {
    expiresAt = record.readUIntBE(at, 6);
    at += 6;
  }
  const originEnd = at + 1 + byte(record, at);
  const typeEnd = originEnd + 1 + byte(record, originEnd);
  const listAt = typeEnd + (format === listFormat ? 1 : 0);
  const listEnd = listAt + (format === listFormat ? byte(record, typeEnd) * revisionEntryBytes : 0);
  assert(listEnd <= record.length, 'a version record is whole');
  return {
    uuid: readUuid(record, 11),
    timestamp: record.readUIntBE(1, 6),
    counter: record.readUInt32BE(7),
    votes: record.readUInt16BE(27),
    originJoined: record.readUIntBE(29, 6),
    sequence: record.readUIntBE(35, 6),
    deleted: (flags & 1) !== 0,
    retired: (flags & 4) !== 0,
    expiresAt,
    origin: record.toString('utf8', at + 1, originEnd),
    contentType: record.toString('utf8', originEnd + 1, typeEnd),
    data: record.subarray(listEnd),
    encoding: (flags & 8) !== 0 ? 'gzip' : undefined,
    revisions: listEnd > listAt ? record.subarray(listAt, listEnd) : noRevisions,
  };
}

/** What `isAbsentAt` denies of the version in a record, without decoding it. */
export function isLiveRecord(bytes: Uint8Array, nowMs: number): boolean {
  const flags = byte(bytes, 0);
  if ((flags & 1) !== 0) return false;
  return (flags & 2) === 0 || asBuffer(bytes).readUIntBE(41, 6) > nowMs;
}
