import { answerOf, problemOf } from './answer.ts';
import { badAnswer } from './kvs-client-error.ts';
import { Patience } from './patience.ts';
import type { Requester } from './requester.ts';

export interface OpenAnswerOptions {
  readonly requester: Requester;
  readonly url: string;
  /** The path and the query. */
  readonly target: string;
  readonly init: RequestInit;
  /** What the answer must be. */
  readonly contentType: string;
  readonly signal: AbortSignal | undefined;
}

/** An answer that is read piece by piece. */
export class OpenAnswer {
  /** How long the next piece may take; it waits from the start, until it is paused. */
  readonly patience: Patience;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(patience: Patience, body: ReadableStream<Uint8Array>) {
    this.patience = patience;
    this.#reader = body.getReader();
  }

  /** Settles when the head of the answer has come, and is a success. */
  static async open(options: OpenAnswerOptions): Promise<OpenAnswer> {
    const { requester, url, target, init, contentType, signal } = options;
    const patience = new Patience(requester.timeoutMs, signal);
    try {
      const response = await patience.until(
        requester.fetch(url, target, { ...init, signal: patience.signal }),
      );
      if (response.status !== 200) throw problemOf(await answerOf(response, patience));
      const type = response.headers.get('content-type') ?? 'no type';
      if (response.body === null || !type.startsWith(contentType)) {
        throw badAnswer(`The answer is ${type}, not ${contentType}`, 200);
      }
      return new OpenAnswer(patience, response.body);
    } catch (error) {
      patience.abort();
      throw patience.reasonOf(error);
    }
  }

  /** The next piece; undefined at the end. */
  async read(): Promise<Uint8Array | undefined> {
    try {
      const { value } = await this.patience.until(this.#reader.read());
      return value;
    } catch (error) {
      throw this.patience.reasonOf(error);
    }
  }

  /** Ends the connection, unless the answer has come to its end. */
  close(): void {
    this.patience.abort();
  }
}
