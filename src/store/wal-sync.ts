import { open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { KvsError } from '../core/errors.ts';

/** Tells the number of the log file that the engine writes to now; it only ever grows. */
export type CurrentWalNumber = () => Promise<number>;

/**
 * Makes writes durable that the engine has handed to the operating system. The write-ahead log is a row of files
 * `NNNNNN.log`; the engine starts a new one whenever it pleases. One sync covers the file that was current at the last
 * sync, every file since, and the folder's entries for the new ones.
 *
 * After a failed sync the kernel may have dropped what it could not write, and a second try would succeed without it
 * (Rebello et al. 2020, "Can Applications Recover from fsync Failures?"). So the first failure is final: every later
 * sync is refused.
 */
export class WalSync {
  readonly #folder: string;
  readonly #currentNumber: CurrentWalNumber;
  #file: { readonly number: number; readonly handle: FileHandle } | undefined;
  #running: Promise<void> | undefined;
  #following: Promise<void> | undefined;
  #failure: KvsError | undefined;

  constructor(folder: string, currentNumber: CurrentWalNumber) {
    this.#folder = folder;
    this.#currentNumber = currentNumber;
  }

  /**
   * Settles when everything that was written before the call is on stable storage. Calls that come while a sync is
   * under way share the next one.
   *
   * @throws KvsError KVS_STORAGE_FAILED
   */
  async sync(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    this.#following ??= this.#afterRunning();
    return this.#following;
  }

  async close(): Promise<void> {
    await this.#following?.catch(() => undefined);
    await this.#running?.catch(() => undefined);
    await this.#file?.handle.close();
    this.#file = undefined;
  }

  async #afterRunning(): Promise<void> {
    await this.#running?.catch(() => undefined);
    this.#following = undefined;
    return this.#start();
  }

  async #start(): Promise<void> {
    this.#running = this.#syncOrFail().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #syncOrFail(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await this.#syncFiles();
    } catch (cause) {
      const message =
        'The write-ahead log could not be synced; writes are refused until the node is started anew';
      this.#failure = new KvsError('KVS_STORAGE_FAILED', message, { cause });
      throw this.#failure;
    }
  }

  async #syncFiles(): Promise<void> {
    const known = this.#file;
    // Nearly always the known file is the current one; asking meanwhile costs nothing.
    const [number] = await Promise.all([this.#currentNumber(), known?.handle.datasync()]);
    if (known === undefined || number !== known.number) await this.#moveOn(known?.number ?? 0, number);
  }

  /** Syncs every file after the known one, up to the current one, which stays open. */
  async #moveOn(after: number, current: number): Promise<void> {
    const numbers = (await readdir(this.#folder))
      .map((name) => Number(/^(\d+)\.log$/.exec(name)?.[1] ?? NaN))
      .filter((number) => number > after && number <= current);
    for (const number of numbers.toSorted((a, b) => a - b)) {
      const handle = await this.#openFile(number);
      if (handle === undefined) continue;
      await handle.datasync();
      await this.#keepOrClose(number === current, number, handle);
    }
    await syncFolder(this.#folder);
  }

  /** Undefined when the engine has removed the file: what it held is in tables that the engine has synced. */
  async #openFile(number: number): Promise<FileHandle | undefined> {
    try {
      return await open(join(this.#folder, `${String(number).padStart(6, '0')}.log`), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #keepOrClose(isCurrent: boolean, number: number, handle: FileHandle): Promise<void> {
    if (!isCurrent) {
      await handle.close();
      return;
    }
    const old = this.#file;
    this.#file = { number, handle };
    await old?.handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
