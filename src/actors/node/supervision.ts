import type { AnyActorLogic } from 'xstate';
import { backoffMs } from '../../core/backoff.ts';

/** How an actor of the node is made; the node starts it anew when it fails. */
export interface ChildSpec {
  readonly id: string;
  readonly logic: AnyActorLogic;
  readonly input?: unknown;
}

/** What the node remembers of one actor. */
export interface Supervised {
  readonly restarts: number;
  /** Failures since it last held out for the quiet time. */
  readonly failures: number;
  readonly lastError?: string;
}

/** The first restart comes after this time, each later one after twice the time before, up to the cap. */
export const restartDelayMsMin = 100;
export const restartDelayMsMax = 30_000;
/** An actor that holds out this long is well again: its next failure counts as the first. */
export const quietTimeMs = 60_000;

/** When to start an actor anew after its `failures`-th failure in a row, ms. `chance` is in [0, 1). */
export function restartDelayMs(failures: number, chance: number): number {
  return backoffMs(failures, { minMs: restartDelayMsMin, maxMs: restartDelayMsMax, chance });
}

/** The id of the actor that an `xstate.error.actor.<id>` or `xstate.done.actor.<id>` event is about. */
export function actorIdOf(eventType: string): string {
  return eventType.split('.').slice(3).join('.');
}
