import { assert } from '../../../src/core/errors.ts';
import type { Clock } from '../../../src/core/ports.ts';
import { TimerQueue, type Timer } from './timer-queue.ts';

/** Where timers are set: XState's `Clock`, with a type for what identifies a timer. */
export interface TimerClock<Id = unknown> {
  setTimeout(task: () => void, delayMs: number): Id;
  clearTimeout(id: Id | undefined): void;
}

/** The longest delay of a real timer; one that is longer fires at once on Node. */
export const timerDelayMsMax = 2 ** 31 - 1;

/** When a simulation begins, ms since the epoch: 2023-11-14T22:13:20Z. */
export const epochMs = 1_700_000_000_000;

/**
 * The one true time of a simulation. It stands still until `step` moves it to the next timer: nothing takes time but
 * what asks for time. Timers of the same instant fire in the order in which they were set.
 */
export class VirtualClock implements Clock, TimerClock<Timer> {
  readonly #timers = new TimerQueue();
  #elapsedMs = 0;

  /** Virtual time since the simulation began, ms; not always an integer. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  now(): number {
    return Math.floor(epochMs + this.#elapsedMs);
  }

  /** Runs a task at a time since the beginning; one in the past is due at once. */
  at(elapsedMs: number, task: () => void): Timer {
    assert(Number.isFinite(elapsedMs), 'a time is a finite number');
    return this.#timers.add(Math.max(elapsedMs, this.#elapsedMs), task);
  }

  /** @throws Error for a delay that a real timer could not keep: NaN, or longer than `timerDelayMsMax` */
  setTimeout(task: () => void, delayMs: number): Timer {
    return this.at(this.#elapsedMs + checkedDelayMs(delayMs), task);
  }

  clearTimeout(timer: Timer | undefined): void {
    if (timer !== undefined) this.#timers.cancel(timer);
  }

  /** When the next timer is due, ms since the beginning; undefined when none waits. */
  nextAtMs(): number | undefined {
    return this.#timers.nextAtMs();
  }

  /** Moves to the next timer and fires it; false when none waits. */
  step(): boolean {
    const atMs = this.#timers.nextAtMs();
    const task = this.#timers.take();
    if (atMs === undefined || task === undefined) return false;
    this.#elapsedMs = atMs;
    task();
    return true;
  }

  /** Lets time pass up to an instant before which no timer is due. */
  passTo(elapsedMs: number): void {
    const nextAtMs = this.#timers.nextAtMs();
    assert(nextAtMs === undefined || nextAtMs >= elapsedMs, 'no timer is passed over');
    this.#elapsedMs = Math.max(this.#elapsedMs, elapsedMs);
  }
}

/** A delay as a real timer takes it: negative ones count as 0. */
export function checkedDelayMs(delayMs: number): number {
  assert(delayMs <= timerDelayMsMax, `a timer can wait for ${delayMs} ms`);
  return Math.max(0, delayMs);
}
