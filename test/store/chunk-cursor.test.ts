import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import RocksDB from 'rocksdb-native';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChunkCursor, type Entry } from '../../src/store/chunk-cursor.ts';
import { wholeRange } from '../../src/store/key-range.ts';

const entryCount = 3_000;
const largeCount = 20;
const largeBytes = 300 * 1_024;

describe('a chunk cursor over RocksDB', () => {
  let folder = '';
  let small: RocksDB;
  let large: RocksDB;

  async function make(name: string, count: number, valueBytes: number): Promise<RocksDB> {
    const rocks = new RocksDB(join(folder, name), {
      createIfMissing: true,
      maxBackgroundJobs: 2,
      maxOpenFiles: 100,
      tableBlockSize: 4_096,
      writeBufferSize: 1_048_576,
    });
    await rocks.ready();
    const batch = rocks.write({ capacity: count, autoDestroy: true });
    for (let i = 0; i < count; i++) batch.tryPut(keyOf(i), Buffer.alloc(valueBytes, i));
    await batch.flush();
    return rocks;
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kvs-cursor-'));
    small = await make('small', entryCount, 10);
    large = await make('large', largeCount, largeBytes);
  });

  afterAll(async () => {
    await small.close();
    await large.close();
    await rm(folder, { recursive: true });
  });

  it.each([false, true])('gives every entry once and in order (reverse: %s)', async (reverse) => {
    const cursor = new ChunkCursor(small, wholeRange, { reverse, values: true });
    const entries = (await chunksOf(cursor, 1)).flat();
    const indexes = Array.from({ length: entryCount }, (_, i) => (reverse ? entryCount - 1 - i : i));
    expect(entries.map(([key]) => Buffer.from(key))).toEqual(indexes.map(keyOf));
    expect(entries.every(([, value], at) => value?.[9] === (indexes[at] ?? 0) % 256)).toBe(true);
  });

  it('begins with few entries and never holds more than 1,024', async () => {
    const cursor = new ChunkCursor(small, wholeRange, { reverse: false, values: true });
    const chunks = await chunksOf(cursor, 1);
    expect(chunks.map((chunk) => chunk.length)).toEqual([64, 256, 1_024, 1_024, entryCount - 2_368]);
  });

  it('reads what is asked for in one go, up to 1,024', async () => {
    const cursor = new ChunkCursor(small, wholeRange, { reverse: false, values: true });
    expect(await cursor.next(500, Infinity)).toHaveLength(500);
    expect(await cursor.next(5_000, Infinity)).toHaveLength(1_024);
  });

  it('never gives more than it may', async () => {
    const cursor = new ChunkCursor(small, wholeRange, { reverse: false, values: true });
    expect(await cursor.next(500, 15)).toHaveLength(15);
  });

  it('ends a chunk with the entry that brings it over 1 MiB', async () => {
    const cursor = new ChunkCursor(large, wholeRange, { reverse: false, values: true });
    const chunks = await chunksOf(cursor, 1_000);
    expect(chunks.flat()).toHaveLength(largeCount);
    expect(chunks.map((chunk) => chunk.length)).toEqual([4, 4, 4, 4, 4]);
  });

  it('reads keys alone without their values', async () => {
    const cursor = new ChunkCursor(large, wholeRange, { reverse: false, values: false });
    const entries = await cursor.next(1_000, Infinity);
    expect(entries.map(([, value]) => value)).toEqual(Array.from({ length: largeCount }));
  });

  it('goes on from where it is sent, and ends at once when that is outside of its range', async () => {
    const range = { start: keyOf(100), end: keyOf(200) };
    const cursor = new ChunkCursor(small, range, { reverse: false, values: true });
    cursor.seek(keyOf(198));
    const entries = (await chunksOf(cursor, 1)).flat();
    expect(entries.map(([key]) => Buffer.from(key))).toEqual([keyOf(198), keyOf(199)]);
    cursor.seek(keyOf(200));
    expect(await cursor.next(1, Infinity)).toEqual([]);
    cursor.seek(keyOf(99));
    expect(await cursor.next(1, Infinity)).toEqual([]);
  });
});

function keyOf(index: number): Buffer {
  return Buffer.from(index.toString().padStart(6, '0'));
}

async function chunksOf(cursor: ChunkCursor, countWanted: number): Promise<Entry[][]> {
  const chunks: Entry[][] = [];
  for (;;) {
    const chunk = await cursor.next(countWanted, Infinity);
    if (chunk.length === 0) return chunks;
    chunks.push(chunk);
  }
}
