import { KvsClientError } from './kvs-client-error.ts';
import { LineSplitter } from './line-splitter.ts';
import type { OpenAnswer } from './open-answer.ts';
import type { SentOperations } from './sent-operations.ts';
import type { BatchResult } from './types.ts';

/** The answer to a batch, which comes while operations are sent. */
export class BatchAnswer {
  readonly #answer: OpenAnswer;
  readonly #sent: SentOperations;
  #isRead = false;

  constructor(answer: OpenAnswer, sent: SentOperations) {
    this.#answer = answer;
    this.#sent = sent;
    answer.patience.pause();
  }

  /** To be called when something went out: what the node is to say must come in time, if anybody waits for it. */
  watchOver(): void {
    if (this.#isRead && this.#sent.isAwaited) this.#answer.patience.renew();
    else this.#answer.patience.pause();
  }

  /** Ends when the answer ends and every operation that was sent has its result. */
  async *results(): AsyncGenerator<BatchResult, void, undefined> {
    const lines = new LineSplitter();
    const decoder = new TextDecoder();
    try {
      for (let piece = await this.#read(); piece !== undefined; piece = await this.#read()) {
        for (const line of lines.push(decoder.decode(piece, { stream: true }))) {
          yield this.#sent.resultOf(line);
        }
      }
    } finally {
      this.#answer.close();
    }
    if (this.#sent.size > 0) throw this.failure();
  }

  /** Why the answer is over too early. */
  failure(cause?: unknown): KvsClientError {
    const detail = 'The node ended the answer too early';
    return this.#sent.failure(cause ?? new KvsClientError({ code: 'KVS_UNREACHABLE', detail }));
  }

  async #read(): Promise<Uint8Array | undefined> {
    this.#isRead = true;
    this.watchOver();
    try {
      return await this.#answer.read();
    } catch (error) {
      throw this.failure(error);
    } finally {
      this.#isRead = false;
      this.watchOver();
    }
  }
}
