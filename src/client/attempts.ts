import { backoffMs } from './backoff.ts';
import { failureOf } from './failure.ts';
import { KvsClientError } from './kvs-client-error.ts';
import type { NodeList } from './node-list.ts';
import type { Call } from './requester.ts';

/** Whoever is to wait longer than this is told so instead, ms. */
const retryAfterMsMax = 30_000;

/** Where a call stands: which node it asks next, and after which time. */
export class Attempts {
  readonly #call: Pick<Call, 'isPinned' | 'repeatable'>;
  readonly #nodes: NodeList;
  readonly #untried: Set<number>;
  /** What each node said, for whoever gets none of them to answer. */
  readonly #failures: string[] = [];
  #retriesLeft: number;
  #retried = 0;
  #isBound: boolean;
  index: number;

  constructor(call: Pick<Call, 'isPinned' | 'repeatable'>, nodes: NodeList, retries: number) {
    this.#call = call;
    this.#nodes = nodes;
    this.#isBound = call.isPinned === true;
    this.index = call.isPinned === true ? 0 : nodes.preferred;
    this.#untried = new Set(nodes.urls.keys());
    this.#untried.delete(this.index);
    this.#retriesLeft = retries;
  }

  /**
   * How long to wait before the next attempt, ms.
   *
   * @throws KvsClientError when there is none
   */
  afterFailure(cause: unknown): number {
    const failure = failureOf(cause);
    const { error } = failure;
    this.#failures.push(`${this.#nodes.at(this.index)}: ${error.detail}`);
    if (failure.isFinal) throw error;
    if (failure.isOpen && this.#call.repeatable === 'never') throw this.#giveUp(error);
    if (failure.isOpen && this.#call.repeatable === 'same') this.#isBound = true;
    if (!this.#isBound) {
      this.index = (this.index + 1) % this.#nodes.urls.length;
      if (this.#untried.delete(this.index)) return 0;
    }
    const retryAfterMs = (error.retryAfterSeconds ?? 0) * 1_000;
    if (this.#retriesLeft === 0 || retryAfterMs > retryAfterMsMax) throw this.#giveUp(error);
    this.#retriesLeft--;
    return Math.max(backoffMs(++this.#retried), retryAfterMs);
  }

  #giveUp(last: KvsClientError): KvsClientError {
    if (this.#failures.length === 1 && last.status !== 0) return last;
    const { code, status, retryAfterSeconds } = last;
    const detail = [...new Set(this.#failures)].join('; ');
    return new KvsClientError({ code, status, detail, retryAfterSeconds, cause: last });
  }
}
