import { fromPromise, type PromiseActorLogic } from 'xstate';
import type { PushResult } from '../../core/ports.ts';

/** Sends what waits for a member, as far as it gets in one go. */
export function makePush(
  push: (id: string, options: { readonly signal: AbortSignal }) => Promise<PushResult>,
): PromiseActorLogic<PushResult, { readonly id: string }> {
  return fromPromise(({ input, signal }) => push(input.id, { signal }));
}
