import { badAnswer } from './kvs-client-error.ts';

/** The longest line that is read, characters: the largest value that a node may take, in Base64, and more. */
const lineCharsMax = 128 * 1_024 * 1_024;

/** Cuts text into lines, however it arrives. A line ends with a line feed, and may have a carriage return before it. */
export class LineSplitter {
  #pieces: string[] = [];
  #length = 0;

  /**
   * The lines that this piece completes, without their ends.
   *
   * @throws KvsClientError KVS_BAD_ANSWER when one has no end
   */
  push(piece: string): string[] {
    const lines = piece.split('\n');
    const last = lines.pop() ?? '';
    const [first] = lines;
    if (first !== undefined) {
      lines[0] = [...this.#pieces, first].join('');
      this.#pieces = [];
      this.#length = 0;
    }
    this.#pieces.push(last);
    this.#length += last.length;
    if (this.#length > lineCharsMax) throw badAnswer('A line of the answer has no end', 200);
    return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  }

  /** What has come of a line without an end. */
  rest(): string {
    return this.#pieces.join('');
  }
}
