import { assert } from '../../../src/core/errors.ts';
import type { Clock } from '../../../src/core/ports.ts';
import { epochMs, type VirtualClock } from './clock.ts';

export interface NodeClockOptions {
  /** How far ahead of the true time it starts, ms; negative: behind. */
  readonly offsetMs?: number;
  /** How much faster than the true time it runs, parts per million; negative: slower. */
  readonly driftPpm?: number;
}

const million = 1_000_000;

/**
 * The clock of one machine over the simulation's true time. Its wall clock has an offset, drifts and may jump; its
 * timers run at the drifting rate and know of no jump, as a monotonic clock does. It goes on while the node is down.
 */
export class NodeClock implements Clock {
  readonly timeline: VirtualClock;
  #driftPpm = 0;
  /** The wall clock at `#sinceMs`, from when on the present drift holds. */
  #wallMs: number;
  #sinceMs: number;
  #highestMs = -Infinity;

  constructor(timeline: VirtualClock, { offsetMs = 0, driftPpm = 0 }: NodeClockOptions = {}) {
    this.timeline = timeline;
    this.#sinceMs = timeline.elapsedMs;
    this.#wallMs = epochMs + timeline.elapsedMs + offsetMs;
    this.setDrift(driftPpm);
  }

  get driftPpm(): number {
    return this.#driftPpm;
  }

  now(): number {
    return Math.floor(this.#exactNow());
  }

  /** The latest that it ever showed, ms since the epoch. */
  highest(): number {
    return Math.max(this.#highestMs, this.now());
  }

  /** Moves the wall clock; timers don't notice. */
  jump(byMs: number): void {
    assert(Number.isFinite(byMs), 'a jump is a finite number');
    this.#highestMs = this.highest();
    this.#wallMs += byMs;
  }

  /** Changes the rate from now on. Timers that are already set keep the instant at which they are due. */
  setDrift(driftPpm: number): void {
    assert(driftPpm > -million && driftPpm < Infinity, `a clock can drift by ${driftPpm} ppm`);
    this.#wallMs = this.#exactNow();
    this.#sinceMs = this.timeline.elapsedMs;
    this.#driftPpm = driftPpm;
  }

  /** How long this clock takes, in true time, to count so many ms. */
  trueMs(ownMs: number): number {
    return (ownMs * million) / (million + this.#driftPpm);
  }

  #exactNow(): number {
    const passedMs = this.timeline.elapsedMs - this.#sinceMs;
    return this.#wallMs + passedMs + (passedMs * this.#driftPpm) / million;
  }
}
