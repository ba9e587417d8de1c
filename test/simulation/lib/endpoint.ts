import { assert } from '../../../src/core/errors.ts';
import type { ProcessClock, ProcessTimer } from './process-clock.ts';

/** Answers a request. What it throws reaches the caller as NetworkError `failed`. */
export type Handler = (message: Uint8Array, from: string) => Promise<Uint8Array>;

export interface CallOptions {
  /** Names the counters under which the request and its reply are counted. */
  readonly kind: string;
  /** How long to wait for the reply by the caller's own clock, ms, above 0. */
  readonly deadlineMs: number;
}

export type NetworkErrorCode =
  /** No reply before the deadline; nobody knows whether the request arrived. */
  | 'timeout'
  /** The handler threw. */
  | 'failed'
  /** Too many calls of this caller are under way: nothing was sent. */
  | 'overloaded'
  /** The caller's endpoint is closed: nothing was sent. */
  | 'closed';

export class NetworkError extends Error {
  readonly code: NetworkErrorCode;

  constructor(code: NetworkErrorCode, message: string) {
    super(message);
    this.name = 'NetworkError';
    this.code = code;
  }
}

/** One message in one direction. */
export interface Transmission {
  readonly from: string;
  readonly to: string;
  readonly kind: string;
  readonly message: Uint8Array;
  /** Whether the endpoint that has the address at arrival has a use for it. */
  readonly isFor: (endpoint: Endpoint) => boolean;
  readonly receive: (endpoint: Endpoint, copy: Uint8Array) => void;
}

export interface EndpointOptions {
  readonly address: string;
  readonly process: ProcessClock;
  readonly callsMax: number;
  readonly transmit: (transmission: Transmission) => void;
  readonly detach: () => void;
}

interface PendingCall {
  readonly resolve: (reply: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  readonly deadline: ProcessTimer;
}

/** Whether a reply carries an answer or says that the handler failed: its first byte. */
const replyMark = { answered: 0, failed: 1 } as const;

/** One process's end of the network: where it calls from, and where it answers. */
export class Endpoint {
  readonly address: string;
  readonly #options: EndpointOptions;
  readonly #pending = new Map<number, PendingCall>();
  #calls = 0;
  #handler: Handler | undefined;
  #held = 0;
  #isClosed = false;

  constructor(options: EndpointOptions) {
    this.address = options.address;
    this.#options = options;
  }

  /** Calls that wait for their reply. */
  get pendingCalls(): number {
    return this.#pending.size;
  }

  /** Messages that have arrived and wait for the process to go on. */
  get held(): number {
    return this.#held;
  }

  get isServing(): boolean {
    return this.#handler !== undefined;
  }

  /** Answers requests from now on; until then they are lost. */
  serve(handler: Handler): void {
    this.#handler = handler;
  }

  /**
   * Sends a request and settles with the reply. Any number of copies of the request may arrive, none included, and
   * each that does is answered; the first reply that comes back counts.
   *
   * @throws NetworkError
   */
  async call(to: string, message: Uint8Array, { kind, deadlineMs }: CallOptions): Promise<Uint8Array> {
    assert(message instanceof Uint8Array, 'a message is bytes');
    assert(deadlineMs > 0, 'a call has a deadline');
    if (this.#isClosed) throw new NetworkError('closed', `${this.address} is closed`);
    if (this.#pending.size >= this.#options.callsMax) {
      throw new NetworkError('overloaded', `${this.#pending.size} calls of ${this.address} are under way`);
    }
    return new Promise((resolve, reject) => {
      const id = this.#calls++;
      const deadline = this.#options.process.setTimeout(() => {
        this.#pending.delete(id);
        reject(new NetworkError('timeout', `${to} did not answer ${kind} within ${deadlineMs} ms`));
      }, deadlineMs);
      this.#pending.set(id, { resolve, reject, deadline });
      this.#options.transmit({
        from: this.address,
        to,
        kind,
        message,
        isFor: (endpoint) => endpoint.isServing,
        receive: (endpoint, copy) => void endpoint.#answer(copy, { to: this, id, kind }),
      });
    });
  }

  /** Takes what has arrived, and hands it to the process as soon as that runs. */
  hold(receive: () => void): void {
    this.#held++;
    this.#options.process.deliver(() => {
      this.#held--;
      receive();
    });
  }

  /** Gives up the address. Calls that are under way never settle: there is nobody left to hear of them. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handler = undefined;
    for (const { deadline } of this.#pending.values()) this.#options.process.clearTimeout(deadline);
    this.#pending.clear();
    this.#options.detach();
  }

  async #answer(request: Uint8Array, call: { to: Endpoint; id: number; kind: string }): Promise<void> {
    const { to, id, kind } = call;
    if (this.#handler === undefined) return;
    const message = await markedReply(this.#handler, request, to.address);
    if (this.#isClosed) return;
    this.#options.transmit({
      from: this.address,
      to: to.address,
      kind: `${kind} reply`,
      message,
      isFor: (endpoint) => endpoint === to,
      receive: (_, copy) => to.#settle(id, copy, this.address),
    });
  }

  #settle(id: number, message: Uint8Array, from: string): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    this.#options.process.clearTimeout(pending.deadline);
    const reply = message.subarray(1);
    if (message[0] === replyMark.answered) pending.resolve(reply);
    else pending.reject(new NetworkError('failed', `${from} failed: ${new TextDecoder().decode(reply)}`));
  }
}

async function markedReply(handler: Handler, request: Uint8Array, from: string): Promise<Uint8Array> {
  try {
    const reply = await handler(request, from);
    assert(reply instanceof Uint8Array, 'a reply is bytes');
    return marked(replyMark.answered, reply);
  } catch (error) {
    return marked(replyMark.failed, new TextEncoder().encode(String(error)));
  }
}

function marked(mark: number, reply: Uint8Array): Uint8Array {
  const message = new Uint8Array(1 + reply.length);
  message[0] = mark;
  message.set(reply, 1);
  return message;
}
