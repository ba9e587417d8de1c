import { answerOf, problemOf } from './answer.ts';
import { EventParser, type ServerEvent } from './event-parser.ts';
import { badAnswer, KvsClientError } from './kvs-client-error.ts';
import { Patience } from './patience.ts';
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

type ByteReader = ReadableStreamDefaultReader<Uint8Array>;

/** One connection over which server-sent events come. It is read only when the next event is asked for. */
export class EventStream {
  /** Behind which id its events come, where the node said so first. */
  startId: string | undefined;
  readonly #reader: ByteReader;
  readonly #patience: Patience;
  readonly #parser = new EventParser();
  readonly #decoder = new TextDecoder();
  #waiting: ServerEvent[] = [];

  private constructor(reader: ByteReader, patience: Patience) {
    this.#reader = reader;
    this.#patience = patience;
  }

  /** Settles when the node has begun to tell. */
  static async open(options: EventStreamOptions): Promise<EventStream> {
    const { requester, url, target, lastId, silenceMs, signal } = options;
    const patience = new Patience(requester.timeoutMs, signal);
    try {
      const response = await requester.fetch(url, target, {
        headers: {
          Accept: 'text/event-stream',
          ...(lastId === undefined ? {} : { 'Last-Event-ID': lastId }),
        },
        signal: patience.signal,
      });
      if (response.status !== 200) throw problemOf(await answerOf(response, () => patience.renew()));
      const contentType = response.headers.get('content-type') ?? 'no type';
      if (response.body === null || !contentType.startsWith('text/event-stream')) {
        throw badAnswer(`A watch was answered with ${contentType}`, 200);
      }
      const stream = new EventStream(response.body.getReader(), patience);
      await stream.#begin();
      patience.ms = silenceMs;
      return stream;
    } catch (error) {
      patience.abort();
      throw patience.reasonOf(error);
    }
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
    this.#patience.abort();
  }

  async #begin(): Promise<void> {
    const first = await this.next();
    if (first.data === '') this.startId = first.id;
    else this.#waiting.unshift(first);
  }

  async #read(): Promise<Uint8Array> {
    this.#patience.renew();
    try {
      const { done, value } = await this.#reader.read();
      if (!done) return value;
    } catch (error) {
      throw this.#patience.reasonOf(error);
    } finally {
      this.#patience.pause();
    }
    throw new KvsClientError({ code: 'KVS_UNREACHABLE', detail: 'The node ended the stream' });
  }
}
