import { answerOf, problemOf, type Answer } from './answer.ts';
import { Attempts, type Retried } from './attempts.ts';
import { pass } from './backoff.ts';
import { KvsClientError } from './kvs-client-error.ts';
import { reasonOf } from './network-failure.ts';
import type { NodeList } from './node-list.ts';
import { Patience } from './patience.ts';

export interface Call extends Retried {
  readonly method: string;
  /** The path and the query. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | undefined;
  /** True: the node may work for minutes before it answers. */
  readonly isLong?: boolean;
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
   * Settles with what `read` makes of an answer with a status of success. When it throws, the attempt has failed.
   *
   * @throws KvsClientError; or the reason of the signal
   */
  async call<T>(call: Call, read: (answer: Answer) => T): Promise<T> {
    return this.retry(call, (url) => this.#attempt(url, call, read));
  }

  /**
   * Makes one attempt after the other, at one node or another, until one succeeds or no other is allowed.
   *
   * @throws KvsClientError; or the reason of the signal
   */
  async retry<T>(call: Retried, attempt: (url: string, index: number) => Promise<T>): Promise<T> {
    const { signal } = call;
    this.#lookForFirst();
    const attempts = new Attempts(call, this.nodes, this.retries);
    for (;;) {
      signal?.throwIfAborted();
      const { index } = attempts;
      try {
        const result = await attempt(this.nodes.at(index), index);
        attempts.hasAnswer();
        return result;
      } catch (error) {
        signal?.throwIfAborted();
        await pass(attempts.afterFailure(error), signal);
      }
    }
  }

  /**
   * As `fetch`, of a node, with the headers of the client. What a browser has in its cache is no answer of a node.
   *
   * @throws KvsClientError KVS_BAD_REQUEST for what no header can carry
   */
  fetch(url: string, target: string, init: RequestInit): Promise<Response> {
    const headers = this.#headersWith(init.headers);
    const usual = { cache: 'no-store', redirect: 'manual' } as const;
    return this.#fetch(`${url}${target}`, { ...usual, ...init, headers });
  }

  #headersWith(own: RequestInit['headers']): Headers {
    try {
      const headers = new Headers(this.#headers);
      new Headers(own).forEach((value, name) => headers.set(name, value));
      return headers;
    } catch (cause) {
      throw new KvsClientError({ code: 'KVS_BAD_REQUEST', status: 400, detail: reasonOf(cause), cause });
    }
  }

  async #attempt<T>(url: string, call: Call, read: (answer: Answer) => T): Promise<T> {
    const { method, target, headers = {}, body, signal } = call;
    const timeoutMs = call.isLong === true ? Math.max(longMs, this.timeoutMs) : this.timeoutMs;
    const patience = new Patience(timeoutMs, signal);
    try {
      const response = await patience.until(
        this.fetch(url, target, {
          method,
          headers,
          signal: patience.signal,
          // The types of `fetch` know no bytes that might be shared; it copies them.
          ...(body === undefined ? {} : { body: body as string | Uint8Array<ArrayBuffer> }),
        }),
      );
      patience.renew();
      const answer = await answerOf(response, patience);
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
      () => this.nodes.prefer(0, Date.now()),
      () => undefined,
    );
  }
}
