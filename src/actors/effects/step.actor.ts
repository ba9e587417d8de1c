import { fromPromise, type PromiseActorLogic } from 'xstate';
import type { StepKind, Steps } from '../../core/ports.ts';

/** Does one step of long work; null when it is complete, or when there is none. */
export function makeStep(): PromiseActorLogic<StepKind | null, { readonly steps: Steps | undefined }> {
  return fromPromise(async ({ input }) => input.steps?.step() ?? null);
}

/** Notes that there is no such work to do. */
export function makeSettle(settle: () => Promise<void>): PromiseActorLogic<void> {
  return fromPromise(() => settle());
}
