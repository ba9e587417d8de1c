import { isUtf8 } from 'node:buffer';
import { limits } from '../core/limits.ts';

/** A line of a file, counted from 1. */
export interface Line {
  readonly number: number;
  /** Undefined: it is not UTF-8, or longer than any that a node takes. */
  readonly text: string | undefined;
}

/** The longest line: the largest value that there can be, in Base64, and what stands beside it; bytes. */
const lineBytesMax = Math.ceil(limits.valueBytesCeiling / 3) * 4 + limits.batchLineSlackBytesMax;
const newline = 0x0a;

/** Cuts a stream into lines; of one that is too long nothing is kept. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Line, void, undefined> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  let number = 0;
  const take = (): Line => {
    const line = bytes > lineBytesMax ? undefined : Buffer.concat(pieces);
    pieces = [];
    bytes = 0;
    return { number: ++number, text: line !== undefined && isUtf8(line) ? line.toString() : undefined };
  };
  const add = (piece: Buffer): void => {
    bytes += piece.length;
    if (bytes > lineBytesMax) pieces = [];
    else pieces.push(piece);
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      add(chunk.subarray(from, end));
      yield take();
      from = end + 1;
    }
    if (from < chunk.length) add(chunk.subarray(from));
  }
  if (bytes > 0) yield take();
}
