import { open } from 'node:fs/promises';
import type { BatchResult, Operation } from '../../client/types.ts';
import { defineCommand, type Context } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandError, failureOf, UsageError } from '../failure.ts';
import { operationIn } from '../import-line.ts';
import { linesOf } from '../line-reader.ts';
import { wholeNumber } from '../whole-number.ts';

export const importCommand = defineCommand({
  name: 'import',
  summary: 'Write what kvs export wrote, in batches',
  words: [{ name: 'FILE|-', isOptional: true, completes: 'file' }],
  options: {
    'from-line': { type: 'string', value: 'NUMBER', summary: 'Leave out the lines before this one' },
  },
  details: `Each line is a JSON object with path, and value (JSON) or value_base64; content_type, and expires_at (ms since the
epoch) or ttl (seconds) if wanted. What has expired by now is left out. Values get new versions and replace what is there.
A line that is wrong is told of, and the others are written; the exit code is 1 then. When the node goes away, or takes
no more writes, or at SIGINT, it says from which line to go on: what came before is kept.`,
  examples: [
    'kvs import everything.ndjson',
    'kvs import everything.ndjson --from-line 120001',
    'gunzip -c users.ndjson.gz | kvs import -',
    'kvs export --url http://a:8080 | kvs import --url http://b:8080',
  ],
  async run(context, [file = '-'], options) {
    const run = new Import(context, file, wholeNumber('--from-line', options['from-line']) ?? 1);
    return (await run.finish()) ? exitCodes.ok : exitCodes.failed;
  },
});

/** So many lines that failed are told of; the others are counted. */
const toldMax = 20;
/** Between two looks at how far it is, ms. */
const progressMs = 200;

class Import {
  readonly #context: Context;
  readonly #file: string;
  readonly #firstLine: number;
  /** Lines whose results are still to come, by the number of their operation. */
  readonly #waiting = new Map<number, number>();
  #sent = 0;
  #stored = 0;
  #expired = 0;
  #failed = 0;
  /** The last line that was read. */
  #line = 0;
  #shownAt = 0;
  readonly #startedAt = performance.now();

  constructor(context: Context, file: string, firstLine: number) {
    this.#context = context;
    this.#file = file;
    this.#firstLine = firstLine;
  }

  /** True when every line is stored, or has expired. */
  async finish(): Promise<boolean> {
    const { client, output, isJson, signal } = this.#context;
    const chunks = await this.#open();
    try {
      for await (const result of client.batch(this.#operations(chunks), { signal })) this.#take(result);
    } catch (error) {
      throw this.#broken(error);
    }
    const [stored, expired, failed] = [this.#stored, this.#expired, this.#failed];
    if (isJson) await output.json({ stored, expired, failed });
    else {
      const more = [
        ...(expired > 0 ? [`${expired} had expired`] : []),
        ...(failed > 0 ? [`${failed} failed`] : []),
      ];
      await output.line([`${stored} stored`, ...more].join(', '));
    }
    return failed === 0;
  }

  async #open(): Promise<AsyncIterable<Buffer>> {
    if (this.#file !== '-') return (await open(this.#file)).createReadStream();
    if (process.stdin.isTTY)
      throw new UsageError('FILE is missing', { hint: 'kvs import --help tells more' });
    return process.stdin;
  }

  async *#operations(chunks: AsyncIterable<Buffer>): AsyncGenerator<Operation, void, undefined> {
    for await (const { number, text } of linesOf(chunks)) {
      this.#line = number;
      if (number < this.#firstLine || text?.trim() === '') continue;
      const operation = this.#read(number, text);
      if (operation === undefined) continue;
      this.#waiting.set(++this.#sent, number);
      yield operation;
    }
  }

  #read(number: number, text: string | undefined): Operation | undefined {
    if (text === undefined) {
      this.#refuse(number, 'KVS_BAD_LINE', 'it is too long, or not UTF-8');
      return undefined;
    }
    try {
      const operation = operationIn(text, Date.now());
      if (operation === undefined) this.#expired++;
      return operation;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#refuse(number, error.code, error.message);
      return undefined;
    }
  }

  #take({ line, status, code = 'KVS_FAILED', detail = `The node answered ${status}` }: BatchResult): void {
    const number = this.#waiting.get(line) ?? 0;
    // The line is as good as any: the node is not.
    if (status >= 500 || status === 403 || status === 408) {
      throw new CommandError(code, `line ${number}: ${detail}`);
    }
    this.#waiting.delete(line);
    if (status < 300) this.#stored++;
    else this.#refuse(number, code, detail);
    this.#showProgress();
  }

  #refuse(number: number, code: string, detail: string): void {
    const { output, isJson } = this.#context;
    this.#failed++;
    if (this.#failed > toldMax) return;
    output.note(
      isJson ? JSON.stringify({ line: number, code, detail }) : `kvs: line ${number}: ${code}: ${detail}`,
    );
    if (this.#failed === toldMax && !isJson) output.note('kvs: further lines that fail are only counted');
  }

  #showProgress(): void {
    const now = performance.now();
    if (now - this.#shownAt < progressMs) return;
    this.#shownAt = now;
    const rate = Math.round(this.#stored / ((now - this.#startedAt) / 1_000));
    this.#context.output.progress(`${this.#stored} stored, ${this.#failed} failed, ${rate}/s`);
  }

  /** What ended it, with how to go on. */
  #broken(cause: unknown): unknown {
    const { output, signal } = this.#context;
    if (this.#line === 0) return cause;
    const hint = this.#advice();
    // Of an interruption nothing else is told.
    if (signal.aborted) output.note(`kvs: ${hint}`);
    const { code, detail } = failureOf(cause);
    return new CommandError(code, detail, { hint, cause });
  }

  /** Results come in the order of the lines, so what comes before the first one without a result is done. */
  #advice(): string {
    const [next = this.#line + 1] = this.#waiting.values();
    const file = this.#file === '-' ? 'FILE' : this.#file;
    return `${this.#stored} stored; go on with: kvs import ${file} --from-line ${next}`;
  }
}
