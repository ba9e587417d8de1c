import { assign, fromPromise, sendParent, setup } from 'xstate';
import type { MemberFellBehind } from '../../core/facts.ts';
import type { PushResult } from '../../core/ports.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { PusherEvent, ReplicatorEvent } from './replicator.events.ts';

/** For some pages and the way of what comes back to the disk, ms. Each call has a deadline of its own, by its size. */
export const pushDeadlineMs = 1_200_000;
/** A push that failed is repeated after this time, later ones after up to the longest, ms. */
export const pushRetryMsMin = 100;
export const pushRetryMsMax = 1_000;

/** The outboxes as the machines see them: they never see what is in them. */
export interface OutboxView {
  readonly isEmpty: boolean;
  /** The members that there is something to do for: versions wait for them, or more did than fit. */
  readonly waiting: readonly string[];
  /** Versions that wait for a member. */
  size(id: string): number;
  hasOverflown(id: string): boolean;
  clear(id: string): void;
}

export interface PusherInput {
  readonly id: string;
  readonly outboxes: OutboxView;
  /** In [0, 1). */
  readonly chance: () => number;
}

/**
 * Empties the outbox of one member.
 *
 * - `empty`: there is nothing to tell.
 * - `sending`: pages are on their way, one at a time; what is accepted meanwhile goes with the next one.
 * - `pausing`: the last push failed; nothing is lost, and it is sent again after a while.
 * - `overflown`: more was to be told than the outbox holds: what waited is dropped, and the member is behind. Left at
 *   once.
 */
export const pusherMachine = setup({
  types: {
    input: {} as PusherInput,
    context: {} as PusherInput & { readonly failures: number; readonly pushes: number },
    events: {} as PusherEvent,
  },
  actors: { push: fromPromise<PushResult, { id: string }>(async () => 'empty') },
  actions: {
    countPush: assign({ pushes: ({ context }) => context.pushes + 1, failures: 0 }),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    dropAll: ({ context }) => context.outboxes.clear(context.id),
    tellOfFallingBehind: sendParent(({ context }): MemberFellBehind => ({
      type: 'member.fellBehind',
      id: context.id,
    })),
    tellOfEmptiness: sendParent((): ReplicatorEvent => ({ type: 'outbox.emptied' })),
  },
  guards: {
    hasMail: ({ context }) => context.outboxes.size(context.id) > 0,
    hasOverflown: ({ context }) => context.outboxes.hasOverflown(context.id),
    isEmpty: (_, params: { result: PushResult }) => params.result === 'empty',
    isOverflown: (_, params: { result: PushResult }) => params.result === 'overflown',
  },
  delays: {
    pushDeadline: pushDeadlineMs,
    retry: ({ context }) =>
      backoffMs(context.failures, {
        minMs: pushRetryMsMin,
        maxMs: pushRetryMsMax,
        chance: context.chance(),
      }),
  },
}).createMachine({
  id: 'pusher',
  meta: { shows: ['id', 'pushes', 'failures'] },
  context: ({ input }) => ({ ...input, failures: 0, pushes: 0 }),
  initial: 'sending',
  states: {
    empty: {
      entry: 'tellOfEmptiness',
      always: { guard: 'hasMail', target: 'sending' },
      on: { 'outbox.filled': 'sending' },
    },
    sending: {
      invoke: {
        id: 'push',
        src: 'push',
        input: ({ context }) => ({ id: context.id }),
        onDone: [
          {
            guard: { type: 'isOverflown', params: ({ event }) => ({ result: event.output }) },
            target: 'overflown',
          },
          {
            guard: { type: 'isEmpty', params: ({ event }) => ({ result: event.output }) },
            target: 'empty',
            actions: 'countPush',
          },
          { target: 'sending', reenter: true, actions: 'countPush' },
        ],
        onError: { target: 'pausing', actions: 'countFailure' },
      },
      after: { pushDeadline: { target: 'pausing', actions: 'countFailure' } },
    },
    pausing: {
      always: { guard: 'hasOverflown', target: 'overflown' },
      on: { 'outbox.filled': { guard: 'hasOverflown', target: 'overflown' } },
      after: { retry: 'sending' },
    },
    overflown: { entry: ['dropAll', 'tellOfFallingBehind'], always: 'empty' },
  },
});
