import { failureOf } from './failure.ts';
import { fieldsOf, number, optional, parseJson, text, valueOf } from './fields.ts';
import { badAnswer, KvsClientError } from './kvs-client-error.ts';
import type { NumberedLine } from './operation-buffer.ts';
import type { BatchResult } from './types.ts';

/** The operations of one request that have no result yet. */
export class SentOperations {
  /** By their number in the request, in its order. */
  readonly #waiting = new Map<number, NumberedLine>();
  #linesSent = 0;
  #isComplete = false;
  #onResult: () => void = () => undefined;

  /** Without a result. */
  get size(): number {
    return this.#waiting.size;
  }

  /** True when the node is to say something: results, or that the answer is over. */
  get isAwaited(): boolean {
    return this.#isComplete || this.#waiting.size > 0;
  }

  /** No more will be sent. */
  complete(): void {
    this.#isComplete = true;
  }

  /** Settles when there are fewer than `max`. */
  async fewerThan(max: number): Promise<void> {
    while (this.#waiting.size >= max) await new Promise<void>((resolve) => (this.#onResult = resolve));
  }

  add(line: NumberedLine): void {
    this.#waiting.set(++this.#linesSent, line);
  }

  /** A blank line was sent: it is counted, and has no result. */
  addBlank(): void {
    this.#linesSent++;
  }

  /**
   * The result that a line of the answer tells.
   *
   * @throws KvsClientError when it is that of no operation: then the node tells why it reads no further
   */
  resultOf(line: string): BatchResult {
    const fields = fieldsOf(parseJson(line));
    const sentAs = number(fields, 'line');
    const status = number(fields, 'status');
    const sent = this.#waiting.get(sentAs);
    const failure = {
      ...optional(fields, 'code', text, 'code'),
      ...optional(fields, 'detail', text, 'detail'),
    };
    if (sent === undefined) {
      const { code, detail = '' } = failure;
      if (code === undefined) throw badAnswer('The answer has a result for a line that was not sent', 200);
      throw new KvsClientError({ code, status, detail });
    }
    this.#waiting.delete(sentAs);
    this.#onResult();
    return {
      line: sent.line,
      path: sent.path,
      status,
      ...optional(fields, 'uuid', text, 'uuid'),
      ...optional(fields, 'timestamp', number, 'timestamp'),
      ...optional(fields, 'expires_at', number, 'expiresAt'),
      ...optional(fields, 'content_type', text, 'contentType'),
      ...valueOf(fields),
      ...failure,
    };
  }

  /** Why the request is over before all operations have their results. */
  failure(cause: unknown): KvsClientError {
    const { error } = failureOf(cause);
    const [first] = this.#waiting.values();
    const rest =
      first === undefined
        ? ''
        : `; ${this.#waiting.size} operations, from line ${first.line} on, have no result, and each may have been carried out`;
    const { code, status, detail } = error;
    return new KvsClientError({ code, status, detail: `${detail}${rest}`, cause });
  }
}
