import { backoffMs, pass } from './backoff.ts';
import type { ServerEvent } from './event-parser.ts';
import { EventStream } from './event-stream.ts';
import { failureOf } from './failure.ts';
import type { Requester } from './requester.ts';
import type { Watch, WatchEvent } from './types.ts';
import { watchEventOf } from './wire.ts';

/** So long a watch tries to go on at its node when the connection breaks: another one can't say what was missed, ms. */
const loyaltyMs = 5_000;
/** The longest wait between two attempts meanwhile, ms. */
const loyalWaitMsMax = 500;

export interface KeyWatchOptions {
  readonly requester: Requester;
  /** The path and the query. */
  readonly target: string;
  readonly after: string | undefined;
  readonly silenceMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * A watch that outlives its connections: when one breaks, the next goes on behind the last event, for as long as it takes.
 * Events are read as they are asked for, so that a slow reader holds the node back, and nothing piles up here.
 */
export class KeyWatch implements Watch {
  readonly #options: KeyWatchOptions;
  readonly #ending = new AbortController();
  readonly #events: AsyncGenerator<WatchEvent, undefined, undefined>;
  #stream: EventStream | undefined;
  #opening: Promise<EventStream> | undefined;
  #index = 0;
  #lastId: string | undefined;
  #hasBegun = false;
  #connectedAtMs = 0;
  /** Since when nothing has come that is more than a beginning; undefined: all is well. */
  #brokenAtMs: number | undefined;
  #failures = 0;
  /** Answers in a row that could not be understood. */
  #badAnswers = 0;
  #untried = new Set<number>();

  constructor(options: KeyWatchOptions) {
    this.#options = options;
    this.#lastId = options.after;
    this.#events = this.#run();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async open(): Promise<string> {
    await this.#connected();
    return this.#lastId ?? '';
  }

  next(): Promise<IteratorResult<WatchEvent, undefined>> {
    return this.#events.next();
  }

  return(): Promise<IteratorResult<WatchEvent, undefined>> {
    this.#close();
    return this.#events.return(undefined);
  }

  async *#run(): AsyncGenerator<WatchEvent, undefined, undefined> {
    const { signal } = this.#options;
    try {
      for (;;) {
        const event = await this.#read();
        if (event !== undefined) yield event;
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (this.#ending.signal.aborted) return undefined;
      throw error;
    } finally {
      this.#close();
    }
  }

  /** What comes next; undefined when that is nothing for the reader. */
  async #read(): Promise<WatchEvent | undefined> {
    const stream = await this.#connected();
    try {
      const received = await stream.next();
      const event = watchEventOf(received);
      this.#take(received, event);
      return event;
    } catch (error) {
      stream.close();
      this.#opening = undefined;
      if (Date.now() - this.#connectedAtMs >= loyaltyMs) this.#isWell();
      this.#ending.signal.throwIfAborted();
      await pass(this.#afterFailure(error), this.#ending.signal);
      return undefined;
    }
  }

  #take({ id }: ServerEvent, event: WatchEvent | undefined): void {
    this.#lastId = id ?? this.#lastId;
    this.#isWell();
    if (event !== undefined) this.#badAnswers = 0;
    // What is listed anew must come from the node that tells what follows.
    if (event?.event === 'reset') this.#options.requester.nodes.prefer(this.#index, Date.now());
  }

  #isWell(): void {
    this.#brokenAtMs = undefined;
    this.#failures = 0;
  }

  #connected(): Promise<EventStream> {
    return (this.#opening ??= this.#connect());
  }

  /** Settles when a node listens. Before that has happened once, it gives up after as many attempts as any call. */
  async #connect(): Promise<EventStream> {
    const { requester, signal: caller } = this.#options;
    const { signal } = this.#ending;
    caller?.addEventListener('abort', this.#abort);
    if (caller?.aborted === true) this.#abort();
    if (!this.#hasBegun) {
      return requester.retry({ repeatable: 'anywhere', signal }, (_, index) => this.#tryAt(index));
    }
    for (;;) {
      try {
        return await this.#tryAt(this.#index);
      } catch (error) {
        signal.throwIfAborted();
        await pass(this.#afterFailure(error), signal);
      }
    }
  }

  async #tryAt(index: number): Promise<EventStream> {
    const { requester, target, silenceMs } = this.#options;
    const stream = await EventStream.open({
      requester,
      url: requester.nodes.at(index),
      target,
      lastId: this.#lastId,
      silenceMs,
      signal: this.#ending.signal,
    });
    // Where a node can't go on behind the last id, it says so only after its own.
    this.#lastId ??= stream.startId;
    this.#connectedAtMs = Date.now();
    this.#stream = stream;
    this.#index = index;
    this.#hasBegun = true;
    return stream;
  }

  /**
   * How long to wait before the watch is opened anew, ms.
   *
   * @throws KvsClientError when that is of no use
   */
  #afterFailure(cause: unknown): number {
    const { nodes, retries } = this.#options.requester;
    const { error, isFinal } = failureOf(cause);
    if (isFinal || (error.code === 'KVS_BAD_ANSWER' && ++this.#badAnswers > retries)) throw error;
    const nowMs = Date.now();
    if (this.#brokenAtMs === undefined) {
      this.#brokenAtMs = nowMs;
      this.#untried = new Set(nodes.urls.keys());
      this.#untried.delete(this.#index);
    }
    const retryAfterMs = (error.retryAfterSeconds ?? 0) * 1_000;
    const waitMs = backoffMs(++this.#failures);
    if (nodes.urls.length === 1) return Math.max(waitMs, retryAfterMs);
    if (nowMs - this.#brokenAtMs < loyaltyMs) return Math.min(waitMs, loyalWaitMsMax);
    this.#index = (this.#index + 1) % nodes.urls.length;
    return this.#untried.delete(this.#index) ? 0 : waitMs;
  }

  readonly #abort = (): void => this.#ending.abort(this.#options.signal?.reason);

  #close(): void {
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#ending.abort();
    this.#stream?.close();
  }
}
