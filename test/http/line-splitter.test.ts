import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { LineSplitter, type Unread } from '../../src/http/batch/line-splitter.ts';
import type { Line } from '../../src/http/batch/line.ts';

const newline = Buffer.from('\n');
const maxValueBytes = 300;
/** What a value takes in Base64, and what a line may have beside it. */
const lineBytesMax = 400 + limits.batchLineSlackBytesMax;

/** Lines of all kinds; those in ASCII are the most, as one that is not decides how the rest of its chunk is read. */
const lines = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 40 }).map((text) => Buffer.from(text)),
    },
    fc.constantFrom('', ' ', '\t\r', '{"op":"get","path":"a"}\r').map((text) => Buffer.from(text)),
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => Buffer.from(text.replaceAll('\n', ''))),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x0a))),
    fc.constantFrom(lineBytesMax, lineBytesMax + 1).map((length) => Buffer.alloc(length, 'x')),
  ),
  { maxLength: 12 },
);

/** Has so many bytes to give, or refuses the reservations of these numbers. */
class Budget {
  taken = 0;
  #asked = 0;
  readonly #refused: ReadonlySet<number>;

  constructor(refused: Iterable<number> = []) {
    this.#refused = new Set(refused);
  }

  reserve(bytes: number): boolean {
    if (this.#refused.has(this.#asked++)) return false;
    this.taken += bytes;
    return true;
  }

  release(bytes: number): void {
    this.taken -= bytes;
  }
}

describe('The lines of a stream', () => {
  it('are the same wherever the stream was cut into chunks', () => {
    fc.assert(
      fc.property(lines, fc.boolean(), fc.array(fc.nat(), { maxLength: 8 }), (all, isEnded, cuts) => {
        const budget = new Budget();
        const found = textsOf(new LineSplitter(maxValueBytes, budget), budget, chunksOf(all, isEnded, cuts));
        const last = all.at(-1);
        // What comes after the last end of a line is one only if it is there.
        const expected = isEnded || last === undefined || last.length > 0 ? all : all.slice(0, -1);
        expect(found).toEqual(expected.map(expectedOf));
        expect(budget.taken).toBe(0);
      }),
      { numRuns: 1_000 },
    );
  });

  it('leave nothing of the budget taken, whatever it refuses and wherever the stream breaks off', () => {
    const seen = new Set<unknown>();
    fc.assert(
      fc.property(lines, fc.array(fc.nat(30)), fc.array(fc.nat(), { maxLength: 8 }), (all, refused, cuts) => {
        const budget = new Budget(refused);
        const splitter = new LineSplitter(maxValueBytes, budget);
        for (const chunk of chunksOf(all, false, cuts)) {
          splitter.push(chunk);
          for (let line = splitter.next(); line !== undefined; line = splitter.next()) {
            if (typeof line !== 'string') budget.release(line.length);
            else seen.add(line);
          }
        }
        splitter.drop();
        expect(budget.taken).toBe(0);
        expect(splitter.rest()).toBeUndefined();
      }),
    );
    expect(seen).toEqual(new Set<Unread>(['tooLong', 'notUtf8', 'overloaded']));
  });
});

function chunksOf(all: readonly Buffer[], isEnded: boolean, cuts: readonly number[]): Buffer[] {
  const ends = all.map((_, index) => (isEnded || index < all.length - 1 ? newline : Buffer.alloc(0)));
  const stream = Buffer.concat(all.flatMap((line, index) => [line, ends[index] ?? newline]));
  const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length].toSorted(
    (a, b) => a - b,
  );
  return places.slice(1).map((place, index) => Buffer.from(stream.subarray(places[index], place)));
}

function textsOf(splitter: LineSplitter, budget: Budget, chunks: readonly Buffer[]): string[] {
  const found: string[] = [];
  const take = (line: Line | Unread) => {
    found.push(typeof line === 'string' ? `(${line})` : textOf(line));
    if (typeof line !== 'string') budget.release(line.length);
  };
  for (const chunk of chunks) {
    splitter.push(chunk);
    for (let line = splitter.next(); line !== undefined; line = splitter.next()) take(line);
    // The next one comes into the same memory.
    chunk.fill('#');
  }
  const rest = splitter.rest();
  if (rest !== undefined) take(rest);
  return found;
}

/** As text; where it has its bytes as well, they must be the same. */
function textOf({ text, from, to, ascii, length }: Line): string {
  const line = text.slice(from, to);
  expect(length).toBe(Buffer.byteLength(line));
  if (ascii !== undefined) expect(ascii.toString('latin1', from, to)).toBe(line);
  return line;
}

function expectedOf(line: Buffer): string {
  if (line.length > lineBytesMax) return '(tooLong)';
  const text = line.toString();
  return Buffer.from(text).equals(line) ? text : '(notUtf8)';
}
