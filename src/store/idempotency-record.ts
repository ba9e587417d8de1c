import type { FirstAnswer } from '../core/ports.ts';
import { asBuffer, byte, readUuid, writeUuid } from './bytes.ts';

/*
 * What a write with an idempotency key was answered; integers are unsigned and big-endian.
 *
 *   offset  bytes  field
 *        0      6  when it was written, by the wall clock
 *        6      6  timestamp
 *       12     16  uuid
 *       28      1  bit 0: the key was absent before
 *       29      6  expiresAt, 0 when it does not expire
 *       35     32  SHA-256 of what was written, and of its content type
 */

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
