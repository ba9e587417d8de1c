import { readFileSync } from 'node:fs';
import type { Clock, Random } from './core/ports.ts';
import { randomUuid } from './random-uuid.ts';

/** The real clock, in place of which a simulation has its own. */
export const systemClock: Clock = { now: () => Date.now() };

/** Real randomness. */
export const systemRandom: Random = { next: () => Math.random(), uuid: randomUuid };

/** Identifies the run of the operating system; undefined where it does not tell. */
export function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return undefined;
  }
}
