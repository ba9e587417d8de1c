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
  for (let at = pathHashBytes; at < entryBytes; at++) {
    const difference = (b[at] ?? 0) - (a[at] ?? 0);
    if (difference !== 0) return at < uuidOffset ? difference : null;
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
