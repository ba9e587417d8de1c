import type { OperationBuffer } from './operation-buffer.ts';
import { SentOperations } from './sent-operations.ts';

/** A node waits 30 s for the next line, unless it is configured otherwise: so often it is told that more will come, ms. */
const idleMs = 1_000;
/** Operations that were sent and have no result. While there are so many, no more are sent. */
const sentOperationsMax = 8_192;
/** Bytes that go out at one time: of a longer piece nobody would see that it gets on. */
const pieceBytes = 65_536;

const encoder = new TextEncoder();
const blankLine = encoder.encode('\n');

/** The body of a request that is a batch. It begins with a blank line, and waits until it is released for the rest. */
export class OperationStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly sent = new SentOperations();
  readonly #buffer: OperationBuffer;
  readonly #released: Promise<void>;
  #release: () => void = () => undefined;
  #onSent: () => void = () => undefined;
  #pieces: Uint8Array[] = [blankLine];

  constructor(buffer: OperationBuffer) {
    this.#buffer = buffer;
    this.#released = new Promise((resolve) => (this.#release = resolve));
    this.sent.addBlank();
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      const piece = await this.#next();
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    };
    this.readable = new ReadableStream({ pull }, { highWaterMark: 0 });
  }

  /** The node takes the batch. `onSent` is called when something goes out. */
  release(onSent: () => void): void {
    this.#onSent = onSent;
    this.#release();
  }

  /** What goes out next; undefined at the end. */
  async #next(): Promise<Uint8Array | undefined> {
    if (this.#pieces.length === 0) await this.#refill();
    const piece = this.#pieces.shift();
    this.#onSent();
    return piece;
  }

  async #refill(): Promise<void> {
    await this.#released;
    await this.sent.fewerThan(sentOperationsMax);
    const lines = await this.#buffer.take(idleMs);
    if (lines === undefined) {
      this.sent.complete();
      return;
    }
    if (lines.length === 0) {
      this.sent.addBlank();
      this.#pieces.push(blankLine);
      return;
    }
    for (const line of lines) this.sent.add(line);
    const bytes = encoder.encode(lines.map(({ text }) => text).join(''));
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      this.#pieces.push(bytes.subarray(at, at + pieceBytes));
    }
  }
}
