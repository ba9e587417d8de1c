import { limits } from '../../core/limits.ts';
import { asciiText, lineOf, type Line } from './line.ts';

/** Bytes that many bodies share; see `BodyReader`. */
export interface ByteBudget {
  /** False, and nothing is taken, where there is not so much left. */
  reserve(bytes: number): boolean;
  release(bytes: number): void;
}

/** What can't be taken for a line: `tooLong`, `notUtf8`, or that too much of other bodies is on its way. */
export type Unread = 'tooLong' | 'notUtf8' | 'overloaded';

const newline = 0x0a;
const nothing = Buffer.alloc(0);

/**
 * Cuts a stream of bytes into lines, and never keeps more than one that is not whole. What a line has is reserved in
 * the budget until `release`, which whoever takes the line calls with its length.
 */
export class LineSplitter {
  readonly #lineBytesMax: number;
  readonly #budget: ByteBudget;
  #chunk: Buffer = nothing;
  /** The same as text, decoded at one time for all of its lines; undefined where it has others than ASCII. */
  #text: string | undefined;
  /** What of it is taken. */
  #at = 0;
  /** Of the present line, before the chunk. */
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** Why the rest of the present line is dropped. */
  #unread: Unread | undefined;

  constructor(maxValueBytes: number, budget: ByteBudget) {
    // A value takes the most room in Base64.
    this.#lineBytesMax = Math.ceil(maxValueBytes / 3) * 4 + limits.batchLineSlackBytesMax;
    this.#budget = budget;
  }

  /** To be called with what came, once `next` has given undefined. */
  push(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#text = asciiText(chunk);
    this.#at = 0;
  }

  /** The next line that is whole, without its end. */
  next(): Line | Unread | undefined {
    const from = this.#at;
    const to = this.#chunk.indexOf(newline, from);
    if (to < 0) {
      this.#keepRest();
      return undefined;
    }
    this.#at = to + 1;
    this.#reserve(to - from);
    const text = this.#text;
    const isWhole = this.#unread === undefined && this.#pieces.length === 0;
    if (isWhole && text !== undefined) {
      this.#bytes = 0;
      return { length: to - from, text, from, to, ascii: this.#chunk };
    }
    if (this.#unread === undefined) this.#pieces.push(this.#chunk.subarray(from, to));
    return this.#take();
  }

  /** What stands after the last end of a line; undefined when there is nothing. */
  rest(): Line | Unread | undefined {
    return this.#bytes === 0 && this.#unread === undefined ? undefined : this.#take();
  }

  /** Gives back what the line that is not whole has reserved. */
  drop(): void {
    this.#refuse(undefined);
  }

  /** It may wait for what is missing for long, and must not keep all that came with it. */
  #keepRest(): void {
    const rest = this.#chunk.subarray(this.#at);
    this.#chunk = nothing;
    this.#text = undefined;
    this.#at = 0;
    this.#reserve(rest.length);
    if (this.#unread === undefined && rest.length > 0) this.#pieces.push(Buffer.from(rest));
  }

  #reserve(bytes: number): void {
    if (this.#unread !== undefined) return;
    if (this.#bytes + bytes > this.#lineBytesMax) this.#refuse('tooLong');
    else if (!this.#budget.reserve(bytes)) this.#refuse('overloaded');
    else this.#bytes += bytes;
  }

  #refuse(unread: Unread | undefined): void {
    this.#budget.release(this.#bytes);
    this.#pieces = [];
    this.#bytes = 0;
    this.#unread = unread;
  }

  #take(): Line | Unread {
    const unread = this.#unread;
    const [first = nothing] = this.#pieces;
    const bytes = this.#pieces.length > 1 ? Buffer.concat(this.#pieces) : first;
    const line = unread === undefined ? lineOf(bytes) : undefined;
    if (line === undefined) this.#refuse(undefined);
    this.#pieces = [];
    this.#bytes = 0;
    this.#unread = undefined;
    return line ?? unread ?? 'notUtf8';
  }
}
