import { assign, fromPromise, setup } from 'xstate';
import type { KeyPath } from '../../core/key-path.ts';
import { limits } from '../../core/limits.ts';
import type { Decision, VoteResult } from '../../core/ports.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { ConflictResolverEvent } from './conflict-resolver.events.ts';

/** Conflicts come in flocks: those of this time share a vote, ms. */
export const gatherMs = 20;
/** For a vote and the way of its winners to the disk, ms. */
export const voteDeadlineMs = 15_000;
/** A vote that failed is held again after this time, later ones after up to the longest, ms. */
export const voteRetryMsMin = 500;
export const voteRetryMsMax = 30_000;

export interface ConflictResolverInput {
  /** In [0, 1). */
  readonly chance: () => number;
}

interface ConflictResolverContext extends ConflictResolverInput {
  /** Keys that wait for a vote, each once. */
  readonly queue: ReadonlySet<KeyPath>;
  readonly ballot: readonly KeyPath[];
  /** How many keys were left to a later sync because the queue was full. */
  readonly overflown: number;
  readonly decided: number;
  readonly failures: number;
  /** The last ones, oldest first. */
  readonly decisions: readonly Decision[];
}

/**
 * Lets the members vote where versions of one instant stand against each other.
 *
 * - `idle`: there is no conflict.
 * - `gathering`: there is one, and others may come with it.
 * - `voting`: the members are asked, many keys in one message; the winners are stored and told.
 * - `pausing`: the vote failed, or some winner could not be had; it is held again.
 * - `drained`: the node stops.
 *
 * It never lets a vote last: whoever has answered in time decides, this node included. A full queue loses nothing, for
 * what is left out is found again by the next exchange.
 */
export const conflictResolverMachine = setup({
  types: {
    input: {} as ConflictResolverInput,
    context: {} as ConflictResolverContext,
    events: {} as ConflictResolverEvent,
  },
  actors: {
    vote: fromPromise<VoteResult, { paths: readonly KeyPath[] }>(async () => ({
      decisions: [],
      undecided: [],
    })),
  },
  actions: {
    enqueue: assign(({ context }, params: { paths: readonly KeyPath[] }) => {
      const queue = new Set(context.queue);
      for (const path of params.paths) if (queue.size < limits.conflictsMax) queue.add(path);
      const left = params.paths.filter((path) => !queue.has(path)).length;
      return { queue, overflown: context.overflown + left };
    }),
    takeBallot: assign(({ context }) => {
      const ballot = [...context.queue].slice(0, limits.voteKeysMax);
      const queue = new Set([...context.queue].slice(ballot.length));
      return { ballot, queue };
    }),
    noteDecisions: assign(({ context }, params: { result: VoteResult }) => ({
      ballot: [],
      failures: params.result.undecided.length > 0 ? context.failures + 1 : 0,
      decided: context.decided + params.result.decisions.length,
      decisions: [...context.decisions, ...params.result.decisions].slice(-limits.decisionsMax),
    })),
    putBack: assign(({ context }) => {
      const waiting = [...new Set([...context.ballot, ...context.queue])];
      return {
        queue: new Set(waiting.slice(0, limits.conflictsMax)),
        overflown: context.overflown + Math.max(0, waiting.length - limits.conflictsMax),
        ballot: [],
        failures: context.failures + 1,
      };
    }),
  },
  guards: {
    hasConflicts: ({ context }) => context.queue.size > 0,
    isUndecided: (_, params: { result: VoteResult }) => params.result.undecided.length > 0,
  },
  delays: {
    gatherTime: gatherMs,
    voteDeadline: voteDeadlineMs,
    retry: ({ context }) =>
      backoffMs(context.failures, {
        minMs: voteRetryMsMin,
        maxMs: voteRetryMsMax,
        chance: context.chance(),
      }),
  },
}).createMachine({
  id: 'conflict-resolver',
  meta: { shows: ['overflown', 'decided', 'failures', 'decisions'] },
  context: ({ input }) => ({
    ...input,
    queue: new Set<KeyPath>(),
    ballot: [],
    overflown: 0,
    decided: 0,
    failures: 0,
    decisions: [],
  }),
  initial: 'idle',
  on: {
    drain: { target: '.drained' },
    'conflict.detected': {
      actions: { type: 'enqueue', params: ({ event }) => ({ paths: event.paths }) },
    },
  },
  states: {
    idle: { always: { guard: 'hasConflicts', target: 'gathering' } },
    gathering: { after: { gatherTime: 'voting' } },
    voting: {
      entry: 'takeBallot',
      invoke: {
        id: 'vote',
        src: 'vote',
        input: ({ context }) => ({ paths: context.ballot }),
        onDone: [
          {
            guard: { type: 'isUndecided', params: ({ event }) => ({ result: event.output }) },
            target: 'pausing',
            actions: [
              { type: 'noteDecisions', params: ({ event }) => ({ result: event.output }) },
              { type: 'enqueue', params: ({ event }) => ({ paths: event.output.undecided }) },
            ],
          },
          {
            target: 'idle',
            actions: { type: 'noteDecisions', params: ({ event }) => ({ result: event.output }) },
          },
        ],
        onError: { target: 'pausing', actions: 'putBack' },
      },
      after: { voteDeadline: { target: 'pausing', actions: 'putBack' } },
    },
    pausing: { after: { retry: 'voting' } },
    drained: { type: 'final' },
  },
});
