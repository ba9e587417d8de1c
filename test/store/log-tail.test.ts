import fc from 'fast-check';
import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findTails } from '../../src/store/log-tail.ts';
import { RocksdbLevel } from '../../src/store/rocksdb-level.ts';
import { noise } from './noise.ts';
import { Opener, type Opened } from './opener.ts';
import { recordKey, recordValue } from './records.ts';

const blockBytes = 32_768;
const recyclableTypes = [5, 6, 7, 8, 11, 131];
const count = 50;

/** What stands after the last record of a log of this many bytes. */
type Garbage = (logBytes: number) => Buffer;

const opener = new Opener();
let root = '';
/** A folder as a process leaves it that is killed after `count` records. */
let made = '';
let copies = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'kvs-log-tail-'));
  const level = new RocksdbLevel(join(root, 'live'));
  for (let i = 0; i < count; i++) await level.put(recordKey(i), recordValue(i));
  made = await copyFolder(level.location);
  await level.close();
});

afterAll(async () => {
  await opener.close();
  await rm(root, { recursive: true });
});

/** Without the LOCK, and without what the engine logs. */
async function copyFolder(from: string): Promise<string> {
  const folder = join(root, `copy${copies++}`);
  await mkdir(folder);
  const names = (await readdir(from)).filter((name) => !name.startsWith('LO'));
  await Promise.all(names.map((name) => copyFile(join(from, name), join(folder, name))));
  return folder;
}

/** Deals the records out to as many logs as there are garbages, in order, and lets each log end in its garbage. */
async function copyWith(garbages: readonly Garbage[]): Promise<string> {
  const folder = await copyFolder(made);
  const whole = await readFile(join(made, logName(0)));
  const border = borders(whole);
  for (const [index, garbage] of garbages.entries()) {
    const [from, to] = [index, index + 1].map((part) => border[Math.round((count * part) / garbages.length)]);
    const log = whole.subarray(from, to);
    await writeFile(join(folder, logName(index)), Buffer.concat([log, garbage(log.length)]));
  }
  return folder;
}

/** Opens a folder whose logs end in these garbages. */
async function openWith(...garbages: readonly Garbage[]): Promise<Opened> {
  const folder = await copyWith(garbages);
  const opened = await opener.open(folder);
  await rm(folder, { recursive: true });
  return opened;
}

/** The engine's first log in a new folder, and those that could follow. */
function logName(index: number): string {
  return `${String(4 + index).padStart(6, '0')}.log`;
}

/** A header with a checksum that is wrong. */
function header(type: number, length = 0x700c): Buffer {
  return Buffer.from([0x03, 0xe6, 0xbd, 0x45, length & 0xff, length >> 8, type]);
}

/** What a log lacks to the end of its block. */
function toNextBlock(logBytes: number, byte: number): Buffer {
  return Buffer.alloc(blockBytes - (logBytes % blockBytes), byte);
}

/** Where each record of a log of one block begins, and where the last one ends. */
function borders(log: Buffer): number[] {
  const found = [0];
  for (let at = 0; at < log.length; found.push(at)) at += 7 + log.readUInt16LE(at + 4);
  return found;
}

describe('a folder opens with every record', () => {
  it('whatever the byte is where the type of the next record of a log would stand', async () => {
    for (let first = 0; first < 256; first += 32) {
      const types = Array.from({ length: 32 }, (_, index) => first + index);
      const cut = types.filter((type) => recyclableTypes.includes(type)).map(() => 1);
      const opened = await openWith(...types.map((type) => () => header(type)));
      expect(opened, `types ${first} to ${first + 31}`).toEqual({ records: count, cut, openFiles: 0 });
    }
  });

  it.each(recyclableTypes)('whatever comes after a recyclable type: %i', async (type) => {
    for (const length of [0, 3, 20, 0xffff]) {
      const garbages = [0, 3, 4, 23, 24, 60_000].map(
        (bytes) => () => Buffer.concat([header(type, length), noise('rest', bytes)]),
      );
      const { records, cut } = await openWith(...garbages);
      expect({ records, cuts: cut.length }).toEqual({ records: count, cuts: garbages.length });
    }
  });

  it.each(recyclableTypes)('with a recyclable type at the start of a later block: %i', async (type) => {
    const garbages = [0, 0xff].flatMap((byte): Garbage[] => [
      (logBytes) => Buffer.concat([toNextBlock(logBytes, byte), header(type)]),
      (logBytes) =>
        Buffer.concat([
          toNextBlock(logBytes, byte),
          Buffer.alloc(40 * blockBytes, byte),
          header(type, 3),
          noise('after', 40_000),
        ]),
    ]);
    const cut = [1, 40_001, 1, 40_001];
    expect(await openWith(...garbages)).toEqual({ records: count, cut, openFiles: 0 });
  });

  it('with garbage after the only record of a log, which goes over several blocks', async () => {
    const level = new RocksdbLevel(join(root, 'batch'));
    await level.batch(
      Array.from({ length: 500 }, (_, i) => ({ type: 'put', key: recordKey(i), value: recordValue(i) })),
    );
    const folder = await copyFolder(level.location);
    await level.close();
    await appendFile(join(folder, logName(0)), header(5));
    expect(await opener.open(folder)).toEqual({ records: 500, cut: [1], openFiles: 0 });
  });

  it.each([1, 2, 3, 4])('with garbage of many blocks: %i', async (seed) => {
    const { records, cut } = await openWith(() => noise(`${seed}`, 3_000_000));
    expect({ records, cuts: cut.length }).toEqual({ records: count, cuts: 1 });
  });

  it('with any garbage at the ends of five logs', async () => {
    const type = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, ...recyclableTypes), fc.nat(255));
    const length = fc.oneof(fc.nat(64), fc.nat(0xffff));
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 64 }).map(
        (bytes): Garbage =>
          () =>
            Buffer.from(bytes),
      ),
      fc.tuple(type, length).map(
        (fields): Garbage =>
          () =>
            header(...fields),
      ),
      fc.tuple(type, fc.nat(64)).map(
        (fields): Garbage =>
          () =>
            Buffer.concat([header(...fields), Buffer.alloc(fields[1])]),
      ),
      fc.constantFrom(0, 1, 5, 0xff).map(
        (byte): Garbage =>
          (bytes) =>
            toNextBlock(bytes, byte),
      ),
    );
    const garbage = fc.array(piece, { maxLength: 8 }).map(joined);
    const property = fc.asyncProperty(fc.array(garbage, { minLength: 5, maxLength: 5 }), async (garbages) => {
      expect((await openWith(...garbages)).records).toBe(count);
    });
    await fc.assert(property, { numRuns: 25, endOnFailure: true });
  });
});

function joined(pieces: readonly Garbage[]): Garbage {
  return (logBytes) =>
    pieces.reduce((all, make) => Buffer.concat([all, make(logBytes + all.length)]), Buffer.alloc(0));
}

describe('a record in the middle whose type was turned into a recyclable one', () => {
  it('ends what the folder opens with, and no later log is applied over the gap', async () => {
    const folder = await copyWith([() => Buffer.alloc(0), () => Buffer.alloc(0)]);
    const log = await readFile(join(folder, logName(0)));
    const damaged = borders(log)[20] ?? 0;
    log.writeUInt8(5, damaged + 6);
    await writeFile(join(folder, logName(0)), log);
    const cut = [log.length - damaged - 6];
    expect(await opener.open(folder)).toEqual({ records: 20, cut, openFiles: 0 });
  });
});

describe('a MANIFEST', () => {
  /** A copy of the folder whose MANIFEST was changed. */
  async function copyWithManifest(
    change: (whole: Buffer) => Buffer,
  ): Promise<{ readonly folder: string; readonly path: string }> {
    const folder = await copyFolder(made);
    const path = join(folder, (await readFile(join(folder, 'CURRENT'), 'utf8')).trimEnd());
    await writeFile(path, change(await readFile(path)));
    return { folder, path };
  }

  const openWithManifest = async (change: (whole: Buffer) => Buffer): Promise<Opened> =>
    opener.open((await copyWithManifest(change)).folder);

  const endingIn = (garbage: Garbage) => (whole: Buffer) => Buffer.concat([whole, garbage(whole.length)]);

  it.each(recyclableTypes)(
    'whose last record is torn is cut there, and the folder opens: type %i',
    async (type) => {
      for (const [length, bytes] of [
        [1, 0],
        [24, 23],
        [0x700c, 4],
      ] as const) {
        const garbage = () => Buffer.concat([header(type, length), noise('rest', bytes)]);
        const opened = await openWithManifest(endingIn(garbage));
        expect(opened).toEqual({ records: count, cut: [1 + bytes], openFiles: 0 });
      }
    },
  );

  it.each(recyclableTypes)(
    'whose last record is damaged and not torn is refused at once: type %i',
    async (type) => {
      for (const [length, bytes] of [
        [0, 0],
        [3, 3],
        [3, 60_000],
      ] as const) {
        const garbage = () => Buffer.concat([header(type, length), noise('rest', bytes)]);
        const opened = await openWithManifest(endingIn(garbage));
        expect(opened).toEqual({ records: 'KVS_STORE_UNUSABLE', cut: [], openFiles: 0 });
      }
    },
  );

  it('opens or is refused as it is with any other type in the same place', async () => {
    const length = fc.oneof(fc.nat(64), fc.nat(0xffff));
    const start = fc.constantFrom<Garbage>(
      () => Buffer.alloc(0),
      (bytes) => toNextBlock(bytes, 0),
    );
    const rest = fc.oneof(
      fc.nat(64).map((bytes) => () => noise('rest', bytes)),
      fc.constantFrom<Garbage>(
        () => noise('rest', 60_000),
        (bytes) => toNextBlock(bytes, 0xff),
      ),
    );
    const type = fc.constantFrom(...recyclableTypes);
    const property = fc.asyncProperty(start, type, length, rest, async (start, type, length, rest) => {
      const outcomeOf = async (type: number) => {
        const garbage = joined([start, () => header(type, length), rest]);
        return (await openWithManifest(endingIn(garbage))).records;
      };
      expect(await outcomeOf(type)).toBe(await outcomeOf(1));
    });
    await fc.assert(property, { numRuns: 40, endOnFailure: true });
  });

  it.each(recyclableTypes)(
    'with an entry whose type was turned is named in the error, and nothing is cut: type %i',
    async (type) => {
      let at = 0;
      const { folder, path } = await copyWithManifest((whole) => {
        at = (borders(whole)[2] ?? 0) + 6;
        whole.writeUInt8(type, at);
        return whole;
      });
      const log = join(folder, logName(0));
      await appendFile(log, header(5));
      const before = await Promise.all([readFile(path), readFile(log)]);
      expect(await opener.open(folder)).toMatchObject({ records: 'KVS_STORE_UNUSABLE', cut: [] });
      await expect(new RocksdbLevel(folder).open()).rejects.toMatchObject({
        cause: { message: `The database in ${folder} can't be opened: ${path} is damaged at byte ${at}` },
      });
      expect(await Promise.all([readFile(path), readFile(log)])).toEqual(before);
    },
  );

  it('that the file CURRENT does not name is not looked at', async () => {
    const folder = await copyFolder(made);
    await writeFile(join(folder, 'MANIFEST-000001'), Buffer.concat([header(1, 0), header(5, 0)]));
    expect(await opener.open(folder)).toEqual({ records: count, cut: [], openFiles: 0 });
  });

  it.each(['', 'MANIFEST-000005', 'MANIFEST-000099\n', '../MANIFEST-000005\n'])(
    'that is not to be found by CURRENT is left to the engine, which refuses it: %j',
    async (content) => {
      const folder = await copyFolder(made);
      await writeFile(join(folder, 'CURRENT'), content);
      expect(await opener.open(folder)).toMatchObject({ records: 'KVS_STORE_UNUSABLE', cut: [] });
    },
  );
});

describe('no tail is found', () => {
  it('in logs as the engine writes them, with records over many blocks', async () => {
    const level = new RocksdbLevel(join(root, 'large'));
    const sizes = [
      0,
      1,
      40_000,
      blockBytes - 100,
      1_500_000,
      7,
      300_000,
      ...Array.from({ length: 300 }, (_, i) => i * 37),
    ];
    for (const size of sizes) await level.put('key', '\u0005'.repeat(size));
    const logs = (await readdir(level.location)).filter((name) => name.endsWith('.log'));
    expect((await stat(join(level.location, logs[0] ?? ''))).size).toBeGreaterThan(3_000_000);
    expect(await findTails(level.location)).toEqual([]);
    await level.close();
  });

  it('in a log that is used again, which begins with a recyclable type', async () => {
    const folder = join(root, 'recycled');
    await mkdir(folder);
    await writeFile(join(folder, logName(0)), Buffer.concat([header(5, 0), header(1, 0), header(5, 0)]));
    expect(await findTails(folder)).toEqual([]);
    await writeFile(join(folder, logName(0)), Buffer.concat([header(1, 0), header(5, 0)]));
    const path = join(folder, logName(0));
    expect(await findTails(folder)).toEqual([{ path, end: 13, bytes: 1, isCuttable: true }]);
  });

  it('in files that are no logs', async () => {
    const folder = join(root, 'others');
    await mkdir(folder);
    for (const name of ['LOG', '000004.log.old', '000004.sst']) {
      await writeFile(join(folder, name), Buffer.concat([header(1, 0), header(5, 0)]));
    }
    expect(await findTails(folder)).toEqual([]);
  });
});

describe('a folder that is open', () => {
  it('fails to open with LEVEL_LOCKED as ever, and its log is left as it is', async () => {
    const level = new RocksdbLevel(await copyFolder(made));
    await level.open();
    await level.put('key', 'value');
    const [name = ''] = (await readdir(level.location)).filter((name) => name.endsWith('.log'));
    const path = join(level.location, name);
    await appendFile(path, header(5));
    const before = await readFile(path);
    expect(await findTails(level.location)).toHaveLength(1);
    await expect(new RocksdbLevel(level.location).open()).rejects.toMatchObject({
      cause: { code: 'LEVEL_LOCKED' },
    });
    expect(await opener.open(level.location)).toMatchObject({ records: 'LEVEL_LOCKED', cut: [] });
    expect(await readFile(path)).toEqual(before);
    await level.close();
  });

  it('fails so also where its MANIFEST is damaged', async () => {
    const level = new RocksdbLevel(await copyFolder(made));
    await level.open();
    const manifest = (await readFile(join(level.location, 'CURRENT'), 'utf8')).trimEnd();
    await appendFile(join(level.location, manifest), header(5, 0));
    expect(await findTails(level.location)).toMatchObject([{ isCuttable: false }]);
    expect(await opener.open(level.location)).toMatchObject({ records: 'LEVEL_LOCKED', cut: [] });
    await level.close();
  });
});
