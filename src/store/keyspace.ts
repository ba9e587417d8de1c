import type { KeyPath } from '../core/key-path.ts';
import { limits } from '../core/limits.ts';
import { diedAtMs, type Stamp, type Version } from '../core/version.ts';
import { asBuffer, byte, lane } from './bytes.ts';

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
 * The forms of the values stand beside what reads and writes them: version-record.ts, identity.ts, log-record.ts,
 * idempotency-record.ts.
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

/** A path, or its UTF-8: whoever needs several keys of one path encodes it once. */
export type PathBytes = KeyPath | Buffer;

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

export function metaKey(name: string): Buffer {
  return pathKey(space.meta, name);
}

export const mainRange: Range = wholeSpace(space.main);

export const timeRange: Range = wholeSpace(space.time);

export const hashRange: Range = wholeSpace(space.hash);

export const retiredRange: Range = wholeSpace(space.retired);

export const logRange: Range = wholeSpace(space.log);

export const idempotencyRange: Range = wholeSpace(space.idempotency);

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

export function bytesOf(path: string | Buffer): Buffer {
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
