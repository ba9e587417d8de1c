import type { Stamp } from '../core/version.ts';
import { asBuffer, compareBytes, readUuid, writeUuid } from './bytes.ts';
import { writeStamp } from './stamp.ts';

/*
 * An identity; integers are unsigned and big-endian.
 *
 *   offset  bytes  field
 *        0      6  timestamp
 *        6      4  counter
 *       10     16  uuid
 *       26      2  votes
 */

/** What a digest and the hash index know of a version. */
export interface VersionIdentity extends Stamp {
  readonly uuid: string;
  readonly votes: number;
}

export const identityBytes = 28;

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
