import { fromPromise, type PromiseActorLogic } from 'xstate';
import type { PushResult } from '../../core/ports.ts';

/** Sends one page of what waits for a member. */
export function makePush(
  push: (id: string) => Promise<PushResult>,
): PromiseActorLogic<PushResult, { readonly id: string }> {
  return fromPromise(({ input }) => push(input.id));
}
