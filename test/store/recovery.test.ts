import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, cp, mkdtemp, open, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RocksdbLevel } from '../../src/store/rocksdb-level.ts';
import { noise } from './noise.ts';
import { Opener } from './opener.ts';
import { recordKey, recordValue } from './records.ts';

const opener = new Opener();
let root = '';
let copies = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'kvs-recovery-'));
});

afterAll(async () => {
  await opener.close();
  await rm(root, { recursive: true });
});

/** Lets a process write to `folder` and kills it after `acks` acknowledgements; returns how many it gave in the end. */
async function writeAndKill(folder: string, acks: number, count?: number): Promise<number> {
  const script = join(import.meta.dirname, 'writer-child.ts');
  const args = ['--import', 'tsx', script, folder, ...(count === undefined ? [] : [String(count)])];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let given = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    expect(line).toBe(String(given));
    if (++given === acks) child.kill('SIGKILL');
  }
  expect(await closed).toEqual([null, 'SIGKILL']);
  return given;
}

/** The number of records in the folder, each of which must be what was written, with none missing in between. */
async function countRecords(folder: string): Promise<number> {
  const level = new RocksdbLevel(folder);
  const entries = await level.iterator().all();
  entries.forEach(([key, value], index) => {
    expect([key, value]).toEqual([recordKey(index), recordValue(index)]);
  });
  await level.close();
  return entries.length;
}

async function lastLog(folder: string): Promise<string> {
  const logs = (await readdir(folder)).filter((name) => name.endsWith('.log')).toSorted();
  return join(folder, logs.at(-1) ?? 'no log');
}

describe('the folder of a process that was killed between writes', () => {
  const count = 50;
  let killed = '';

  beforeAll(async () => {
    killed = join(root, 'killed');
    expect(await writeAndKill(killed, count, count)).toBe(count);
  });

  async function copy(): Promise<string> {
    const folder = join(root, `copy${copies++}`);
    await cp(killed, folder, { recursive: true });
    return folder;
  }

  it('opens with its LOCK still there, and has every write', async () => {
    const folder = await copy();
    expect((await stat(join(folder, 'LOCK'))).isFile()).toBe(true);
    expect(await countRecords(folder)).toBe(count);
  });

  it.each([1, 7, 64, 150])(
    'opens with %i bytes torn off its log, and has every write before',
    async (bytes) => {
      const folder = await copy();
      const log = await lastLog(folder);
      await truncate(log, (await stat(log)).size - bytes);
      expect(await countRecords(folder)).toBe(count - 1);
      expect(await countRecords(folder)).toBe(count - 1);
    },
  );

  it.each([1, 64, 5_000, 70_000])(
    'opens with %i bytes of garbage after its log, and has every write',
    async (bytes) => {
      for (const seed of ['a', 'b', 'c']) {
        const folder = await copy();
        await appendFile(await lastLog(folder), noise(seed, bytes));
        expect(await opener.open(folder)).toMatchObject({ records: count });
        expect(await opener.open(folder)).toMatchObject({ records: count, cut: [] });
      }
    },
  );

  it('opens with zeros after its log, as space that was allocated and never written, and has every write', async () => {
    const folder = await copy();
    await appendFile(await lastLog(folder), Buffer.alloc(100_000));
    expect(await countRecords(folder)).toBe(count);
  });

  it('takes writes after a torn log, which the next start has too', async () => {
    const folder = await copy();
    const log = await lastLog(folder);
    await truncate(log, (await stat(log)).size - 10);
    const level = new RocksdbLevel(folder);
    await level.put(recordKey(count - 1), recordValue(count - 1), { sync: true });
    await level.close();
    expect(await countRecords(folder)).toBe(count);
  });
});

describe('a process that is killed while it writes', () => {
  it('leaves a folder that opens with every acknowledged write, again and again', async () => {
    const folder = join(root, 'busy');
    for (const acks of [1, 40, 200]) {
      const given = await writeAndKill(folder, acks);
      expect(await countRecords(folder)).toBeGreaterThanOrEqual(given);
    }
  });
});

describe('a flipped bit in a table', () => {
  const count = 2_000;

  async function makeTable(folder: string): Promise<string> {
    const level = new RocksdbLevel(folder);
    await level.batch(
      Array.from({ length: count }, (_, i) => ({ type: 'put', key: recordKey(i), value: recordValue(i) })),
    );
    await level.flush();
    await level.close();
    const tables = (await readdir(folder)).filter((name) => name.endsWith('.sst'));
    expect(tables).toHaveLength(1);
    return join(folder, tables[0] ?? '');
  }

  async function flipBit(file: string, offset: number): Promise<void> {
    const handle = await open(file, 'r+');
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, offset);
    byte.writeUInt8(byte.readUInt8() ^ 0b100);
    await handle.write(byte, 0, 1, offset);
    await handle.close();
  }

  it('makes reads of it fail with LEVEL_CORRUPTION, and others succeed', async () => {
    const folder = join(root, 'flipped');
    await flipBit(await makeTable(folder), 100);
    const level = new RocksdbLevel(folder);
    const corruption = { code: 'LEVEL_CORRUPTION' };
    await expect(level.get(recordKey(0))).rejects.toMatchObject(corruption);
    await expect(level.getMany([recordKey(count - 1), recordKey(0)])).rejects.toMatchObject(corruption);
    await expect(level.has(recordKey(0))).rejects.toMatchObject(corruption);
    await expect(level.iterator().all()).rejects.toMatchObject(corruption);
    await expect(level.keys({ reverse: true }).all()).rejects.toMatchObject(corruption);
    expect(await level.get(recordKey(count - 1))).toBe(recordValue(count - 1));
    await level.put('new', 'value', { sync: true });
    expect(await level.get('new')).toBe('value');
    await level.close();
  });

  it('never gives wrong data, wherever it is', async () => {
    const folder = join(root, 'sound');
    const { size } = await stat(await makeTable(folder));
    for (let offset = 0; offset < size; offset += Math.ceil(size / 24)) {
      const copy = join(root, `flipped-at-${offset}`);
      await cp(folder, copy, { recursive: true });
      const table = (await readdir(copy)).find((name) => name.endsWith('.sst')) ?? '';
      await flipBit(join(copy, table), offset);
      expect(await readFile(join(copy, table))).not.toEqual(await readFile(join(folder, table)));
      const outcome = await countRecords(copy).catch((error: { code?: string }) => error.code);
      expect([count, 'LEVEL_CORRUPTION', 'LEVEL_DATABASE_NOT_OPEN']).toContain(outcome);
    }
  });
});
