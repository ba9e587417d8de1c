import { open, readdir, readFile, truncate, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, logName } from './wal-sync.ts';

/** An end of a log, or of the MANIFEST, that keeps the engine from ever opening the folder. */
export interface LogTail {
  /** The log, absolute. */
  readonly path: string;
  /** Where the log is to end, bytes. */
  readonly end: number;
  /** What is after that, bytes. */
  readonly bytes: number;
  /** False: what is there may be needed, so the folder stays unusable. */
  readonly isCuttable: boolean;
}

interface Header {
  /** In the file, bytes. */
  readonly at: number;
  /** Of what follows the header, bytes. */
  readonly length: number;
  readonly type: number;
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

/** What the file CURRENT says: the name of the log in which the engine notes which tables and logs there are. */
const currentContent = /^(MANIFEST-\d+)\n$/;

/**
 * Finds the logs that RocksDB can't open: a power cut may leave garbage after the last record of a log, and where a
 * header is looked for in it, the byte of the type may be any. The MANIFEST is a log of the same format.
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
 * The tail of a write-ahead log may always be cut off: the replay ends at any other damage as well. Without an entry of
 * the MANIFEST tables and logs are lost that hold what was acknowledged, so the engine refuses a folder for any damage
 * in it but one: a last record whose length leads beyond the end of the file was torn while it was being written, before
 * anything was built on it. By the same rule its tail may be cut off or not: a folder never opens with less than it
 * would if the byte of the type were any other.
 *
 * Changes nothing. Reads whole files, 1 MiB at a time; a log that is removed meanwhile has no tail.
 */
export async function findTails(folder: string): Promise<LogTail[]> {
  const manifest = await currentManifest(folder);
  const logs = (await readdir(folder)).filter((name) => logName.test(name)).toSorted();
  const tails: LogTail[] = [];
  for (const name of manifest === undefined ? logs : [manifest, ...logs]) {
    const tail = await findTail(join(folder, name), name === manifest ? isTorn : () => true);
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
export async function cutTail({ path, end }: LogTail): Promise<void> {
  await truncate(path, end);
}

/** Undefined where there is none that the engine could read: it says better what is wrong. */
async function currentManifest(folder: string): Promise<string | undefined> {
  const content = await unlessMissing(readFile(join(folder, 'CURRENT'), 'utf8'));
  return content === undefined ? undefined : currentContent.exec(content)?.[1];
}

async function findTail(
  path: string,
  isCuttable: (header: Header, size: number) => boolean,
): Promise<LogTail | undefined> {
  const handle = await unlessMissing(open(path, 'r'));
  if (handle === undefined) return undefined;
  try {
    const { size } = await handle.stat();
    const header = await findStuckHeader(handle, size);
    if (header === undefined) return undefined;
    const end = header.at + typeAt;
    return { path, end, bytes: size - end, isCuttable: isCuttable(header, size) };
  } finally {
    await handle.close();
  }
}

/** As the engine sees it: only in a block that is not full does it know of the end of the file. */
function isTorn({ at, length }: Header, size: number): boolean {
  const isInLastBlock = Math.floor(at / blockBytes) === Math.floor(size / blockBytes);
  return isInLastBlock && at + headerBytes + length > size;
}

async function unlessMissing<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The header at which the reader would stay, if there is one. */
async function findStuckHeader(handle: FileHandle, size: number): Promise<Header | undefined> {
  const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, size));
  let hasRecord = false;
  for (let start = 0; start < size; start += chunkBytes) {
    const { bytesRead } = await handle.read(chunk, 0, Math.min(chunkBytes, size - start), start);
    for (const header of headersIn(chunk.subarray(0, bytesRead), start)) {
      // A log that begins with a recyclable type is one that is used again: the reader takes all types in it.
      if (recyclableTypes.has(header.type)) return hasRecord ? header : undefined;
      if (endingTypes.has(header.type)) hasRecord = true;
    }
  }
  return undefined;
}

/** The headers that the lengths lead to, from the start of each block; the first block is at `offset` of the file. */
function* headersIn(blocks: Buffer, offset: number): Generator<Header> {
  for (let start = 0; start < blocks.length; start += blockBytes) {
    const last = Math.min(start + blockBytes, blocks.length) - headerBytes;
    let at = start;
    while (at <= last) {
      const length = blocks.readUInt16LE(at + lengthAt);
      const type = blocks.readUInt8(at + typeAt);
      if (type === unusedType && length === 0) break;
      yield { at: offset + at, length, type };
      at += headerBytes + length;
    }
  }
}
