import { assign, fromPromise, sendParent, setup } from 'xstate';
import type { StepKind, Steps } from '../../core/ports.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { BootstrapFact, BootstrapperEvent } from './bootstrapper.events.ts';

/** For one page and its way to the disk, ms. */
export const pageDeadlineMs = 30_000;
/** A page that nobody gave is asked for again after this time, later ones after up to the longest, ms. */
export const pageRetryMsMin = 500;
export const pageRetryMsMax = 15_000;

export interface BootstrapperInput {
  /** False for a node that has been bootstrapped once, and for one without seeds. */
  readonly mustBootstrap: boolean;
  readonly open: () => Steps;
  readonly fetchDelayMs: number;
  /** In [0, 1). */
  readonly chance: () => number;
}

interface BootstrapperContext extends BootstrapperInput {
  readonly steps: Steps | undefined;
  readonly progress: Readonly<Record<string, number>>;
  readonly failures: number;
}

/**
 * Brings the data of a cluster to a node that is new in it, newest first.
 *
 * - `deciding`: whether it is needed at all.
 * - `fetching`: one page is on its way.
 * - `pausing`: between two pages.
 * - `stalled`: nobody gives a page; it tries again, at once when a member appears.
 * - `settling`: there turned out to be no cluster; that is noted.
 * - `done`: for this life of the data folder.
 * - `drained`: the node stops.
 *
 * It never starts over: the position is on disk, and a broken bootstrap goes on from there.
 */
export const bootstrapperMachine = setup({
  types: {
    input: {} as BootstrapperInput,
    context: {} as BootstrapperContext,
    events: {} as BootstrapperEvent,
  },
  actors: {
    step: fromPromise<StepKind | null, { steps: Steps | undefined }>(async () => null),
    settle: fromPromise<void>(async () => undefined),
  },
  actions: {
    open: assign({ steps: ({ context }) => context.open() }),
    noteProgress: assign({ progress: ({ context }) => context.steps?.progress() ?? {}, failures: 0 }),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    tellOfStart: sendParent((): BootstrapFact => ({ type: 'bootstrap.started' })),
    tellOfProgress: sendParent(({ context }): BootstrapFact => ({
      type: 'bootstrap.progressed',
      keys: context.progress['keys'] ?? 0,
    })),
    tellOfStall: sendParent((): BootstrapFact => ({ type: 'bootstrap.stalled' })),
    tellOfEnd: sendParent(({ context }): BootstrapFact => ({
      type: 'bootstrap.finished',
      keys: context.progress['keys'] ?? 0,
    })),
  },
  guards: {
    mustBootstrap: ({ context }) => context.mustBootstrap,
    isComplete: (_, params: { kind: StepKind | null }) => params.kind === null,
  },
  delays: {
    pageDeadline: pageDeadlineMs,
    fetchDelay: ({ context }) => context.fetchDelayMs,
    retry: ({ context }) =>
      backoffMs(context.failures, {
        minMs: pageRetryMsMin,
        maxMs: pageRetryMsMax,
        chance: context.chance(),
      }),
  },
}).createMachine({
  id: 'bootstrapper',
  meta: { shows: ['progress', 'failures'] },
  context: ({ input }) => ({ ...input, steps: undefined, progress: {}, failures: 0 }),
  initial: 'deciding',
  on: { drain: { target: '.drained' } },
  states: {
    deciding: {
      always: [
        { guard: 'mustBootstrap', target: 'fetching', actions: ['open', 'tellOfStart'] },
        { target: 'done' },
      ],
    },
    fetching: {
      on: { 'cluster.foundEmpty': 'settling' },
      invoke: {
        id: 'step',
        src: 'step',
        input: ({ context }) => ({ steps: context.steps }),
        onDone: [
          {
            guard: { type: 'isComplete', params: ({ event }) => ({ kind: event.output }) },
            target: 'done',
            actions: ['noteProgress', 'tellOfEnd'],
          },
          { target: 'pausing', actions: ['noteProgress', 'tellOfProgress'] },
        ],
        onError: { target: 'stalled', actions: 'countFailure' },
      },
      after: { pageDeadline: { target: 'stalled', actions: 'countFailure' } },
    },
    pausing: { after: { fetchDelay: 'fetching' } },
    stalled: {
      entry: 'tellOfStall',
      on: {
        'member.joined': 'fetching',
        'member.recovered': 'fetching',
        'cluster.foundEmpty': 'settling',
      },
      after: { retry: 'fetching' },
    },
    settling: {
      invoke: {
        id: 'settle',
        src: 'settle',
        onDone: { target: 'done', actions: 'tellOfEnd' },
        onError: { target: 'stalled', actions: 'countFailure' },
      },
      after: { pageDeadline: { target: 'stalled', actions: 'countFailure' } },
    },
    done: {},
    drained: { type: 'final' },
  },
});
