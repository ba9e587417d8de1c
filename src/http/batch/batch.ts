import { KvsError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { WriteResult } from '../../core/ports.ts';
import type { Version } from '../../core/version.ts';
import type { HttpDeps } from '../context.ts';
import { assertTakesWrites } from '../writable.ts';
import { BatchGroup, type Step } from './batch-group.ts';
import type { BatchIntake } from './batch-intake.ts';
import { parseLine, type BatchRequest } from './batch-line.ts';
import { LineSplitter, type ByteBudget, type Unread } from './line-splitter.ts';
import type { Line } from './line.ts';
import { addWriteLine, failureLine, readLine } from './batch-result.ts';

export type BatchDeps = Pick<
  HttpDeps,
  'store' | 'status' | 'clock' | 'logger' | 'maxValueBytes' | 'requestTimeoutMs'
>;

const space = 0x20;
const tab = 0x09;
const carriageReturn = 0x0d;

/** A line of the answer of so many characters is not kept until the next ones are made. */
const longLineMin = 65_536;

/** What was read, and when: it may have expired since. */
interface ReadResult {
  readonly outcome: 'read';
  readonly version: Version | undefined;
  readonly nowMs: number;
}

/** What came of a line, or why nothing came of it; undefined: nobody is there to know. */
type Result = WriteResult | ReadResult | KvsError | undefined;

/** Where the results go. */
export interface ResultSink {
  /** False once nobody is there any more. */
  readonly isOpen: boolean;
  /** Settles when there is room for more, or nobody is there any more. */
  write(text: string): Promise<void>;
}

/**
 * Carries out the lines of one request while they come, and sends their results in the same order.
 *
 * Lines gather in a group. It is carried out when it is full, or when nothing else is under way: a client that waits for
 * each result gets it at once, and one that sends as fast as it can has many lines in one commit. A group is done when
 * its results are sent. Only so many are under way, and until one is done the request is not read.
 */
export class Batch {
  readonly #deps: BatchDeps;
  readonly #budget: ByteBudget;
  readonly #sink: ResultSink;
  readonly #splitter: LineSplitter;
  #lines = 0;
  #gathering: BatchGroup;
  readonly #running = new Set<BatchGroup>();
  /** Settles when the results of all groups that were started are sent. */
  #sent: Promise<void> = Promise.resolve();
  #whenDone: (() => void) | undefined;

  constructor(deps: BatchDeps, budget: ByteBudget, sink: ResultSink) {
    this.#deps = deps;
    this.#budget = budget;
    this.#sink = sink;
    this.#splitter = new LineSplitter(deps.maxValueBytes, budget);
    this.#gathering = new BatchGroup(deps.maxValueBytes);
  }

  /** Settles when every line that came has its result, or its client is gone and the store is done with them. */
  async run(intake: BatchIntake): Promise<void> {
    try {
      for (let chunk = await intake.next(); chunk !== undefined; chunk = await intake.next()) {
        this.#splitter.push(chunk);
        for (let line = this.#splitter.next(); line !== undefined; line = this.#splitter.next()) {
          intake.startLine();
          this.#gather(line);
          while (this.#gathering.isFull) await this.#startWhenPossible();
        }
        this.#startIfIdle();
      }
      this.#finish(intake);
      while (this.#gathering.requests.length > 0) await this.#startWhenPossible();
    } finally {
      this.#splitter.drop();
      await this.#sent;
    }
  }

  /** The last line needs no end; but of one that broke off nobody knows what it should have been. */
  #finish({ end }: BatchIntake): void {
    const rest = end === 'whole' ? this.#splitter.rest() : undefined;
    if (rest !== undefined) this.#gather(rest);
    if (end === 'late') {
      const seconds = this.#deps.requestTimeoutMs / 1_000;
      const error = new KvsError('KVS_REQUEST_TIMEOUT', `The line did not come within ${seconds} s`);
      this.#gathering.add(this.#lines + 1, error, 0);
    }
    if (end === 'closing') {
      const error = new KvsError(
        'KVS_NOT_READY',
        'The node is stopping: this line was not read, nor what follows',
      );
      this.#gathering.add(this.#lines + 1, error, 0);
    }
  }

  #gather(line: Line | Unread): void {
    const number = ++this.#lines;
    if (typeof line === 'string') {
      this.#gathering.add(number, unreadErrors[line], 0);
    } else if (isBlank(line)) {
      this.#budget.release(line.length);
    } else {
      this.#gathering.add(number, this.#read(line), line.length);
    }
  }

  #read(line: Line): BatchRequest | KvsError {
    try {
      return parseLine(line, this.#deps);
    } catch (error) {
      return this.#explain(error);
    }
  }

  #startIfIdle(): void {
    if (this.#running.size === 0 && this.#gathering.requests.length > 0) this.#start();
  }

  /** Starts the group, or waits for another one to be done: then there may be none to start any more. */
  async #startWhenPossible(): Promise<void> {
    if (this.#canStart()) this.#start();
    else await new Promise<void>((resolve) => (this.#whenDone = resolve));
  }

  #canStart(): boolean {
    if (this.#running.size >= limits.batchGroupsMax) return false;
    return [...this.#running].every((group) => this.#gathering.mayRunBeside(group));
  }

  #start(): void {
    const group = this.#gathering;
    this.#gathering = new BatchGroup(this.#deps.maxValueBytes);
    this.#running.add(group);
    this.#sent = this.#send(group, this.#carryOut(group), this.#sent);
  }

  /** Sends the results of a group after those of the groups before it. */
  async #send(
    group: BatchGroup,
    carriedOut: Promise<readonly Result[]>,
    before: Promise<void>,
  ): Promise<void> {
    const [, results] = await Promise.all([before, carriedOut]);
    await this.#answer(group, results);
    this.#budget.release(group.bytes);
    this.#running.delete(group);
    if (!this.#gathering.isFull) this.#startIfIdle();
    this.#whenDone?.();
    this.#whenDone = undefined;
  }

  async #carryOut(group: BatchGroup): Promise<readonly Result[]> {
    const results: Result[] = group.requests.map((request) =>
      request instanceof KvsError ? request : undefined,
    );
    for (const step of group.steps()) {
      await Promise.all([this.#write(step, results), this.#readAll(step, results)]);
    }
    return results;
  }

  /** A value becomes text when its turn comes: as text all of them would take several times the memory. */
  async #answer(group: BatchGroup, results: readonly Result[]): Promise<void> {
    let pieces: (string | number)[] = [];
    for (let index = 0; index < results.length && this.#sink.isOpen; index++) {
      const number = group.numberOf(index);
      const result = results[index];
      if (result instanceof KvsError) pieces.push(failureLine(number, result));
      else if (result?.outcome !== 'read') addWriteLine(pieces, number, result);
      else {
        const line = await this.#readLine(number, result);
        pieces.push(line);
        if (line.length < longLineMin) continue;
        await this.#sink.write(pieces.join(''));
        pieces = [];
      }
    }
    if (pieces.length > 0 && this.#sink.isOpen) await this.#sink.write(pieces.join(''));
  }

  async #readLine(number: number, { version, nowMs }: ReadResult): Promise<string> {
    try {
      return await readLine(number, version, nowMs);
    } catch (error) {
      return failureLine(number, this.#explain(error));
    }
  }

  async #write({ writes, writeIndexes }: Step, results: Result[]): Promise<void> {
    if (writes.length === 0) return;
    const { store, status } = this.#deps;
    try {
      assertTakesWrites(status);
      const outcomes = await store.write(writes);
      writeIndexes.forEach((index, i) => (results[index] = outcomes[i]));
    } catch (error) {
      this.#failAll(writeIndexes, error, results);
    }
  }

  /** Nothing, once nobody is there to take the values. */
  async #readAll({ reads, readIndexes }: Step, results: Result[]): Promise<void> {
    if (reads.length === 0 || !this.#sink.isOpen) return;
    const { store, clock } = this.#deps;
    try {
      const versions = await Promise.all(reads.map((path) => store.get(path)));
      const nowMs = clock.now();
      readIndexes.forEach((index, i) => (results[index] = { outcome: 'read', version: versions[i], nowMs }));
    } catch (error) {
      this.#failAll(readIndexes, error, results);
    }
  }

  #failAll(indexes: readonly number[], cause: unknown, results: Result[]): void {
    const error = this.#explain(cause);
    for (const index of indexes) results[index] = error;
  }

  #explain(error: unknown): KvsError {
    if (error instanceof KvsError) return error;
    this.#deps.logger.error('A line of a batch failed unexpectedly', { error });
    return new KvsError('KVS_INTERNAL', 'Something went wrong here; the log of the node says what');
  }
}

const unreadErrors: Readonly<Record<Unread, KvsError>> = {
  tooLong: new KvsError(
    'KVS_VALUE_TOO_LARGE',
    'The line is longer than any value could make it; it was not read',
  ),
  notUtf8: new KvsError('KVS_BAD_BODY', 'The line is not valid UTF-8'),
  overloaded: new KvsError(
    'KVS_OVERLOADED',
    'Too many bytes of other bodies are on their way; the line was not read',
  ),
};

function isBlank({ text, from, to }: Line): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code !== space && code !== tab && code !== carriageReturn) return false;
  }
  return true;
}
