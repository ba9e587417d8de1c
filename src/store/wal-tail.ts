import { open, readdir, truncate, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, logName } from './wal-sync.ts';

/** An end of a log that keeps the engine from ever opening the folder. */
export interface WalTail {
  /** The log, absolute. */
  readonly path: string;
  /** Where the log is to end, bytes. */
  readonly end: number;
  /** What is after that, bytes. */
  readonly bytes: number;
}

/** Headers and payloads don't cross the border of two blocks; where no header fits any more, a block has filler. */
const blockBytes = 32 * 1_024;
/** A checksum of four bytes, the length of the payload in two, the type in one; little-endian. */
const headerBytes = 7;
const lengthAt = 4;
const typeAt = 6;
/** What is in memory of a log at a time. */
const chunkBytes = 32 * blockBytes;

const unusedType = 0;
/** A record in one piece, and the last piece of one in several. */
const endingTypes: ReadonlySet<number> = new Set([1, 4]);
/** What stands in logs whose files are used again and again: four pieces, timestamp sizes, the log before. */
const recyclableTypes: ReadonlySet<number> = new Set([5, 6, 7, 8, 11, 131]);

/**
 * Finds the logs that RocksDB can't open: a power cut may leave garbage after the last record of a log, and where a
 * header is looked for in it, the byte of the type may be any.
 *
 * At a recyclable type, after a record of another kind, `Reader::ReadPhysicalRecord` of RocksDB 10.5.1
 * (`db/log_reader.cc`) says "bad record" and does not step over it; `Reader::ReadRecord` asks again, and gets the same
 * for ever, on a thread that nothing can end. This engine never writes these types, as it does not use logs again. Every
 * other garbage ends in a length that does not fit, a wrong checksum or zeros, after which the reader goes on with the
 * next block. So this walk looks at the headers of every block (RocksDB's wiki, "Write Ahead Log File Format").
 *
 * It does not look at checksums. After a wrong one the reader gives out no more records and goes on with the next
 * block; the walk goes on in this block and then with the next. So it passes every header that the reader comes to, and
 * where it finds a tail that the reader would have stepped over, that holds nothing which the reader would give out.
 *
 * Changes nothing. Reads whole files, 1 MiB at a time; a log that is removed meanwhile has no tail.
 */
export async function findTails(folder: string): Promise<WalTail[]> {
  const names = (await readdir(folder)).filter((name) => logName.test(name));
  const tails: WalTail[] = [];
  for (const name of names.toSorted()) {
    const tail = await findTail(join(folder, name));
    if (tail !== undefined) tails.push(tail);
  }
  return tails;
}

/**
 * Cuts a tail off, before the byte of the type. A torn header is left, which the engine takes for the end of a log
 * that was not written to its end: it goes on with the next log only if no record is missing between the two. Cut
 * before the whole header, a log that lost records would look like a whole one, and later ones would be applied
 * without them.
 */
export async function cutTail({ path, end }: WalTail): Promise<void> {
  await truncate(path, end);
}

async function findTail(path: string): Promise<WalTail | undefined> {
  const handle = await openLog(path);
  if (handle === undefined) return undefined;
  try {
    const { size } = await handle.stat();
    const header = await findStuckHeader(handle, size);
    if (header === undefined) return undefined;
    const end = header + typeAt;
    return { path, end, bytes: size - end };
  } finally {
    await handle.close();
  }
}

async function openLog(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Where the header is at which the reader would stay, if there is one. */
async function findStuckHeader(handle: FileHandle, size: number): Promise<number | undefined> {
  const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, size));
  let hasRecord = false;
  for (let start = 0; start < size; start += chunkBytes) {
    const { bytesRead } = await handle.read(chunk, 0, Math.min(chunkBytes, size - start), start);
    for (const { at, type } of headersIn(chunk.subarray(0, bytesRead))) {
      // A log that begins with a recyclable type is one that is used again: the reader takes all types in it.
      if (recyclableTypes.has(type)) return hasRecord ? start + at : undefined;
      if (endingTypes.has(type)) hasRecord = true;
    }
  }
  return undefined;
}

/** The headers that the lengths lead to, from the start of each block. */
function* headersIn(blocks: Buffer): Generator<{ readonly at: number; readonly type: number }> {
  for (let start = 0; start < blocks.length; start += blockBytes) {
    const last = Math.min(start + blockBytes, blocks.length) - headerBytes;
    let at = start;
    while (at <= last) {
      const length = blocks.readUInt16LE(at + lengthAt);
      const type = blocks.readUInt8(at + typeAt);
      if (type === unusedType && length === 0) break;
      yield { at, type };
      at += headerBytes + length;
    }
  }
}
