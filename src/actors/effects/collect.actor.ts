import { fromPromise, type PromiseActorLogic } from 'xstate';
import type { CollectResult, VersionStore } from '../../core/ports.ts';

/** Collects what is past its retention. `claimedSequence`: the least that any known member claims to hold. */
export function makeCollect(
  store: Pick<VersionStore, 'collect'>,
  claimedSequence: () => number,
): PromiseActorLogic<CollectResult> {
  return fromPromise(() => store.collect(claimedSequence()));
}
