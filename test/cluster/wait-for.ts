import { setTimeout as pass } from 'node:timers/promises';

/** Between two looks, ms; more where a look takes longer than that itself. */
const pauseMsMin = 20;
/** Looks keep the nodes from what is waited for: after a while there are fewer of them. */
const pauseMsMax = 100;
/** Of the time that it waited already, the part that it may notice the end too late. */
const pauseShare = 0.05;

/** What a wait says when its time is over. */
export interface Unmet {
  /** What it waited for, to complete "waited in vain for". */
  readonly what: string;
  /** Tells how things stand, at the end. */
  readonly details?: () => string;
}

/**
 * Looks again and again until `condition` gives something truthy, and returns that. A look that fails, as with a node
 * that does not answer yet, counts as not yet.
 *
 * @throws Error after `deadlineMs`, with the failure of the last look as its cause
 */
export async function waitFor<T>(
  { what, details }: Unmet,
  condition: () => Promise<T | false | null | undefined>,
  deadlineMs: number,
): Promise<T> {
  const startedAt = performance.now();
  const endsAt = startedAt + deadlineMs;
  for (;;) {
    let failure: unknown;
    const beganAt = performance.now();
    try {
      const found = await condition();
      if (found !== false && found !== null && found !== undefined) return found;
    } catch (error) {
      failure = error;
    }
    const now = performance.now();
    if (now >= endsAt) {
      const more = details === undefined ? '' : `\n${details()}`;
      throw new Error(`Waited ${deadlineMs} ms in vain for ${what}${more}`, { cause: failure });
    }
    const rareMs = Math.min(pauseMsMax, (now - startedAt) * pauseShare);
    await pass(Math.max(pauseMsMin, rareMs, now - beganAt));
  }
}
