import { fromPromise, type PromiseActorLogic } from 'xstate';
import type { KeyPath } from '../../core/key-path.ts';
import type { VoteResult } from '../../core/ports.ts';

/** Lets the members vote on some keys. */
export function makeVote(
  vote: (paths: readonly KeyPath[]) => Promise<VoteResult>,
): PromiseActorLogic<VoteResult, { readonly paths: readonly KeyPath[] }> {
  return fromPromise(({ input }) => vote(input.paths));
}
