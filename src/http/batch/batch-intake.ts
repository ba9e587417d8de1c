import type { IncomingMessage } from 'node:http';
import { takeOverTime } from '../long-request.ts';

/** What a client that is still sending may go on with when the node stops, ms. */
const farewellMs = 1_000;

/**
 * Why nothing more comes: the request is whole, its client went away or sent no HTTP, a line did not come in time, or
 * the node stops.
 */
export type IntakeEnd = 'whole' | 'cut' | 'late' | 'closing';

/** Reads the body of a request piece by piece, whenever it is asked for the next one. */
export class BatchIntake {
  readonly #incoming: IncomingMessage;
  readonly #lineTimeoutMs: number;
  /** How long the present line has been waited for, ms. */
  #waitedMs = 0;
  #end: IntakeEnd | undefined;
  #wake: (() => void) | undefined;
  #farewell: NodeJS.Timeout | undefined;

  /** `lineTimeoutMs`: how long a line may take to come. The time in which nobody reads it is not counted. */
  constructor(incoming: IncomingMessage, lineTimeoutMs: number) {
    this.#incoming = incoming;
    this.#lineTimeoutMs = lineTimeoutMs;
    takeOverTime(incoming);
    incoming.on('readable', () => this.#wake?.());
    incoming.on('end', () => this.#finish('whole'));
    incoming.on('error', () => this.#finish('cut'));
    incoming.on('close', () => this.#finish(incoming.complete ? 'whole' : 'cut'));
    // Nothing comes and nothing goes. While a line is waited for, its own time says when that is too long.
    incoming.on('timeout', () => {
      if (this.#wake === undefined) incoming.destroy();
    });
  }

  /** Why it ended, once `next` has given undefined. */
  get end(): IntakeEnd {
    return this.#end ?? 'cut';
  }

  /** All that has come since; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#end === 'cut' || this.#end === 'late' || this.#end === 'closing') return undefined;
      const chunk = this.#incoming.read() as Buffer | null;
      if (chunk !== null) return chunk;
      if (this.#end !== undefined) return undefined;
      await this.#wait();
    }
  }

  /** To be called when a line is whole: the next one has its time from then on. */
  startLine(): void {
    this.#waitedMs = 0;
  }

  /** To be called when the node stops: what is on its way still comes, and the client is not waited for any longer. */
  startFarewell(): void {
    this.#farewell ??= setTimeout(() => this.#finish('closing'), farewellMs);
  }

  /** To be called when nobody reads any more. */
  close(): void {
    clearTimeout(this.#farewell);
  }

  async #wait(): Promise<void> {
    const startedAt = performance.now();
    let isAwake = false;
    // A process that was held up itself first looks whether something has come meanwhile.
    const giveUp = (): NodeJS.Immediate => setImmediate(() => isAwake || this.#finish('late'));
    const late = setTimeout(giveUp, this.#lineTimeoutMs - this.#waitedMs);
    await new Promise<void>((resolve) => (this.#wake = resolve));
    isAwake = true;
    this.#wake = undefined;
    clearTimeout(late);
    this.#waitedMs += performance.now() - startedAt;
  }

  #finish(end: IntakeEnd): void {
    this.#end ??= end;
    this.#wake?.();
  }
}
