import type { KeyPath } from '../core/key-path.ts';
import type { Stamp } from '../core/version.ts';
import { asBuffer, readUuid } from './bytes.ts';
import { writeStamp } from './stamp.ts';

/*
 * A commit of the change log; integers are unsigned and big-endian.
 *
 *   offset  bytes  field
 *        0      6  the hybrid clock's timestamp after the commit
 *        6      4  the hybrid clock's counter
 *       10      6  entries in the log since the folder was made, this commit included
 *       16         entries: length of path 2, path, timestamp 6, counter 4, uuid 16
 */

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

/** The first fields of a commit in the change log, without its entries. */
export function decodeLogHead(value: Uint8Array): { clock: Stamp; total: number } {
  const bytes = asBuffer(value);
  return {
    clock: { timestamp: bytes.readUIntBE(0, 6), counter: bytes.readUInt32BE(6) },
    total: bytes.readUIntBE(10, 6),
  };
}
