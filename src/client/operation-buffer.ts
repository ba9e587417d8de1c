import { pass } from './backoff.ts';
import { lineOf } from './operation-line.ts';
import type { Operation } from './types.ts';

/** An operation that is to be sent. */
export interface NumberedLine {
  /** Counted from 1. */
  readonly line: number;
  readonly path: string;
  /** With its end. */
  readonly text: string;
}

/** Operations that wait to be sent, characters: with these no more are taken from the caller. */
const operationCharsMax = 65_536;

/** Takes operations from the caller ahead of the network, up to a bound. */
export class OperationBuffer {
  readonly #source: Iterator<Operation> | AsyncIterator<Operation>;
  #lines: NumberedLine[] = [];
  #chars = 0;
  #count = 0;
  #isStarted = false;
  /** True: no more is put in. */
  #isDone = false;
  /** True: the caller's iterator has ended by itself. */
  #isExhausted = false;
  #isClosed = false;
  #failure: { readonly error: unknown } | undefined;
  #onFilled: () => void = () => undefined;
  #onTaken: () => void = () => undefined;

  constructor(operations: Iterable<Operation> | AsyncIterable<Operation>) {
    this.#source =
      Symbol.asyncIterator in operations ? operations[Symbol.asyncIterator]() : operations[Symbol.iterator]();
  }

  /** True when all operations have been taken out. */
  get isEmpty(): boolean {
    return this.#isDone && this.#lines.length === 0;
  }

  /** Throws what the caller's iterator threw, if it did. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /**
   * Everything that waits, and one line at least; undefined at the end; nothing when there was none for `ms`.
   *
   * @throws what the caller's iterator throws
   */
  async take(ms: number): Promise<readonly NumberedLine[] | undefined> {
    if (!this.#isStarted) void this.#fill();
    this.#isStarted = true;
    if (this.#lines.length === 0 && !this.#isDone) {
      await this.#filled(ms);
      // Whoever has one operation at hand mostly has more: they go together.
      if (!this.#isDone && this.#lines.length > 0) await pass(0, undefined);
    }
    this.throwIfFailed();
    if (this.isEmpty) return undefined;
    const lines = this.#lines;
    this.#lines = [];
    this.#chars = 0;
    this.#onTaken();
    return lines;
  }

  /** No more operations are taken. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isDone = true;
    this.#lines = [];
    this.#onTaken();
    this.#onFilled();
    // It may wait for an operation that never comes, and whoever closes must not.
    if (!this.#isExhausted) void this.#endSource();
  }

  async #endSource(): Promise<void> {
    try {
      await this.#source.return?.();
    } catch {
      // The batch is over; why it is, its caller is told.
    }
  }

  async #fill(): Promise<void> {
    try {
      while (!this.#isClosed) {
        const operation = await this.#nextOperation();
        if (operation === undefined) break;
        const text = lineOf(operation);
        this.#lines.push({ line: ++this.#count, path: operation.path, text });
        this.#chars += text.length;
        this.#onFilled();
        if (this.#chars >= operationCharsMax) await this.#taken();
      }
    } catch (error) {
      this.#failure = { error };
    }
    this.#isDone = true;
    this.#onFilled();
  }

  async #nextOperation(): Promise<Operation | undefined> {
    try {
      const { done, value } = await this.#source.next();
      if (done !== true) return value;
    } catch (error) {
      this.#isExhausted = true;
      throw error;
    }
    this.#isExhausted = true;
    return undefined;
  }

  async #filled(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onFilled = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #taken(): Promise<void> {
    await new Promise<void>((resolve) => (this.#onTaken = resolve));
  }
}
