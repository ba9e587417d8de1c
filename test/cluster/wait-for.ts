import { setTimeout as pass } from 'node:timers/promises';

/** Between two looks, ms. */
const pollIntervalMs = 5;

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
  const endsAt = performance.now() + deadlineMs;
  for (;;) {
    let failure: unknown;
    try {
      const found = await condition();
      if (found !== false && found !== null && found !== undefined) return found;
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= endsAt) {
      const more = details === undefined ? '' : `\n${details()}`;
      throw new Error(`Waited ${deadlineMs} ms in vain for ${what}${more}`, { cause: failure });
    }
    await pass(pollIntervalMs);
  }
}
