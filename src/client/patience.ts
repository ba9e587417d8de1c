import { KvsClientError } from './kvs-client-error.ts';

/** Ends a request when nothing has come for too long, or its caller doesn't want it any more. */
export class Patience {
  readonly #ending = new AbortController();
  readonly #caller: AbortSignal | undefined;
  /** How long something may take to come. */
  ms: number;
  #timer: ReturnType<typeof setTimeout>;
  #isOver = false;

  constructor(ms: number, caller: AbortSignal | undefined) {
    this.ms = ms;
    this.#caller = caller;
    this.#timer = this.#start();
    if (caller?.aborted === true) this.#stop();
    caller?.addEventListener('abort', this.#stop);
  }

  /** Goes with the request. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Settles as `work` does, unless the request is ended first: not every `fetch` hears of it. */
  async until<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    let stop = (): void => undefined;
    const ended = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason as Error);
      signal.addEventListener('abort', stop);
    });
    if (signal.aborted) stop();
    try {
      return await Promise.race([work, ended]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Something has come, and something more is waited for. */
  renew(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  /** Nothing is waited for, until it is renewed. */
  pause(): void {
    clearTimeout(this.#timer);
  }

  /** The request is over. */
  end(): void {
    this.pause();
    this.#caller?.removeEventListener('abort', this.#stop);
  }

  /** Ends the request. */
  abort(): void {
    this.end();
    this.#ending.abort();
  }

  /** Why a request failed: this way of ending it, or what it failed with. */
  reasonOf(error: unknown): unknown {
    if (!this.#isOver) return error;
    return new KvsClientError({
      code: 'KVS_TIMEOUT',
      detail: `Nothing came within ${this.ms} ms`,
      cause: error,
    });
  }

  #start(): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.#isOver = true;
      this.#ending.abort();
    }, this.ms);
  }

  readonly #stop = (): void => this.#ending.abort();
}
