import type { Stamp } from '../core/version.ts';
import { asBuffer } from './bytes.ts';

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

export function writeStamp(stamp: Stamp, bytes: Buffer, at: number): void {
  bytes.writeUIntBE(stamp.timestamp, at, 6);
  bytes.writeUInt32BE(stamp.counter, at + 6);
}
