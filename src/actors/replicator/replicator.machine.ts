import { enqueueActions, sendParent, setup, type AnyActorRef } from 'xstate';
import type { MemberFellBehind } from '../../core/facts.ts';
import { pusherMachine, type OutboxView } from './pusher.machine.ts';
import type { ReplicatorEvent } from './replicator.events.ts';

/** What is left in the outboxes when the node stops has this long to leave, ms. */
export const flushDeadlineMs = 2_000;

export interface ReplicatorInput {
  readonly outboxes: OutboxView;
  /** In [0, 1). */
  readonly chance: () => number;
}

interface ReplicatorContext extends ReplicatorInput {
  readonly pushers: Readonly<Record<string, AnyActorRef>>;
}

/**
 * Tells the members of every version that was accepted here, at once.
 *
 * - `active`: each member that there is something to tell has a pusher of its own, so that a slow one delays nobody.
 *   Whoever is gone loses its pusher and its outbox: what it missed is found when it comes back.
 * - `flushing`: the node stops; what waits may still leave.
 * - `drained`: the node stops.
 *
 * It never holds a version: they wait in the outboxes, which are bounded.
 */
export const replicatorMachine = setup({
  types: {
    input: {} as ReplicatorInput,
    context: {} as ReplicatorContext,
    events: {} as ReplicatorEvent,
  },
  actors: { pusher: pusherMachine },
  actions: {
    rouse: enqueueActions(({ context, enqueue }, params: { members: readonly string[] }) => {
      const known = context.pushers;
      const unknown = params.members.filter((id) => known[id] === undefined);
      for (const id of params.members) {
        const ref = known[id];
        if (ref !== undefined) enqueue.sendTo(ref, { type: 'outbox.filled' });
      }
      if (unknown.length === 0) return;
      const { outboxes, chance } = context;
      enqueue.assign(({ spawn }) => ({
        pushers: {
          ...known,
          ...Object.fromEntries(
            unknown.map((id) => [
              id,
              spawn('pusher', { id: `pusher-${id}`, input: { id, outboxes, chance } }),
            ]),
          ),
        },
      }));
    }),
    dismiss: enqueueActions(({ context, enqueue }, params: { id: string }) => {
      context.outboxes.clear(params.id);
      const ref = context.pushers[params.id];
      if (ref === undefined) return;
      const { [params.id]: _, ...pushers } = context.pushers;
      enqueue.stopChild(ref);
      enqueue.assign({ pushers });
    }),
    passOn: sendParent((_, params: { id: string }): MemberFellBehind => ({
      type: 'member.fellBehind',
      id: params.id,
    })),
  },
  guards: { isAllTold: ({ context }) => context.outboxes.isEmpty },
  delays: { flushDeadline: flushDeadlineMs },
}).createMachine({
  id: 'replicator',
  context: ({ input }) => ({ ...input, pushers: {} }),
  initial: 'active',
  on: {
    'versions.accepted': {
      actions: { type: 'rouse', params: ({ event }) => ({ members: event.members }) },
    },
    'member.fellBehind': { actions: { type: 'passOn', params: ({ event }) => ({ id: event.id }) } },
    'member.failed': { actions: { type: 'dismiss', params: ({ event }) => ({ id: event.id }) } },
    'member.left': { actions: { type: 'dismiss', params: ({ event }) => ({ id: event.id }) } },
    'member.forgotten': { actions: { type: 'dismiss', params: ({ event }) => ({ id: event.id }) } },
  },
  states: {
    active: {
      // Of a box that is not empty nobody tells again: what waited for an earlier replicator is this one's now.
      entry: { type: 'rouse', params: ({ context }) => ({ members: context.outboxes.waiting }) },
      on: { drain: 'flushing' },
    },
    flushing: {
      always: { guard: 'isAllTold', target: 'drained' },
      on: { 'outbox.emptied': {} },
      after: { flushDeadline: 'drained' },
    },
    drained: { type: 'final' },
  },
});
