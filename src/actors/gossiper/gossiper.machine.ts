import { assign, fromPromise, sendParent, setup } from 'xstate';
import type { JoinResult } from '../../core/ports.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { GossiperEvent, GossiperFact } from './gossiper.events.ts';

/** Between two rounds of rumours while there are any, ms (memberlist's GossipInterval). */
export const spreadIntervalMs = 200;
/** The first attempt to join that fails is repeated after this time, later ones after up to the longest, ms. */
export const joinRetryMsMin = 1_000;
export const joinRetryMsMax = 30_000;
/** For a whole attempt to join, a whole exchange, a whole goodbye, ms. */
export const joinDeadlineMs = 15_000;
export const exchangeDeadlineMs = 15_000;
export const spreadDeadlineMs = 2_000;
export const leaveDeadlineMs = 1_500;

export interface GossiperInput {
  /** Bounds of the pause between two exchanges, ms. */
  readonly intervalMsMin: number;
  readonly intervalMsMax: number;
  /** In [0, 1). */
  readonly chance: () => number;
  /** Whether anybody is alive, whether anybody is known that could be asked to, and whether there is news. */
  readonly hasCompany: () => boolean;
  readonly knowsSomebody: () => boolean;
  readonly hasRumours: () => boolean;
}

interface GossiperContext extends GossiperInput {
  readonly exchanges: number;
  readonly failedJoins: number;
}

/**
 * Finds the cluster and keeps its members' views of each other equal.
 *
 * - `active`: two things at a time.
 *   - `membership`: the whole view. `deciding`: whom to turn to. `joining`: asks seeds and members of former days.
 *     `pausing`: nobody answered; they are asked again, ever more rarely. `waiting`: until the next exchange is due.
 *     `exchanging`: compares views with one to three members at random.
 *   - `rumours`: the latest news. `quiet`: there is none. `spreading`: tells it to a few members. `resting`: until the
 *     next round.
 * - `leaving`: says goodbye.
 * - `drained`: the node stops.
 *
 * It never judges who is alive: what it hears is merged by the rules of `core/membership.ts`.
 */
export const gossiperMachine = setup({
  types: {
    input: {} as GossiperInput,
    context: {} as GossiperContext,
    events: {} as GossiperEvent,
  },
  actors: {
    join: fromPromise<JoinResult>(async () => 'nobody'),
    exchange: fromPromise<void>(async () => undefined),
    spread: fromPromise<void>(async () => undefined),
    leave: fromPromise<void>(async () => undefined),
  },
  actions: {
    countExchange: assign({ exchanges: ({ context }) => context.exchanges + 1 }),
    countFailedJoin: assign({ failedJoins: ({ context }) => context.failedJoins + 1 }),
    forgiveFailedJoins: assign({ failedJoins: 0 }),
    tellOfEmptiness: sendParent((): GossiperFact => ({ type: 'cluster.foundEmpty' })),
  },
  guards: {
    hasCompany: ({ context }) => context.hasCompany(),
    knowsSomebody: ({ context }) => context.knowsSomebody(),
    hasRumours: ({ context }) => context.hasRumours(),
    isJoined: (_, params: { result: JoinResult }) => params.result === 'joined',
    isEmpty: (_, params: { result: JoinResult }) => params.result === 'empty',
  },
  delays: {
    gossipInterval: ({ context: { intervalMsMin, intervalMsMax, chance } }) =>
      intervalMsMin + (intervalMsMax - intervalMsMin) * chance(),
    joinRetry: ({ context }) =>
      backoffMs(context.failedJoins, {
        minMs: joinRetryMsMin,
        maxMs: joinRetryMsMax,
        chance: context.chance(),
      }),
    spreadInterval: spreadIntervalMs,
    joinDeadline: joinDeadlineMs,
    exchangeDeadline: exchangeDeadlineMs,
    spreadDeadline: spreadDeadlineMs,
    leaveDeadline: leaveDeadlineMs,
  },
}).createMachine({
  id: 'gossiper',
  meta: { shows: ['exchanges', 'failedJoins'] },
  context: ({ input }) => ({ ...input, exchanges: 0, failedJoins: 0 }),
  initial: 'active',
  on: { drain: { target: '.leaving' } },
  states: {
    active: {
      type: 'parallel',
      states: {
        membership: {
          initial: 'deciding',
          states: {
            deciding: {
              always: [{ guard: 'knowsSomebody', target: 'joining' }, { target: 'waiting' }],
            },
            joining: {
              invoke: {
                id: 'join',
                src: 'join',
                onDone: [
                  {
                    guard: { type: 'isJoined', params: ({ event }) => ({ result: event.output }) },
                    target: 'waiting',
                    actions: 'forgiveFailedJoins',
                  },
                  {
                    guard: { type: 'isEmpty', params: ({ event }) => ({ result: event.output }) },
                    target: 'waiting',
                    actions: 'tellOfEmptiness',
                  },
                  { target: 'pausing', actions: 'countFailedJoin' },
                ],
                onError: { target: 'pausing', actions: 'countFailedJoin' },
              },
              after: { joinDeadline: { target: 'pausing', actions: 'countFailedJoin' } },
            },
            pausing: { after: { joinRetry: 'joining' } },
            waiting: {
              after: {
                gossipInterval: [{ guard: 'hasCompany', target: 'exchanging' }, { target: 'deciding' }],
              },
            },
            exchanging: {
              entry: 'countExchange',
              invoke: { id: 'exchange', src: 'exchange', onDone: 'waiting', onError: 'waiting' },
              after: { exchangeDeadline: 'waiting' },
            },
          },
        },
        rumours: {
          initial: 'resting',
          states: {
            quiet: { on: { 'rumour.heard': 'spreading' } },
            spreading: {
              invoke: { id: 'spread', src: 'spread', onDone: 'resting', onError: 'resting' },
              after: { spreadDeadline: 'resting' },
            },
            resting: {
              after: { spreadInterval: [{ guard: 'hasRumours', target: 'spreading' }, { target: 'quiet' }] },
            },
          },
        },
      },
    },
    leaving: {
      invoke: { id: 'leave', src: 'leave', onDone: 'drained', onError: 'drained' },
      after: { leaveDeadline: 'drained' },
    },
    drained: { type: 'final' },
  },
});
