import { limits } from '../../core/limits.ts';

/** Bytes that many bodies share; see `BodyReader`. */
export interface ByteBudget {
  /** False, and nothing is taken, where there is not so much left. */
  reserve(bytes: number): boolean;
  release(bytes: number): void;
}

/** What can't be taken for a line: `tooLong`, or that too much of other bodies is on its way. */
export type Unread = 'tooLong' | 'overloaded';

const newline = 0x0a;

/**
 * Cuts a stream of bytes into lines, and never keeps more than one that is not whole. What a line has is reserved in
 * the budget until `release`, which whoever takes the line calls with its length.
 */
export class LineSplitter {
  readonly #lineBytesMax: number;
  readonly #budget: ByteBudget;
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** Why the rest of the present line is dropped. */
  #unread: Unread | undefined;

  constructor(maxValueBytes: number, budget: ByteBudget) {
    // A value takes the most room in Base64.
    this.#lineBytesMax = Math.ceil(maxValueBytes / 3) * 4 + limits.batchLineSlackBytesMax;
    this.#budget = budget;
  }

  /** The lines that end in these bytes, without their ends; they may be a part of `chunk`. */
  *split(chunk: Buffer): Generator<Buffer | Unread> {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      this.#add(chunk, from, end);
      yield this.#take();
      from = end + 1;
    }
    // It may wait for its rest for long, and must not keep all that came with it.
    if (from < chunk.length) this.#add(Buffer.from(chunk.subarray(from)), 0, chunk.length - from);
  }

  /** What stands after the last end of a line; undefined when there is nothing. */
  rest(): Buffer | Unread | undefined {
    return this.#bytes === 0 && this.#unread === undefined ? undefined : this.#take();
  }

  /** Gives back what the line that is not whole has reserved. */
  drop(): void {
    this.#refuse(undefined);
  }

  #add(chunk: Buffer, from: number, to: number): void {
    const bytes = to - from;
    if (this.#unread !== undefined || bytes === 0) return;
    if (this.#bytes + bytes > this.#lineBytesMax) this.#refuse('tooLong');
    else if (!this.#budget.reserve(bytes)) this.#refuse('overloaded');
    else {
      this.#pieces.push(chunk.subarray(from, to));
      this.#bytes += bytes;
    }
  }

  #refuse(unread: Unread | undefined): void {
    this.#budget.release(this.#bytes);
    this.#pieces = [];
    this.#bytes = 0;
    this.#unread = unread;
  }

  #take(): Buffer | Unread {
    const unread = this.#unread;
    const [first = Buffer.alloc(0)] = this.#pieces;
    const line = this.#pieces.length > 1 ? Buffer.concat(this.#pieces) : first;
    this.#pieces = [];
    this.#bytes = 0;
    this.#unread = undefined;
    return unread ?? line;
  }
}
