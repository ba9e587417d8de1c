import { KvsError } from './errors.ts';
import { hash128 } from './hash.ts';
import type { KeyPath } from './key-path.ts';
import type { DigestEntry } from './ports.ts';

/*
 * One entry of a digest leaf as nodes compare it, 28 bytes, big-endian: hash of the path 8, timestamp 6, counter 4,
 * votes 2, both halves of the uuid folded into 8. It tells which of two versions is the later one; where all but the
 * uuids are equal it tells only that they differ.
 */
export const entryBytes = 28;
const uuidOffset = 20;
export const pathHashBytes = 8;

const encoder = new TextEncoder();
const pathBuffer = new Uint8Array(3 * 1_024);
const lanes = new Uint32Array(4);

/** The first 8 bytes of the hash of a path; its first two are its digest leaf. */
export function pathHash(path: KeyPath): Uint8Array {
  const hash = new Uint8Array(pathHashBytes);
  writePathHash(path, hash, 0);
  return hash;
}

/** Packs entries, in their order. */
export function packEntries(entries: readonly DigestEntry[]): Uint8Array {
  const packed = new Uint8Array(entries.length * entryBytes);
  const view = new DataView(packed.buffer);
  entries.forEach((entry, index) => {
    const at = index * entryBytes;
    writePathHash(entry.path, packed, at);
    view.setUint16(at + 8, Math.floor(entry.timestamp / 2 ** 32));
    view.setUint32(at + 10, entry.timestamp % 2 ** 32);
    view.setUint32(at + 14, entry.counter);
    view.setUint16(at + 18, entry.votes);
    // Folded, because a generator of uuids may vary either half only.
    const { uuid } = entry;
    view.setUint32(at + uuidOffset, digits(uuid, 0, 8) ^ digits(uuid, 19, 23, 24, 28));
    view.setUint32(at + uuidOffset + 4, digits(uuid, 9, 13, 14, 18) ^ digits(uuid, 28, 36));
  });
  return packed;
}

/** Packed entries by the hashes of their paths (in hexadecimal), each as a view of its 28 bytes. */
export function unpackEntries(packed: Uint8Array): Map<string, Uint8Array> {
  if (packed.length % entryBytes !== 0) {
    throw new KvsError('KVS_BAD_REQUEST', 'Not leaf entries: a wrong length');
  }
  const entries = new Map<string, Uint8Array>();
  for (let at = 0; at < packed.length; at += entryBytes) {
    const entry = packed.subarray(at, at + entryBytes);
    entries.set(hex(entry.subarray(0, pathHashBytes)), entry);
  }
  return entries;
}

/** Packed hashes of paths, in hexadecimal. */
export function unpackHashes(packed: Uint8Array): Set<string> {
  if (packed.length % pathHashBytes !== 0) {
    throw new KvsError('KVS_BAD_REQUEST', 'Not hashes of paths: a wrong length');
  }
  const hashes = new Set<string>();
  for (let at = 0; at < packed.length; at += pathHashBytes)
    hashes.add(hex(packed.subarray(at, at + pathHashBytes)));
  return hashes;
}

/** The digest leaf of a packed entry. */
export function leafOfEntry(entry: Uint8Array): number {
  return ((entry[0] ?? 0) << 8) | (entry[1] ?? 0);
}

/**
 * Which of two packed entries of one key is the later version: negative for `a`, positive for `b`. Zero when they
 * are the same; null when they differ where the entries don't show who is greater.
 */
export function compareEntries(a: Uint8Array, b: Uint8Array): number | null {
  return compareEntriesAt(a, 0, b, 0);
}

/** What two nodes have to tell each other of one leaf. */
export interface LeafDifference {
  /** Indexes into the own entries: the other node lacks them, or has an earlier version. */
  readonly greater: number[];
  /** Indexes into the other's entries: they are lacking here, or not known to be the earlier ones. */
  readonly wanted: number[];
}

/**
 * Compares two packed lists of entries of one leaf, each in the order of the hashes.
 *
 * @throws KvsError KVS_PEER_FAILED when the other's list is in another order
 */
export function differenceOf(own: Uint8Array, theirs: Uint8Array): LeafDifference {
  const difference: LeafDifference = { greater: [], wanted: [] };
  let mine = 0;
  let other = 0;
  while (mine < own.length || other < theirs.length) {
    const order = compareHashes(own, mine, theirs, other);
    const later = order === 0 ? compareEntriesAt(own, mine, theirs, other) : order;
    if (later === null || later > 0) difference.wanted.push(other / entryBytes);
    else if (later < 0) difference.greater.push(mine / entryBytes);
    if (order <= 0) mine += entryBytes;
    if (order < 0) continue;
    other += entryBytes;
    if (other < theirs.length && compareHashes(theirs, other - entryBytes, theirs, other) > 0) {
      throw new KvsError('KVS_PEER_FAILED', 'The entries of a leaf are not in the order of their hashes');
    }
  }
  return difference;
}

/** The order of two entries by the hashes of their paths; the end of a list comes after everything. */
function compareHashes(a: Uint8Array, at: number, b: Uint8Array, bt: number): number {
  if (at >= a.length) return 1;
  if (bt >= b.length) return -1;
  for (let byte = 0; byte < pathHashBytes; byte++) {
    const difference = (a[at + byte] ?? 0) - (b[bt + byte] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareEntriesAt(a: Uint8Array, at: number, b: Uint8Array, bt: number): number | null {
  for (let byte = pathHashBytes; byte < entryBytes; byte++) {
    const difference = (b[bt + byte] ?? 0) - (a[at + byte] ?? 0);
    if (difference !== 0) return byte < uuidOffset ? difference : null;
  }
  return 0;
}

export function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += hexOfByte[byte] ?? '';
  return text;
}

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The number that one or two runs of hexadecimal digits make together. */
function digits(text: string, start: number, end: number, start2 = 0, end2 = 0): number {
  return Number.parseInt(text.slice(start, end) + text.slice(start2, end2), 16);
}

function writePathHash(path: KeyPath, bytes: Uint8Array, at: number): void {
  const { written } = encoder.encodeInto(path, pathBuffer);
  hash128(pathBuffer, written, lanes);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(at, lanes[0] ?? 0);
  view.setUint32(at + 4, lanes[1] ?? 0);
}
