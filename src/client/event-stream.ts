import { EventParser, type ServerEvent } from './event-parser.ts';
import { KvsClientError } from './kvs-client-error.ts';
import { OpenAnswer } from './open-answer.ts';
import type { Requester } from './requester.ts';

export interface EventStreamOptions {
  readonly requester: Requester;
  readonly url: string;
  /** The path and the query. */
  readonly target: string;
  readonly lastId: string | undefined;
  /** After so long without anything the connection is taken for dead, ms. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
}

/** One connection over which server-sent events come. It is read only when the next event is asked for. */
export class EventStream {
  readonly #answer: OpenAnswer;
  readonly #parser = new EventParser();
  readonly #decoder = new TextDecoder();
  #waiting: ServerEvent[] = [];
  #startId: string | undefined;

  private constructor(answer: OpenAnswer) {
    this.#answer = answer;
  }

  /** Settles when the node has begun to tell. */
  static async open(options: EventStreamOptions): Promise<EventStream> {
    const { requester, url, target, lastId, silenceMs, signal } = options;
    const headers = {
      Accept: 'text/event-stream',
      ...(lastId !== undefined && { 'Last-Event-ID': lastId }),
    };
    const contentType = 'text/event-stream';
    const answer = await OpenAnswer.open({ requester, url, target, init: { headers }, contentType, signal });
    const stream = new EventStream(answer);
    try {
      await stream.#begin();
    } catch (error) {
      stream.close();
      throw error;
    }
    answer.patience.ms = silenceMs;
    return stream;
  }

  /** Behind which id its events come, where the node said so first. */
  get startId(): string | undefined {
    return this.#startId;
  }

  /** The next event; one without data only has an id. Fails when the connection is over. */
  async next(): Promise<ServerEvent> {
    for (;;) {
      const event = this.#waiting.shift();
      if (event !== undefined) return event;
      const piece = await this.#read();
      this.#waiting = this.#parser.push(this.#decoder.decode(piece, { stream: true }));
    }
  }

  close(): void {
    this.#answer.close();
  }

  async #begin(): Promise<void> {
    const first = await this.next();
    if (first.data === '') this.#startId = first.id;
    else this.#waiting.unshift(first);
  }

  async #read(): Promise<Uint8Array> {
    const { patience } = this.#answer;
    patience.renew();
    try {
      const piece = await this.#answer.read();
      if (piece !== undefined) return piece;
    } finally {
      patience.pause();
    }
    throw new KvsClientError({ code: 'KVS_UNREACHABLE', detail: 'The node ended the stream' });
  }
}
