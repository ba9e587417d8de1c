import { assign, fromPromise, setup } from 'xstate';
import type { CollectResult } from '../../core/ports.ts';

const collectIntervalMsMax = 3_600_000;
const collectIntervalMsMin = 200;
/** A collection that takes longer is left to itself; the next one goes on where it was. */
export const collectDeadlineMs = 600_000;

/** The time between two collections, ms: a 24th of the retention, within bounds. */
export function collectIntervalMs(retentionMs: number): number {
  return Math.min(collectIntervalMsMax, Math.max(collectIntervalMsMin, retentionMs / 24));
}

const nothing: CollectResult = { retired: 0, removed: 0, held: 0 };

/**
 * Takes what died long ago out of the store, from time to time.
 *
 * - `waiting`: until the next collection is due.
 * - `collecting`: the store looks through its graves.
 * - `drained`: the node stops.
 *
 * It never decides what may go: the retention and the members' claims do, in the store.
 */
export const collectorMachine = setup({
  types: {
    input: {} as { readonly intervalMs: number },
    context: {} as {
      readonly intervalMs: number;
      readonly last: CollectResult;
      readonly failures: number;
    },
    events: {} as { readonly type: 'drain' },
  },
  actors: {
    collect: fromPromise<CollectResult>(async () => nothing),
  },
  actions: {
    noteResult: assign((_, params: { result: CollectResult }) => ({ last: params.result, failures: 0 })),
    noteFailure: assign({ failures: ({ context }) => context.failures + 1 }),
  },
  delays: {
    collectInterval: ({ context }) => context.intervalMs,
    collectDeadline: collectDeadlineMs,
  },
}).createMachine({
  id: 'collector',
  meta: { shows: ['last', 'failures'] },
  context: ({ input }) => ({ ...input, last: nothing, failures: 0 }),
  initial: 'waiting',
  on: { drain: { target: '.drained' } },
  states: {
    waiting: { after: { collectInterval: 'collecting' } },
    collecting: {
      invoke: {
        id: 'collect',
        src: 'collect',
        onDone: {
          target: 'waiting',
          actions: { type: 'noteResult', params: ({ event }) => ({ result: event.output }) },
        },
        onError: { target: 'waiting', actions: 'noteFailure' },
      },
      after: { collectDeadline: { target: 'waiting', actions: 'noteFailure' } },
    },
    drained: { type: 'final' },
  },
});
