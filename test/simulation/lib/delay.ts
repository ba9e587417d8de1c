import type { RandomStream } from './random.ts';

/** How long something takes, ms: `minMs`, plus an exponentially distributed part, cut off at `maxMs`. */
export interface Delay {
  readonly minMs: number;
  /** The mean, before the cut-off. */
  readonly meanMs: number;
  readonly maxMs: number;
}

export function drawDelayMs(delay: Delay, random: RandomStream): number {
  return Math.min(delay.maxMs, delay.minMs + random.exponential(delay.meanMs - delay.minMs));
}
