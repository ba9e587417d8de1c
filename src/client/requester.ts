import { answerOf, problemOf, type Answer } from './answer.ts';
import { Attempts } from './attempts.ts';
import { pass } from './backoff.ts';
import type { NodeList } from './node-list.ts';
import { Patience } from './patience.ts';

/**
 * What may be done about a failure that leaves open whether the node did what it was asked to: `anywhere`, any node is
 * asked again; `same`, only that node, which knows what it has done; `never`. After a failure that is known to have
 * changed nothing, any node is asked again.
 */
export type Repeatable = 'anywhere' | 'same' | 'never';

export interface Call {
  readonly method: string;
  /** The path and the query. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  readonly repeatable: Repeatable;
  /** True: the first node is asked, and no other. */
  readonly isPinned?: boolean;
  /** True: the node may work for minutes before it answers. */
  readonly isLong?: boolean;
  readonly signal: AbortSignal | undefined;
}

export interface RequesterOptions {
  readonly nodes: NodeList;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
}

/** What a node works on for long has this time at least, ms. */
const longMs = 300_000;

/** Asks a node, and after a failure again, or another one. */
export class Requester {
  readonly nodes: NodeList;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #fetch: typeof fetch;

  constructor({ nodes, timeoutMs, retries, headers, fetch }: RequesterOptions) {
    this.nodes = nodes;
    this.timeoutMs = timeoutMs;
    this.retries = retries;
    this.#headers = headers;
    this.#fetch = fetch;
  }

  /**
   * Settles with what `read` makes of an answer with a status of success. What it throws, and every failure, is another
   * node's turn as far as the call allows it.
   *
   * @throws KvsClientError; or the reason of the signal
   */
  async call<T>(call: Call, read: (answer: Answer) => T): Promise<T> {
    this.#lookForFirst();
    const attempts = new Attempts(call, this.nodes, this.retries);
    for (;;) {
      call.signal?.throwIfAborted();
      const index = attempts.index;
      try {
        const result = await this.#attempt(this.nodes.at(index), call, read);
        if (call.isPinned !== true) this.nodes.answered(index, Date.now());
        return result;
      } catch (error) {
        call.signal?.throwIfAborted();
        await pass(attempts.afterFailure(error), call.signal);
      }
    }
  }

  /** As `fetch`, of a node, with the headers of the client. What a browser has in its cache is no answer of a node. */
  fetch(url: string, target: string, init: RequestInit): Promise<Response> {
    const headers = { ...this.#headers, ...(init.headers as Record<string, string> | undefined) };
    const usual = { cache: 'no-store', redirect: 'manual' } as const;
    return this.#fetch(`${url}${target}`, { ...usual, ...init, headers });
  }

  async #attempt<T>(url: string, call: Call, read: (answer: Answer) => T): Promise<T> {
    const { method, target, headers = {}, body, signal } = call;
    const timeoutMs = call.isLong === true ? Math.max(longMs, this.timeoutMs) : this.timeoutMs;
    const patience = new Patience(timeoutMs, signal);
    try {
      const response = await this.fetch(url, target, {
        method,
        headers,
        signal: patience.signal,
        // The types of `fetch` know no bytes that might be shared; it copies them.
        ...(body === undefined ? {} : { body: body as string | Uint8Array<ArrayBuffer> }),
      });
      patience.renew();
      const answer = await answerOf(response, () => patience.renew());
      if (answer.status >= 200 && answer.status < 300) return read(answer);
      throw problemOf(answer);
    } catch (error) {
      throw patience.reasonOf(error);
    } finally {
      patience.end();
    }
  }

  /** Whoever is away from the first node for long sees, beside the call, whether it is back. */
  #lookForFirst(): void {
    const url = this.nodes.toLookAt(Date.now());
    if (url === undefined) return;
    const call = { method: 'GET', target: '/health/ready', repeatable: 'never', signal: undefined } as const;
    this.#attempt(url, call, () => undefined).then(
      () => this.nodes.answered(0, Date.now()),
      () => undefined,
    );
  }
}
