import type { Logger, Timers } from '../core/ports.ts';

/** Between two saves, ms: while a large cluster meets, its table changes all the time, and each save writes all of it. */
export const pauseMs = 200;

export interface TableSaverOptions {
  /** The table as it is now. */
  readonly encode: () => Uint8Array;
  /** Makes it durable. */
  readonly save: (bytes: Uint8Array) => Promise<void>;
  readonly logger: Logger;
  readonly timers: Timers;
}

/**
 * Keeps a table on disk. One save at a time, and a pause after it unless somebody waits: what changes meanwhile goes
 * with the next one.
 */
export class TableSaver {
  readonly #options: TableSaverOptions;
  #saving: Promise<void> | undefined;
  #failure: unknown;
  #isDirty = false;
  #isClosed = false;
  /** Who waits for all to be saved. */
  #waiting = 0;
  #endPause: () => void = () => undefined;

  constructor(options: TableSaverOptions) {
    this.#options = options;
  }

  /** Saves the table some time soon. */
  save(): void {
    if (this.#isClosed) return;
    this.#isDirty = true;
    this.#saving ??= this.#saveAll();
  }

  /**
   * Settles when everything that is in the table by now is durable.
   *
   * @throws what `save` failed with
   */
  async saved(): Promise<void> {
    this.save();
    await this.#settled();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Settles when all is saved; from then on nothing is any more, for the store is about to close. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#settled();
  }

  async #settled(): Promise<void> {
    this.#waiting++;
    this.#endPause();
    while (this.#saving !== undefined) await this.#saving;
    this.#waiting--;
  }

  async #saveAll(): Promise<void> {
    // What changes in one go is saved in one go.
    await Promise.resolve();
    const { encode, save, logger } = this.#options;
    try {
      while (this.#isDirty) {
        this.#isDirty = false;
        await save(encode());
        this.#failure = undefined;
        await this.#pause();
      }
    } catch (error) {
      this.#failure = error;
      logger.warn('The member list could not be saved', { error });
    } finally {
      this.#saving = undefined;
    }
  }

  #pause(): Promise<void> {
    if (this.#waiting > 0) return Promise.resolve();
    return new Promise((resolve) => {
      const callOff = this.#options.timers.after(pauseMs, resolve);
      this.#endPause = () => {
        callOff();
        resolve();
      };
    });
  }
}
