import { hash128 } from '../core/hash.ts';
import { limits } from '../core/limits.ts';
import { byte, copyBytes, lane } from './bytes.ts';
import { identityBytes } from './identity.ts';
import { bytesOf, type PathBytes } from './keyspace.ts';

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

const digestScratch = Buffer.allocUnsafe(identityBytes + 16);

/** Room for any path: a code unit takes three bytes of UTF-8 at most. */
const pathScratch = Buffer.allocUnsafe(3 * limits.pathBytesMax);

/** Hashes a path into four lanes; the upper half of the first one is its digest leaf. */
export function hashPath(path: PathBytes, lanes: Uint32Array): void {
  if (typeof path === 'string' && path.length <= limits.pathBytesMax) {
    hash128(pathScratch, pathScratch.write(path), lanes);
    return;
  }
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
