import { delaySecondsBounds, Histogram } from './histogram.ts';

/** Between two looks at the event loop, ms. */
export const lookIntervalMs = 20;
/** A process that is later than this, ms, was stopped rather than busy: what lies farther back is not counted. */
export const lateMsMax = 60_000;

/**
 * How long what comes to the event loop has to wait, s: as if something came every 20 ms.
 *
 * One timer says how late the loop is. While the loop is busy for long the timer fires once, and that once would be lost
 * among the many times that it was punctual; so what would have come meanwhile is counted too, each with its own wait
 * (Tene, "How NOT to measure latency": coordinated omission).
 */
export class EventLoopDelay {
  readonly waits = new Histogram(delaySecondsBounds);
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    let lookedAt = performance.now();
    this.#timer ??= setInterval(() => {
      const now = performance.now();
      this.note(now - lookedAt - lookIntervalMs);
      lookedAt = now;
    }, lookIntervalMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Counts what has waited for a loop that is late by so many ms; a clock of whole ms may be early as well. */
  note(lateMs: number): void {
    let waitMs = Math.min(Math.max(lateMs, 0), lateMsMax);
    for (; waitMs >= 0; waitMs -= lookIntervalMs) this.waits.observe(waitMs / 1_000);
  }
}
