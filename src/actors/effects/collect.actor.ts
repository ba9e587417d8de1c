import { fromPromise, type PromiseActorLogic } from 'xstate';
import type { CollectResult } from '../../core/ports.ts';

/** Collects what is past its retention and claimed by everybody. */
export function makeCollect(collect: () => Promise<CollectResult>): PromiseActorLogic<CollectResult> {
  return fromPromise(() => collect());
}
