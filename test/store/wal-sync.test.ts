import { readdirSync, readlinkSync } from 'node:fs';
import type * as files from 'node:fs/promises';
import { appendFile, mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WalSync } from '../../src/store/wal-sync.ts';

/** What reached the disk, in order: `fdatasync 000004.log`, `fsync folder`. */
let synced: string[] = [];
/** Set by a test: what an fdatasync does instead. */
let beforeDatasync: ((name: string) => Promise<void>) | undefined;
let folder = '';

vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof files>();
  return {
    ...original,
    open: async (path: string, flags: string) => {
      const handle = await original.open(path, flags);
      const { datasync, sync } = handle;
      handle.datasync = async () => {
        await beforeDatasync?.(basename(path));
        await datasync.call(handle);
        synced.push(`fdatasync ${basename(path)}`);
      };
      handle.sync = async () => {
        await sync.call(handle);
        synced.push('fsync folder');
      };
      return handle;
    },
  };
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvs-wal-'));
  synced = [];
  beforeDatasync = undefined;
});

afterEach(() => rm(folder, { recursive: true }));

function logPath(number: number): string {
  return join(folder, `${String(number).padStart(6, '0')}.log`);
}

function writeLog(number: number): Promise<void> {
  return writeFile(logPath(number), 'a record');
}

/** A promise that is settled from outside. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

describe('a sync of the write-ahead log', () => {
  it('covers the log that the writes went to, and the folder that has the log as a new file', async () => {
    await writeLog(4);
    const wal = new WalSync(folder, async () => 4);
    await wal.sync();
    expect(synced).toEqual(['fdatasync 000004.log', 'fsync folder']);
    await wal.close();
  });

  it('takes one fdatasync while the log stays the same', async () => {
    await writeLog(4);
    const wal = new WalSync(folder, async () => 4);
    await wal.sync();
    synced = [];
    await wal.sync();
    expect(synced).toEqual(['fdatasync 000004.log']);
    await wal.close();
  });

  it('covers the known log and every one since, oldest first, when the engine moved on after a write', async () => {
    await writeLog(4);
    let current = 4;
    const wal = new WalSync(folder, async () => current);
    await wal.sync();
    synced = [];
    await Promise.all([writeLog(9), writeLog(12), writeLog(15)]);
    current = 12;
    await wal.sync();
    expect(synced).toEqual([
      'fdatasync 000004.log',
      'fdatasync 000009.log',
      'fdatasync 000012.log',
      'fsync folder',
    ]);
    await wal.close();
  });

  describe('asks the engine which log is current', () => {
    const append = (number: number) => () => appendFile(logPath(number), 'a record');

    async function known() {
      await writeLog(4);
      const engine = { current: 4, asked: 0 };
      const wal = new WalSync(folder, async () => {
        engine.asked++;
        return engine.current;
      });
      await wal.sync();
      await wal.track(append(4));
      await wal.sync();
      engine.asked = 0;
      synced = [];
      return { wal, engine };
    }

    it('not after a single write that the known log has grown by', async () => {
      const { wal, engine } = await known();
      await wal.track(append(4));
      await wal.sync();
      expect(engine.asked).toBe(0);
      expect(synced).toEqual(['fdatasync 000004.log']);
      await wal.close();
    });

    it('after a write that the known log has not grown by', async () => {
      const { wal, engine } = await known();
      engine.current = 9;
      await wal.track(() => writeLog(9));
      await wal.sync();
      expect(synced).toContain('fdatasync 000009.log');
      await wal.close();
    });

    it('after several writes, of which one may have gone elsewhere', async () => {
      const { wal, engine } = await known();
      await wal.track(append(4));
      engine.current = 9;
      await wal.track(() => writeLog(9));
      await wal.sync();
      expect(synced).toContain('fdatasync 000009.log');
      await wal.close();
    });

    it('when a write was under way at the sync before, and may have gone elsewhere since', async () => {
      const { wal, engine } = await known();
      const running = gate();
      const slow = wal.track(async () => {
        await running.opened;
        await writeLog(9);
      });
      await wal.sync();
      await wal.track(append(4));
      engine.current = 9;
      running.open();
      await slow;
      synced = [];
      await wal.sync();
      expect(synced).toContain('fdatasync 000009.log');
      await wal.close();
    });

    it('when a write has failed, and may have left a part of itself', async () => {
      const { wal, engine } = await known();
      const failing = wal.track(async () => {
        await append(4)();
        throw new Error('the engine failed');
      });
      await expect(failing).rejects.toThrow('the engine failed');
      engine.current = 9;
      await wal.track(() => writeLog(9));
      await wal.sync();
      expect(synced).toContain('fdatasync 000009.log');
      await wal.close();
    });
  });

  it('does without a log that the engine has flushed into tables and removed', async () => {
    await writeLog(4);
    let current = 4;
    const wal = new WalSync(folder, async () => current);
    await wal.sync();
    await unlink(join(folder, '000004.log'));
    current = 9;
    await wal.sync();
    await writeLog(9);
    synced = [];
    await wal.sync();
    expect(synced).toContain('fdatasync 000009.log');
    await wal.close();
  });

  it('is shared by everyone who asks while another one is under way, and never by that one', async () => {
    await writeLog(4);
    const wal = new WalSync(folder, async () => 4);
    await wal.sync();
    synced = [];
    const running = gate();
    const reached = gate();
    beforeDatasync = async () => {
      reached.open();
      await running.opened;
    };
    const first = wal.sync();
    await reached.opened;
    const later = [wal.sync(), wal.sync(), wal.sync()];
    running.open();
    await first;
    expect(synced).toHaveLength(1);
    await Promise.all(later);
    expect(synced).toHaveLength(2);
    await wal.close();
  });

  it('is refused for ever once an fdatasync has failed, without a second try', async () => {
    await writeLog(4);
    const wal = new WalSync(folder, async () => 4);
    await wal.sync();
    synced = [];
    let tries = 0;
    beforeDatasync = async () => {
      tries++;
      throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
    };
    const failure = { code: 'KVS_STORAGE_FAILED', cause: expect.objectContaining({ code: 'EIO' }) };
    const waiting = [wal.sync(), wal.sync()];
    for (const sync of waiting) await expect(sync).rejects.toMatchObject(failure);
    beforeDatasync = undefined;
    await expect(wal.sync()).rejects.toMatchObject(failure);
    expect(wal.failure).toMatchObject(failure);
    expect({ tries, synced }).toEqual({ tries: 1, synced: [] });
    await wal.close();
  });

  it('is refused for ever when the engine cannot tell its log', async () => {
    const wal = new WalSync(folder, () => Promise.reject(new Error('no log')));
    await expect(wal.sync()).rejects.toMatchObject({ code: 'KVS_STORAGE_FAILED' });
    await expect(wal.sync()).rejects.toMatchObject({ code: 'KVS_STORAGE_FAILED' });
    await wal.close();
  });

  it('keeps one file open between syncs, and none after the close, which waits for the last sync', async () => {
    await writeLog(4);
    let current = 4;
    const wal = new WalSync(folder, async () => current);
    await wal.sync();
    await writeLog(5);
    current = 5;
    await wal.sync();
    if (process.platform === 'linux') expect(openFiles()).toEqual(['000005.log']);
    synced = [];
    const last = wal.sync();
    await wal.close();
    expect(synced).toEqual(['fdatasync 000005.log']);
    await last;
    if (process.platform === 'linux') expect(openFiles()).toEqual([]);
  });
});

/** The names of this process' open files in the folder. */
function openFiles(): string[] {
  const paths = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(join('/proc/self/fd', fd));
    } catch {
      return '';
    }
  });
  return paths.filter((path) => path.startsWith(`${folder}/`)).map((path) => basename(path));
}
