import { assert } from '../core/errors.ts';
import { hash128 } from '../core/hash.ts';
import type { KeyPath } from '../core/key-path.ts';
import type { FirstAnswer } from '../core/ports.ts';
import { limits } from '../core/limits.ts';
import { diedAtMs, type Stamp, type Version } from '../core/version.ts';

/*
 * The layout of a data folder, format 3. Format 2 is the same, without revisions, and format 1 without values in gzip
 * too: a folder of these becomes one of format 3 when it is opened. Integers are unsigned and big-endian, so that keys
 * sort as numbers do.
 * The first byte of a key names its keyspace; no path that a user can write reaches another one.
 *
 *   keyspace   key after the first byte                         value
 *   'v'        path                                             version record
 *   'o'        slot 1, path                                     version record of an older version: a revision
 *   't'        timestamp 6, counter 4, path                     empty: the time index
 *   'h'        hash of the path 8, path                         identity: timestamp 6, counter 4, uuid 16, votes 2
 *   'g'        instant of death 6, path                         empty: mortal versions, not yet retired
 *   'r'        instant of death 6, path                         empty: retired versions, not yet removed
 *   'l'        sequence 6                                       one commit of the change log
 *   'n'        name                                             a note
 *   'i'        SHA-256 of path, NUL, idempotency key 32         what a write with that key was answered
 *   'm'        name                                             what the store keeps of itself; 'clock': the stamp (6, 4)
 *                                                               of the hybrid clock when a version was last removed
 *
 * A version record:
 *
 *   offset  bytes  field
 *        0      1  bit 0 deleted, bit 1 expires, bit 2 retired, bit 3 data in gzip, bits 4-7 record format: 1, or 2
 *                  with a list of revisions
 *        1      6  timestamp
 *        7      4  counter
 *       11     16  uuid
 *       27      2  votes
 *       29      6  originJoined
 *       35      6  local sequence of the commit that stored it
 *       41      6  expiresAt, only when bit 1 is set
 *               1  length of origin, then origin in UTF-8
 *               1  length of contentType, then contentType in UTF-8
 *               1  revisions in the list, only in record format 2; then for each, from the newest to the oldest, its
 *                  identity 28 and the slot where its record is 1
 *                  data, to the end
 *
 * What a write with an idempotency key was answered:
 *
 *        0      6  when it was written, by the wall clock
 *        6      6  timestamp
 *       12     16  uuid
 *       28      1  bit 0: the key was absent before
 *       29     32  SHA-256 of what was written, and of its content type
 *
 * A commit of the change log:
 *
 *        0      6  the hybrid clock's timestamp after the commit
 *        6      4  the hybrid clock's counter
 *       10      6  entries in the log since the folder was made, this commit included
 *       16         entries: length of path 2, path, timestamp 6, counter 4, uuid 16
 */

const space = {
  main: 0x76,
  revision: 0x6f,
  time: 0x74,
  hash: 0x68,
  grave: 0x67,
  retired: 0x72,
  log: 0x6c,
  note: 0x6e,
  idempotency: 0x69,
  meta: 0x6d,
};

/** The bounds of a keyspace, for iterators: from the first key up to, and without, the last. */
export type Range = { readonly gte: Uint8Array; readonly lt: Uint8Array };

/** The version of a key as this node stores it. */
export interface StoredVersion extends Version {
  /** Of the commit that stored it. */
  readonly sequence: number;
  /** Past the retention: no longer in digests, in the time index or in listings. Its data and revisions are gone. */
  readonly retired: boolean;
  /** The list of older versions that are kept beside it, as in its record. Empty for a revision. */
  readonly revisions: Uint8Array;
}

/** What a digest and the hash index know of a version. */
export interface VersionIdentity extends Stamp {
  readonly uuid: string;
  readonly votes: number;
}

/** A path, or its UTF-8: whoever needs several keys of one path encodes it once. */
export type PathBytes = KeyPath | Buffer;

const identityBytes = 28;
const plainFormat = 1;
const listFormat = 2;

/** An identity, and a slot. */
export const revisionEntryBytes = identityBytes + 1;
export const noRevisions = new Uint8Array(0);

/** The byte that names the keyspace of a key. */
export function keyspaceOf(key: Uint8Array): number {
  return byte(key, 0);
}

export function mainKey(path: PathBytes): Buffer {
  return pathKey(space.main, path);
}

export function pathOfMainKey(key: Uint8Array): KeyPath {
  return asBuffer(key).toString('utf8', 1) as KeyPath;
}

export function revisionKey(slot: number, path: PathBytes): Buffer {
  const bytes = bytesOf(path);
  const key = Buffer.allocUnsafe(2 + bytes.length);
  key[0] = space.revision;
  key[1] = slot;
  key.set(bytes, 2);
  return key;
}

export function timeKey(stamp: Stamp, path: PathBytes): Buffer {
  const bytes = bytesOf(path);
  const key = Buffer.allocUnsafe(11 + bytes.length);
  key[0] = space.time;
  key.writeUIntBE(stamp.timestamp, 1, 6);
  key.writeUInt32BE(stamp.counter, 7);
  key.set(bytes, 11);
  return key;
}

export function parseTimeKey(key: Uint8Array): Stamp & { path: KeyPath } {
  const view = asBuffer(key);
  return {
    timestamp: view.readUIntBE(1, 6),
    counter: view.readUInt32BE(7),
    path: view.toString('utf8', 11) as KeyPath,
  };
}

/** The key in the hash index. Expects the lanes of `hashPath` for the same path. */
export function hashKey(pathLanes: Uint32Array, path: PathBytes): Buffer {
  const bytes = bytesOf(path);
  const key = Buffer.allocUnsafe(9 + bytes.length);
  key[0] = space.hash;
  key.writeUInt32BE(lane(pathLanes, 0), 1);
  key.writeUInt32BE(lane(pathLanes, 1), 5);
  key.set(bytes, 9);
  return key;
}

export function parseHashKey(key: Uint8Array): KeyPath {
  return asBuffer(key).toString('utf8', 9) as KeyPath;
}

/** The digest leaf of an entry of the hash index. */
export function leafOfHashKey(key: Uint8Array): number {
  return asBuffer(key).readUInt16BE(1);
}

export function leafRange(leaf: number): Range {
  const gte = Buffer.from([space.hash, leaf >>> 8, leaf & 0xff]);
  const next = leaf + 1;
  const lt =
    next > 0xffff ? Buffer.from([space.hash + 1]) : Buffer.from([space.hash, next >>> 8, next & 0xff]);
  return { gte, lt };
}

export function graveKey(version: Version, path: PathBytes): Buffer {
  return deathKey(space.grave, version, path);
}

export function retiredKey(version: Version, path: PathBytes): Buffer {
  return deathKey(space.retired, version, path);
}

export function parseDeathKey(key: Uint8Array): KeyPath {
  return asBuffer(key).toString('utf8', 7) as KeyPath;
}

/** The instant of death, ms since the epoch. */
export function msOfDeathKey(key: Uint8Array): number {
  return asBuffer(key).readUIntBE(1, 6);
}

/** Graves of versions that died before `ms`. */
export function gravesBefore(ms: number): Range {
  return deathsBefore(space.grave, ms);
}

/** Graves of versions that die after `ms`. */
export function gravesAfter(ms: number): Range {
  return { gte: graveAfter({ ms, path: undefined }), lt: wholeSpace(space.grave).lt };
}

/** Graves after those of an instant, or of that instant after one path, up to others of the same kind. */
export function gravesBetween(after: DeathPosition, upTo: DeathPosition): Range {
  return { gte: graveAfter(after), lt: graveAfter(upTo) };
}

/** All graves up to an instant; where there is a path, those of the instant itself only up to it. */
export interface DeathPosition {
  readonly ms: number;
  readonly path: KeyPath | undefined;
}

export function logKey(sequence: number): Buffer {
  const key = Buffer.allocUnsafe(7);
  key[0] = space.log;
  key.writeUIntBE(sequence, 1, 6);
  return key;
}

export function parseLogKey(key: Uint8Array): number {
  return asBuffer(key).readUIntBE(1, 6);
}

export function noteKey(name: string): Buffer {
  return pathKey(space.note, name);
}

/** `id`: in Base64. */
export function idempotencyKey(id: string): Buffer {
  return pathKey(space.idempotency, Buffer.from(id, 'base64'));
}

export function parseIdempotencyKey(key: Uint8Array): string {
  return asBuffer(key).toString('base64', 1);
}

/** `fingerprint`: in Base64. */
export interface IdempotencyRecord extends FirstAnswer {
  readonly writtenMs: number;
  readonly fingerprint: string;
}

export function encodeIdempotency(entry: IdempotencyRecord): Buffer {
  const bytes = Buffer.alloc(67);
  bytes.writeUIntBE(entry.writtenMs, 0, 6);
  bytes.writeUIntBE(entry.timestamp, 6, 6);
  writeUuid(entry.uuid, bytes, 12);
  bytes[28] = entry.outcome === 'created' ? 1 : 0;
  bytes.writeUIntBE(entry.expiresAt ?? 0, 29, 6);
  bytes.write(entry.fingerprint, 35, 'base64');
  return bytes;
}

export function decodeIdempotency(value: Uint8Array): IdempotencyRecord {
  const bytes = asBuffer(value);
  return {
    writtenMs: bytes.readUIntBE(0, 6),
    timestamp: bytes.readUIntBE(6, 6),
    uuid: readUuid(bytes, 12),
    outcome: (byte(bytes, 28) & 1) === 1 ? 'created' : 'replaced',
    expiresAt: bytes.readUIntBE(29, 6) || undefined,
    fingerprint: bytes.toString('base64', 35),
  };
}

export function metaKey(name: string): Buffer {
  return pathKey(space.meta, name);
}

export const mainRange: Range = wholeSpace(space.main);
export const timeRange: Range = wholeSpace(space.time);
export const hashRange: Range = wholeSpace(space.hash);
export const retiredRange: Range = wholeSpace(space.retired);
export const logRange: Range = wholeSpace(space.log);
export const idempotencyRange: Range = wholeSpace(space.idempotency);

/**
 * `identity`: the version's own, encoded; a write needs it in three places. A record without `revisions` has the same
 * form as before there were any.
 */
export function encodeRecord(
  version: StoredVersion,
  identity: Uint8Array,
  revisions = version.revisions,
): Buffer {
  const originLength = Buffer.byteLength(version.origin);
  const typeLength = Buffer.byteLength(version.contentType);
  const expires = version.expiresAt !== undefined;
  const listLength = revisions.length === 0 ? 0 : 1 + revisions.length;
  const dataLength = version.data.length;
  const record = Buffer.allocUnsafe(
    43 + (expires ? 6 : 0) + originLength + typeLength + listLength + dataLength,
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
  record[at++] = originLength;
  at += record.write(version.origin, at);
  record[at++] = typeLength;
  at += record.write(version.contentType, at);
  if (listLength > 0) {
    record[at++] = revisions.length / revisionEntryBytes;
    record.set(revisions, at);
    at += revisions.length;
  }
  if (dataLength > 0) record.set(version.data, at);
  return record;
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

export function encodeIdentity(identity: VersionIdentity): Buffer {
  const bytes = Buffer.allocUnsafe(identityBytes);
  writeStamp(identity, bytes, 0);
  writeUuid(identity.uuid, bytes, 10);
  bytes.writeUInt16BE(identity.votes, 26);
  return bytes;
}

/** The uuid in an encoded identity. */
export function uuidOfIdentity(identity: Uint8Array): string {
  return readUuid(asBuffer(identity), 10);
}

/**
 * The order of two encoded identities: stamp, then more votes, then the lesser uuid. Versions of one instant that nobody
 * voted on may be ordered otherwise by `compareVersions`, which knows their origins.
 */
export function compareIdentities(a: Uint8Array, b: Uint8Array): number {
  return compareBytes(a, b, 0, 10) || compareBytes(a, b, 26, 28) || compareBytes(b, a, 10, 26);
}

/** Whether two encoded identities are of one version, however many voted for it. */
export function isSameUuid(a: Uint8Array, b: Uint8Array): boolean {
  return compareBytes(a, b, 10, 26) === 0;
}

/**
 * Writes an entry of the hash index in the form in which nodes compare it, at `at`: `packEntries` in
 * `core/leaf-entries.ts` makes the same from a version.
 */
export function packHashEntry(key: Uint8Array, identity: Uint8Array, packed: Uint8Array, at: number): void {
  for (let i = 0; i < 8; i++) packed[at + i] = byte(key, 1 + i);
  for (let i = 0; i < 10; i++) packed[at + 8 + i] = byte(identity, i);
  for (let i = 0; i < 2; i++) packed[at + 18 + i] = byte(identity, 26 + i);
  for (let i = 0; i < 8; i++) packed[at + 20 + i] = byte(identity, 10 + i) ^ byte(identity, 18 + i);
}

/** One entry of a commit in the change log. */
export interface LogEntry extends Stamp {
  readonly path: KeyPath;
  readonly uuid: string;
}

export interface LogRecord {
  readonly clock: Stamp;
  /** Entries in the log since the folder was made, this commit included. */
  readonly total: number;
  readonly entries: LogEntry[];
}

/** An entry as it goes into the log: the UTF-8 of its path, and its version's encoded identity. */
export interface EncodedLogEntry {
  readonly path: Buffer;
  readonly identity: Buffer;
}

/** An entry holds of an identity all but the votes, which stand last. */
const loggedIdentityBytes = 26;

/** `total`: entries in the log since the folder was made, these included. */
export function encodeLogRecord(clock: Stamp, total: number, entries: Iterable<EncodedLogEntry>): Buffer {
  let size = 16;
  for (const { path } of entries) size += 2 + path.length + loggedIdentityBytes;
  const bytes = Buffer.allocUnsafe(size);
  writeStamp(clock, bytes, 0);
  bytes.writeUIntBE(total, 10, 6);
  let at = 16;
  for (const { path, identity } of entries) {
    at = bytes.writeUInt16BE(path.length, at);
    bytes.set(path, at);
    at += path.length;
    at += identity.copy(bytes, at, 0, loggedIdentityBytes);
  }
  return bytes;
}

export function decodeLogRecord(value: Uint8Array): LogRecord {
  const bytes = asBuffer(value);
  const entries: LogEntry[] = [];
  let at = 16;
  while (at < bytes.length) {
    const pathEnd = at + 2 + bytes.readUInt16BE(at);
    entries.push({
      path: bytes.toString('utf8', at + 2, pathEnd) as KeyPath,
      timestamp: bytes.readUIntBE(pathEnd, 6),
      counter: bytes.readUInt32BE(pathEnd + 6),
      uuid: readUuid(bytes, pathEnd + 10),
    });
    at = pathEnd + 26;
  }
  return { ...decodeLogHead(bytes), entries };
}

const stampBytes = 10;

export function encodeStamp(stamp: Stamp): Buffer {
  const bytes = Buffer.allocUnsafe(stampBytes);
  writeStamp(stamp, bytes, 0);
  return bytes;
}

export function decodeStamp(value: Uint8Array): Stamp {
  const bytes = asBuffer(value);
  return { timestamp: bytes.readUIntBE(0, 6), counter: bytes.readUInt32BE(6) };
}

/** The first fields of a commit in the change log, without its entries. */
export function decodeLogHead(value: Uint8Array): { clock: Stamp; total: number } {
  const bytes = asBuffer(value);
  return {
    clock: { timestamp: bytes.readUIntBE(0, 6), counter: bytes.readUInt32BE(6) },
    total: bytes.readUIntBE(10, 6),
  };
}

const digestScratch = Buffer.allocUnsafe(identityBytes + 16);

/** Hashes a path into four lanes; the upper half of the first one is its digest leaf. */
export function hashPath(path: PathBytes, lanes: Uint32Array): void {
  const bytes = bytesOf(path);
  hash128(bytes, bytes.length, lanes);
}

export function leafOf(pathLanes: Uint32Array): number {
  return lane(pathLanes, 0) >>> 16;
}

/**
 * The digest of a key's version: the hash of its encoded identity and of the hash of its path. Two nodes must compute
 * the same from the same version, for ever: nothing else may enter it, and nothing in another form.
 */
export function digestEncodedIdentity(
  identity: Uint8Array,
  pathLanes: Uint32Array,
  lanes: Uint32Array,
): void {
  copyBytes(identity, digestScratch, 0);
  for (let i = 0; i < 4; i++) digestScratch.writeUInt32BE(lane(pathLanes, i), identityBytes + 4 * i);
  hash128(digestScratch, digestScratch.length, lanes);
}

function pathKey(prefix: number, path: string | Buffer): Buffer {
  const bytes = bytesOf(path);
  const key = Buffer.allocUnsafe(1 + bytes.length);
  key[0] = prefix;
  key.set(bytes, 1);
  return key;
}

function deathKey(prefix: number, version: Version, path: PathBytes): Buffer {
  const bytes = bytesOf(path);
  const key = Buffer.allocUnsafe(7 + bytes.length);
  key[0] = prefix;
  key.writeUIntBE(diedAtMs(version), 1, 6);
  key.set(bytes, 7);
  return key;
}

function bytesOf(path: string | Buffer): Buffer {
  return typeof path === 'string' ? Buffer.from(path) : path;
}

/** The least key after a position. */
function graveAfter({ ms, path }: DeathPosition): Uint8Array {
  if (path === undefined) return deathsBefore(space.grave, ms + 1).lt;
  return Buffer.concat([deathsBefore(space.grave, ms).lt, Buffer.from(path), Buffer.from([0])]);
}

function deathsBefore(prefix: number, ms: number): Range {
  const lt = Buffer.allocUnsafe(7);
  lt[0] = prefix;
  lt.writeUIntBE(Math.max(0, Math.min(Math.floor(ms), limits.timestampMsMax)), 1, 6);
  return { gte: Buffer.from([prefix]), lt };
}

function wholeSpace(prefix: number): Range {
  return { gte: Buffer.from([prefix]), lt: Buffer.from([prefix + 1]) };
}

/** For a few bytes a loop is quicker than a call. */
function copyBytes(from: Uint8Array, to: Uint8Array, at: number): void {
  for (let i = 0; i < from.length; i++) to[at + i] = from[i] ?? 0;
}

/** Compares two ranges of bytes from `start` to `end`. */
function compareBytes(a: Uint8Array, b: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) {
    const difference = byte(a, i) - byte(b, i);
    if (difference !== 0) return difference;
  }
  return 0;
}

function writeStamp(stamp: Stamp, bytes: Buffer, at: number): void {
  bytes.writeUIntBE(stamp.timestamp, at, 6);
  bytes.writeUInt32BE(stamp.counter, at + 6);
}

/** Where the two digits of each byte of a UUID stand in its text. */
const uuidDigits = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

function writeUuid(uuid: string, bytes: Buffer, at: number): void {
  let to = at;
  for (const digit of uuidDigits) {
    bytes[to++] = (nibble(uuid.charCodeAt(digit)) << 4) | nibble(uuid.charCodeAt(digit + 1));
  }
}

function nibble(code: number): number {
  return code <= 0x39 ? code - 0x30 : code - 0x57;
}

function readUuid(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function lane(lanes: Uint32Array, at: number): number {
  return lanes[at] ?? 0;
}
