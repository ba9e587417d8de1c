import { fromPromise, type PromiseActorLogic } from 'xstate';
import type { Gossip, JoinResult } from '../../core/ports.ts';

/** What the gossiper does to the network. */
export function makeGossip(gossip: Gossip): {
  readonly join: PromiseActorLogic<JoinResult>;
  readonly exchange: PromiseActorLogic<void>;
  readonly spread: PromiseActorLogic<void>;
  readonly leave: PromiseActorLogic<void>;
} {
  return {
    join: fromPromise(() => gossip.join()),
    exchange: fromPromise(() => gossip.exchange()),
    spread: fromPromise(() => gossip.spread()),
    leave: fromPromise(() => gossip.leave()),
  };
}
