import { styleText } from 'node:util';
import { oneLine } from '../core/one-line.ts';

/** Whoever read the output is gone: there is nobody to go on for. */
export class ReaderGone extends Error {}

/** Text of a terminal: `green`, `dim` and so on, and what is to look like that. */
export type Styled = readonly [style: Parameters<typeof styleText>[0], text: string];
export type Cell = string | Styled;

/** A standard stream, as far as it is used. */
interface Stream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  /** Of a terminal; it looks at `NO_COLOR` and `TERM` too. */
  hasColors?(): boolean;
}

export interface OutputOptions {
  readonly stdout: Stream;
  readonly stderr: Stream;
}

/** Lines are written together from this length on, characters; what is shorter when nothing else is left to do. */
const gatheredLength = 16_384;

const newline = 0x0a;

/** What a command writes: what it was asked for on standard output, everything about it on standard error. */
export class Output {
  readonly #stdout: Stream;
  readonly #stderr: Stream;
  readonly #hasColours: boolean;
  #gathered = '';
  #flushing: NodeJS.Immediate | undefined;
  /** Settles when all that was written has gone, or failed to. */
  #sent = Promise.resolve();
  /** True while a line of progress stands on the terminal. */
  #isProgressShown = false;
  #failure: Error | undefined;

  constructor({ stdout, stderr }: OutputOptions) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#hasColours = stdout.hasColors?.() === true;
    stdout.on('error', (error: NodeJS.ErrnoException) => {
      this.#failure ??= error.code === 'EPIPE' ? new ReaderGone() : error;
    });
    // There is nobody left to tell.
    stderr.on('error', () => undefined);
  }

  /**
   * Writes as it is, and waits while the reader has enough.
   *
   * @throws ReaderGone when nobody reads any more; the error of the stream when it fails otherwise
   */
  async write(data: string | Uint8Array): Promise<void> {
    await this.flush();
    await this.#send(data);
  }

  /** Writes a value as it is; on a terminal the prompt after it begins a line of its own. Throws as `write`. */
  async value(bytes: Uint8Array): Promise<void> {
    await this.write(bytes);
    if (this.#stdout.isTTY === true && bytes.at(-1) !== newline) await this.write('\n');
  }

  /** Writes text on a line of its own. Whatever would leave the line or steer a terminal is escaped. Throws as `write`. */
  async line(...cells: readonly Cell[]): Promise<void> {
    await this.#gather(`${cells.map((cell) => this.#shown(cell)).join('  ')}\n`);
  }

  /** Writes a value as a line of JSON. Throws as `write`. */
  async json(value: unknown): Promise<void> {
    await this.jsonText(JSON.stringify(value));
  }

  /** Writes a JSON text as a line; a line end in it, which stands between its tokens only, becomes a space. */
  async jsonText(text: string): Promise<void> {
    await this.#gather(`${text.replaceAll(/[\r\n]/g, ' ')}\n`);
  }

  /** Writes rows below the names of their columns, all as wide as they need. Throws as `write`. */
  async table(names: readonly string[], rows: readonly (readonly Cell[])[]): Promise<void> {
    const all = [names.map((name): Cell => ['bold', name]), ...rows];
    const widths = names.map((_, column) => Math.max(...all.map((row) => textOf(row[column] ?? '').length)));
    for (const row of all) {
      const last = row.length - 1;
      await this.line(
        ...row.map((cell, column) => (column === last ? cell : padded(cell, widths[column] ?? 0))),
      );
    }
  }

  /** Waits until everything is with the reader. Throws as `write`. */
  async flush(): Promise<void> {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    const text = this.#gathered;
    this.#gathered = '';
    await this.#send(text);
  }

  /** Waits until all notes are with whoever reads them: a process that ends takes with it what still waits. */
  async flushNotes(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#stderr.write('', () => resolve());
    });
  }

  /** A line on standard error. */
  note(text: string): void {
    this.#clearProgress();
    this.#stderr.write(`${oneLine(text)}\n`);
  }

  /** Shows how far it is, in the place of what was shown before; only where standard error is a terminal. */
  progress(text: string): void {
    if (this.#stderr.isTTY !== true) return;
    this.#stderr.write(`\r\u001B[K${oneLine(text)}`);
    this.#isProgressShown = true;
  }

  async #gather(text: string): Promise<void> {
    this.#throwFailure();
    this.#gathered += text;
    if (this.#gathered.length >= gatheredLength) await this.flush();
    // A failure is thrown to whoever writes next.
    else this.#flushing ??= setImmediate(() => void this.flush().catch(() => undefined));
  }

  async #send(data: string | Uint8Array): Promise<void> {
    this.#throwFailure();
    if (data.length > 0) {
      this.#clearProgress();
      this.#sent = new Promise<void>((resolve) => {
        this.#stdout.write(data, () => resolve());
      });
    }
    await this.#sent;
    this.#throwFailure();
  }

  #shown(cell: Cell): string {
    const text = oneLine(textOf(cell));
    return typeof cell === 'string' || !this.#hasColours ? text : styleText(cell[0], text);
  }

  #clearProgress(): void {
    if (!this.#isProgressShown) return;
    this.#isProgressShown = false;
    this.#stderr.write('\r\u001B[K');
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell[1];
}

function padded(cell: Cell, width: number): Cell {
  return typeof cell === 'string' ? cell.padEnd(width) : [cell[0], cell[1].padEnd(width)];
}
