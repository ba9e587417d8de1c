import type { Logger, Timers } from '../core/ports.ts';

/**
 * Between two saves, ms: while a large cluster meets, its table changes all the time, and each save writes all of it. A
 * save that failed is repeated after this time.
 */
export const pauseMs = 200;

export interface TableSaverOptions {
  /** The table as it is now. */
  readonly encode: () => Uint8Array;
  /** Makes it durable. */
  readonly save: (bytes: Uint8Array) => Promise<void>;
  readonly logger: Logger;
  readonly timers: Timers;
}

/** Somebody who waits for a save to end: the one of this number, or a later one. */
interface Waiter {
  readonly number: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Keeps a table on disk. One save at a time, and a pause after it unless somebody waits: what changes meanwhile goes
 * with the next one. What could not be saved is saved again until it could.
 */
export class TableSaver {
  readonly #options: TableSaverOptions;
  #saving: Promise<void> | undefined;
  #begun = 0;
  #isFailing = false;
  #isDirty = false;
  #isClosed = false;
  #waiters: Waiter[] = [];
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
    if (this.#isClosed) return this.#saving;
    this.save();
    const number = this.#begun + 1;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ number, resolve, reject });
      this.#endPause();
    });
  }

  /**
   * Settles when all is saved, or could not be; from then on nothing is any more, for the store is about to close.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#endPause();
    await this.#saving;
  }

  async #saveAll(): Promise<void> {
    // What changes in one go is saved in one go.
    await Promise.resolve();
    while (this.#isDirty) {
      this.#isDirty = false;
      const number = ++this.#begun;
      try {
        await this.#options.save(this.#options.encode());
        this.#isFailing = false;
        for (const { resolve } of this.#takeWaiters(number)) resolve();
      } catch (error) {
        this.#noteFailure(error);
        for (const { reject } of this.#takeWaiters(number)) reject(error);
        if (this.#isClosed) break;
        this.#isDirty = true;
      }
      await this.#pause();
    }
    this.#saving = undefined;
  }

  #noteFailure(error: unknown): void {
    if (!this.#isFailing) this.#options.logger.warn('The member list could not be saved', { error });
    this.#isFailing = true;
  }

  #takeWaiters(number: number): readonly Waiter[] {
    const taken = this.#waiters.filter((waiter) => waiter.number <= number);
    this.#waiters = this.#waiters.filter((waiter) => waiter.number > number);
    return taken;
  }

  #pause(): Promise<void> {
    if (this.#isClosed || this.#waiters.length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      const callOff = this.#options.timers.after(pauseMs, resolve);
      this.#endPause = () => {
        callOff();
        resolve();
      };
    });
  }
}
