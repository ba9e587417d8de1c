import { backoffMs } from './backoff.ts';
import { failureOf } from './failure.ts';
import { KvsClientError } from './kvs-client-error.ts';
import type { NodeList } from './node-list.ts';

/**
 * What may be done about a failure that leaves open whether the node did what it was asked to: `anywhere`, any node is
 * asked again; `same`, only that node, which knows what it has done; `never`. After a failure that is known to have
 * changed nothing, any node is asked again.
 */
export type Repeatable = 'anywhere' | 'same' | 'never';

/** What decides where and how often a call is tried. */
export interface Retried {
  readonly repeatable: Repeatable;
  /** True: the first node is asked, and no other. */
  readonly isPinned?: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Whoever is to wait longer than this is told so instead, ms. */
const retryAfterMsMax = 30_000;

/** Where a call stands: which node it asks next, and after which time. */
export class Attempts {
  readonly #call: Retried;
  readonly #nodes: NodeList;
  readonly #untried: Set<number>;
  /** What each node said, for whoever gets none of them to answer. */
  readonly #failures = new Set<string>();
  /** Since when a node that asked to be left alone may be asked again, ms since the epoch. */
  readonly #notBeforeMs = new Map<number, number>();
  readonly #first: number;
  #retriesLeft: number;
  #retried = 0;
  #isBound: boolean;
  index: number;

  constructor(call: Retried, nodes: NodeList, retries: number) {
    this.#call = call;
    this.#nodes = nodes;
    this.#isBound = call.isPinned === true;
    this.#first = call.isPinned === true ? 0 : nodes.preferred;
    this.index = this.#first;
    this.#untried = new Set(nodes.urls.keys());
    this.#untried.delete(this.index);
    this.#retriesLeft = retries;
  }

  /** To be called when a node has answered: one that did instead of another is asked first from then on. */
  hasAnswer(): void {
    if (this.index !== this.#first) this.#nodes.prefer(this.index, Date.now());
  }

  /**
   * How long to wait before the next attempt, ms.
   *
   * @throws KvsClientError when there is none
   */
  afterFailure(cause: unknown): number {
    const failure = failureOf(cause);
    const { error } = failure;
    this.#failures.add(`${this.#nodes.at(this.index)}: ${error.detail}`);
    if (failure.isFinal) {
      // It answers, and what it says goes for all.
      this.hasAnswer();
      throw error;
    }
    if (failure.isOpen && this.#call.repeatable === 'never') throw this.#giveUp(error);
    if (failure.isOpen && this.#call.repeatable === 'same') this.#isBound = true;
    if (error.retryAfterSeconds !== undefined) {
      this.#notBeforeMs.set(this.index, Date.now() + error.retryAfterSeconds * 1_000);
    }
    if (!this.#isBound) {
      this.index = (this.index + 1) % this.#nodes.urls.length;
      if (this.#untried.delete(this.index)) return 0;
    }
    const askedForMs = (this.#notBeforeMs.get(this.index) ?? 0) - Date.now();
    if (this.#retriesLeft === 0 || askedForMs > retryAfterMsMax) throw this.#giveUp(error);
    this.#retriesLeft--;
    return Math.max(backoffMs(++this.#retried), askedForMs);
  }

  #giveUp(last: KvsClientError): KvsClientError {
    const { code, status, retryAfterSeconds } = last;
    // What a node says is complete by itself.
    if (this.#failures.size === 1 && status !== 0 && code !== 'KVS_BAD_ANSWER') return last;
    const detail = [...this.#failures].join('; ');
    return new KvsClientError({ code, status, detail, retryAfterSeconds, cause: last });
  }
}
