import { KvsError } from './errors.ts';
import { limits } from './limits.ts';
import type { KeyPath } from './key-path.ts';

/** A hybrid logical time: milliseconds since the epoch, then a counter that orders events within one of them. */
export interface Stamp {
  /** ms since the epoch, an integer in 0..limits.timestampMsMax. */
  readonly timestamp: number;
  /** An integer in 0..limits.counterMax. */
  readonly counter: number;
}

/** One version of the value of one key. Immutable; a change of the key makes a new version. */
export interface Version extends Stamp {
  /** Made at random by the node that accepted the write: lower-case hexadecimal, 8-4-4-4-12. */
  readonly uuid: string;
  /** The id of the node that accepted the write. */
  readonly origin: string;
  /** When that node joined its cluster, ms since the epoch. */
  readonly originJoined: number;
  /** How many members voted for this version in a conflict; 0 when nobody ever voted. */
  readonly votes: number;
  /** True for a tombstone, whose data is empty. */
  readonly deleted: boolean;
  /** From this instant on (ms since the epoch) the version reads as absent. Undefined: never. */
  readonly expiresAt: number | undefined;
  /** The media type of the data; empty for a tombstone. */
  readonly contentType: string;
  /** The value: byte for byte as it was sent, unless it has an encoding. */
  readonly data: Uint8Array;
  /** gzip: `data` is one gzip member (RFC 1952) that holds the value. The node that took the write decides it. */
  readonly encoding?: 'gzip' | undefined;
}

/** A version with the key that it belongs to: what nodes exchange. */
export interface KeyVersion {
  readonly path: KeyPath;
  readonly version: Version;
}

/** What places a version among those of its key. */
export type Placed = Pick<Version, 'timestamp' | 'counter' | 'uuid' | 'votes' | 'origin' | 'originJoined'>;

/** Negative when `a` is the earlier stamp, positive when it is the later one. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.timestamp - b.timestamp || a.counter - b.counter;
}

/**
 * The total order of the versions of one key: stamp; then more votes, the older origin, the lesser origin id and
 * the lesser uuid win. Zero only for one and the same version.
 */
export function compareVersions(a: Placed, b: Placed): number {
  return (
    compareStamps(a, b) ||
    a.votes - b.votes ||
    b.originJoined - a.originJoined ||
    compareText(b.origin, a.origin) ||
    compareText(b.uuid, a.uuid)
  );
}

/**
 * The join of two versions of one key: the greater of the two in the total order. It is therefore
 *
 * - commutative: `merge(a, b)` equals `merge(b, a)`,
 * - associative: `merge(a, merge(b, c))` equals `merge(merge(a, b), c)`,
 * - idempotent: `merge(a, a)` equals `a`,
 *
 * so replicas that saw the same versions in any order, any number of times, hold the same one
 * (Shapiro et al. 2011, state-based CRDTs).
 */
export function merge(a: Version, b: Version): Version {
  return compareVersions(a, b) >= 0 ? a : b;
}

/**
 * True when two versions carry the same stamp and nobody has voted on either: the case that a vote decides.
 * The merge order would decide it too, and does for everything that a vote doesn't reach.
 */
export function isConflict(a: Placed, b: Placed): boolean {
  return compareStamps(a, b) === 0 && a.uuid !== b.uuid && a.votes === 0 && b.votes === 0;
}

/** True when the key reads as absent at `nowMs` although it has this version. */
export function isAbsentAt(version: Version, nowMs: number): boolean {
  return version.deleted || (version.expiresAt !== undefined && version.expiresAt <= nowMs);
}

/** True when the version will one day be collected: a tombstone, or a version that expires. */
export function isMortal(version: Version): boolean {
  return version.deleted || version.expiresAt !== undefined;
}

/**
 * The instant from which retention is counted: the deletion, or the expiry. Only for mortal versions. Never before the
 * version's own timestamp: a node that collects it has a clock beyond that, and can stand above it with all it writes.
 */
export function diedAtMs(version: Version): number {
  return version.deleted ? version.timestamp : Math.max(version.timestamp, version.expiresAt ?? Infinity);
}

/** A gzip member ends with the length of what it holds: four bytes, little-endian (RFC 1952, section 2.3.1). */
const gzipLengthBytes = 4;
/** Header and trailer, and a body that holds nothing. */
const gzipBytesMin = 20;
/** Deflate (RFC 1951) shrinks nothing to less than this part. */
const gzipRatioMax = 1_032;

/** The length of the value as it was sent, bytes; it needs no decompression. */
export function plainBytes({ encoding, data }: Pick<Version, 'encoding' | 'data'>): number {
  if (encoding === undefined) return data.length;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return view.getUint32(data.byteLength - gzipLengthBytes, true);
}

/** What HTTP can carry in a header: a version that a node could not serve must not come in. */
export const headerPattern = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

/** A UUID as versions have it. */
export const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Checks a version that came from outside the store: every field within its bounds.
 *
 * @throws KvsError KVS_BAD_REQUEST naming the field
 */
export function checkVersion(version: Version): void {
  if (!uuidPattern.test(version.uuid)) throw outOfBounds('uuid');
  checkInteger('timestamp', version.timestamp, limits.timestampMsMax);
  checkInteger('counter', version.counter, limits.counterMax);
  checkInteger('originJoined', version.originJoined, limits.timestampMsMax);
  checkInteger('votes', version.votes, limits.votesMax);
  if (version.expiresAt !== undefined) checkInteger('expiresAt', version.expiresAt, limits.timestampMsMax);
  checkText('origin', version.origin, limits.nodeIdBytesMax);
  checkText('contentType', version.contentType, limits.contentTypeBytesMax);
  if (!headerPattern.test(version.contentType)) throw outOfBounds('contentType');
  if (version.data.length > limits.valueBytesCeiling) throw outOfBounds('data');
  if (version.encoding !== undefined) checkGzip(version);
  if (version.deleted && version.data.length > 0) throw outOfBounds('data of a tombstone');
}

const encoder = new TextEncoder();

function checkInteger(field: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) throw outOfBounds(field);
}

/** Only what can be seen without decompressing it. */
function checkGzip({ data, encoding }: Version): void {
  if (encoding !== 'gzip') throw outOfBounds('encoding');
  if (data.length < gzipBytesMin || data[0] !== 0x1f || data[1] !== 0x8b) throw outOfBounds('data in gzip');
  const length = plainBytes({ data, encoding });
  if (length > limits.valueBytesCeiling || length > data.length * gzipRatioMax) {
    throw outOfBounds('length of data in gzip');
  }
}

function checkText(field: string, value: string, bytesMax: number): void {
  // No character takes more than three bytes for each of its units.
  if (value.length * 3 > bytesMax && encoder.encode(value).length > bytesMax) throw outOfBounds(field);
}

function outOfBounds(field: string): KvsError {
  return new KvsError('KVS_BAD_REQUEST', `Not a version: ${field} is out of bounds`);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
