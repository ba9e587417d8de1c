import { fstatSync } from 'node:fs';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { KvsError } from '../core/errors.ts';

/** What the files of the log are called. */
export const logName = /^\d+\.log$/;

/** Tells the number of the log file that the engine writes to now; it only ever grows. */
export type CurrentWalNumber = () => Promise<number>;

/**
 * Makes writes durable that the engine has handed to the operating system. The write-ahead log is a row of files
 * `NNNNNN.log`; the engine starts a new one whenever it pleases, also between a write and the sync of it. So a sync
 * covers the file that was current at the sync before, every file since, and the folder's entries for the new ones.
 *
 * After a failed fdatasync the kernel may have dropped what it could not write, and a second try would succeed without
 * it (Rebello et al. 2020, "Can Applications Recover from fsync Failures?"). So the first failure is final: every
 * later sync is refused.
 */
export class WalSync {
  readonly #folder: string;
  readonly #currentNumber: CurrentWalNumber;
  readonly #onSync: (seconds: number) => void;
  /** The newest file that was synced; it stays open, as most syncs need no other. */
  #file: { readonly number: number; readonly handle: FileHandle } | undefined;
  /** The sync that has been asked for and has not begun. */
  #next: Promise<void> | undefined;
  #begunWrites = 0;
  #endedWrites = 0;
  /** How things stood at the sync before, if no write was under way then. */
  #before: { readonly writes: number; readonly bytes: number } | undefined;
  /** Settles when no sync is under way or asked for; never rejects. */
  #idle: Promise<unknown> = Promise.resolve();
  #failure: KvsError | undefined;

  /** `onSync` is told how long each sync took, seconds. */
  constructor(
    folder: string,
    currentNumber: CurrentWalNumber,
    onSync: (seconds: number) => void = () => undefined,
  ) {
    this.#folder = folder;
    this.#currentNumber = currentNumber;
    this.#onSync = onSync;
  }

  /** What made the log unusable, if anything did. */
  get failure(): KvsError | undefined {
    return this.#failure;
  }

  /**
   * Settles when everything that was written before the call is on stable storage. A sync under way may have passed the
   * caller's write already: the call counts on the next one, which everyone shares who comes meanwhile.
   *
   * @throws KvsError KVS_STORAGE_FAILED, at the first failure and ever after
   */
  sync(): Promise<void> {
    if (this.#next === undefined) {
      this.#next = this.#syncAfter(this.#idle);
      this.#idle = this.#next.catch(() => undefined);
    }
    return this.#next;
  }

  /** Runs one write of the engine. A sync must know of each: only of a single one can it tell where it went. */
  async track(write: () => Promise<void>): Promise<void> {
    this.#begunWrites++;
    try {
      await write();
    } finally {
      this.#endedWrites++;
    }
  }

  /** Waits for every sync that was asked for, then lets the file go. */
  async close(): Promise<void> {
    await this.#idle;
    await this.#file?.handle.close();
    this.#file = undefined;
  }

  async #syncAfter(before: Promise<unknown>): Promise<void> {
    await before;
    this.#next = undefined;
    if (this.#failure !== undefined) throw this.#failure;
    const startedAt = performance.now();
    try {
      await this.#syncFiles();
      this.#onSync((performance.now() - startedAt) / 1_000);
    } catch (cause) {
      const message = 'The write-ahead log could not be synced: no durable write is taken until a restart';
      this.#failure = new KvsError('KVS_STORAGE_FAILED', message, { cause });
      throw this.#failure;
    }
  }

  async #syncFiles(): Promise<void> {
    const known = this.#file;
    if (known !== undefined && this.#hasAllSince(known.handle)) {
      await known.handle.datasync();
      return;
    }
    const [number] = await Promise.all([this.#currentNumber(), known?.handle.datasync()]);
    if (known === undefined || number > known.number) await this.#syncSince(known?.number ?? 0, number);
  }

  /**
   * True when a file surely holds everything that was written since the sync before. A single write since, that made
   * the file grow, went there whole: the engine never splits one. Asking the engine would cost a thread's time.
   */
  #hasAllSince({ fd }: FileHandle): boolean {
    const before = this.#before;
    const writes = this.#begunWrites;
    const { size: bytes } = fstatSync(fd);
    const isQuiet = this.#endedWrites === writes;
    this.#before = isQuiet ? { writes, bytes } : undefined;
    return isQuiet && before !== undefined && writes - before.writes === 1 && bytes > before.bytes;
  }

  async #syncSince(known: number, current: number): Promise<void> {
    for (const number of await this.#logsBetween(known, current)) {
      const handle = await this.#open(number);
      if (handle === undefined) continue;
      const old = this.#file;
      this.#file = { number, handle };
      this.#before = undefined;
      await old?.handle.close();
      await handle.datasync();
    }
    await syncFolder(this.#folder);
  }

  /** The numbers of the log files after `known` up to `current`, ascending. */
  async #logsBetween(known: number, current: number): Promise<number[]> {
    const names = await readdir(this.#folder);
    return names
      .filter((name) => logName.test(name))
      .map((name) => Number.parseInt(name, 10))
      .filter((number) => number > known && number <= current)
      .toSorted((a, b) => a - b);
  }

  /** Undefined when the engine has removed the file: what it held is in tables that the engine has synced. */
  async #open(number: number): Promise<FileHandle | undefined> {
    try {
      // Windows flushes only what is open for writing.
      return await open(join(this.#folder, `${String(number).padStart(6, '0')}.log`), 'r+');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }
}

/** Makes the entries of a folder durable: which files it has, by which names. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows can't: it has no handle of a folder that could be flushed, and keeps its entries in a journal of its own.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** True for an error of the operating system with this code, such as `ENOENT`. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
