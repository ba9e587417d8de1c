import { assign, enqueueActions, fromPromise, setup } from 'xstate';
import type { Membership, StepKind, Steps } from '../../core/ports.ts';
import { backoffMs } from '../../core/backoff.ts';
import { shuffled } from '../../core/shuffled.ts';
import { catchUpDelayMs, secondWordMs } from './catch-up.ts';
import type { SyncerEvent } from './syncer.events.ts';

/** For one step of an exchange, ms: a request and the work on both sides. */
export const stepDeadlineMs = 30_000;
/** An exchange that failed is begun anew after this time, later ones after up to the catch-up interval, ms. */
export const catchUpRetryMsMin = 500;

export interface SyncerInput {
  readonly self: string;
  readonly members: Pick<Membership, 'present'>;
  /** Begins an exchange; undefined when the member is gone. */
  readonly open: (id: string) => Steps | undefined;
  /** Whether a member compares itself with this node just now: at the same time both would send the same data. */
  readonly isComparing: (id: string) => boolean;
  /** True while a bootstrap brings the data: exchanges wait for its end. */
  readonly isBootstrapping: boolean;
  /** All in ms. */
  readonly syncIntervalMs: number;
  readonly catchupIntervalMs: number;
  readonly throttleDelayMs: number;
  readonly fetchDelayMs: number;
  /** In [0, 1). */
  readonly chance: () => number;
}

interface SyncerContext extends SyncerInput {
  /** Whom to turn to next, each once. */
  readonly behind: readonly string[];
  readonly partner: string | undefined;
  readonly steps: Steps | undefined;
  readonly progress: Readonly<Record<string, number>>;
  readonly failures: Readonly<Record<string, number>>;
  readonly exchanges: number;
}

/**
 * Makes the data of this node and of its members equal, one member at a time.
 *
 * - `holding`: a bootstrap is under way; who is behind is remembered.
 * - `idle`: nobody is behind; from time to time a random member is compared with all the same.
 * - `exchanging`: `stepping`: one request is on its way. `throttled`, `fetched`: a pause after a request, or after data,
 *   so that the others have time for their clients.
 * - `drained`: the node stops.
 *
 * It never forgets who was behind: an exchange that fails is begun anew, ever more rarely, until the member is gone or
 * the two are equal. While a member compares itself with this node, what is planned with it waits. An exchange with a
 * member that is gone ends at once, whatever it waits for.
 */
export const syncerMachine = setup({
  types: { input: {} as SyncerInput, context: {} as SyncerContext, events: {} as SyncerEvent },
  actors: {
    step: fromPromise<StepKind | null, { steps: Steps | undefined }>(async () => null),
  },
  actions: {
    addBehind: assign(({ context }, params: { id: string }) => ({
      behind: context.behind.includes(params.id) ? context.behind : [...context.behind, params.id],
    })),
    giveUp: enqueueActions(({ context, enqueue }, params: { id: string }) => {
      const { [params.id]: _, ...failures } = context.failures;
      enqueue.cancel(timerOf(params.id));
      enqueue.assign({ failures, behind: context.behind.filter((id) => id !== params.id) });
      if (params.id === context.partner) enqueue.raise({ type: 'partner.gone' });
    }),
    planCatchUp: enqueueActions(({ context, enqueue }, params: { id: string }) => {
      const delay = catchUpDelayMs({
        self: context.self,
        other: params.id,
        presentCount: context.members.present().length,
        chance: context.chance(),
      });
      if (delay === undefined) return;
      catchUpAfter(enqueue, params.id, delay);
    }),
    planSecondWord: enqueueActions(({ enqueue }, params: { id: string }) =>
      catchUpAfter(enqueue, params.id, secondWordMs),
    ),
    addSomebody: assign(({ context }) => {
      if (context.behind.length > 0) return {};
      const [first] = shuffled(context.members.present(), context.chance);
      return first === undefined ? {} : { behind: [first.id] };
    }),
    open: assign(({ context }) => {
      const [partner, ...behind] = context.behind;
      const steps = partner === undefined ? undefined : context.open(partner);
      return { partner, behind, steps, progress: {}, exchanges: context.exchanges + 1 };
    }),
    noteProgress: assign({ progress: ({ context }) => context.steps?.progress() ?? {} }),
    close: assign(({ context }) => {
      const { [context.partner ?? '']: _, ...failures } = context.failures;
      return { failures, partner: undefined, steps: undefined };
    }),
    planRetry: enqueueActions(({ context, enqueue }) => {
      const { partner } = context;
      enqueue.assign({ partner: undefined, steps: undefined });
      if (partner === undefined || !context.members.present().some(({ id }) => id === partner)) return;
      const count = (context.failures[partner] ?? 0) + 1;
      const delay = backoffMs(count, {
        minMs: Math.min(catchUpRetryMsMin, context.catchupIntervalMs),
        maxMs: context.catchupIntervalMs,
        chance: context.chance(),
      });
      enqueue.assign({ failures: { ...context.failures, [partner]: count } });
      catchUpAfter(enqueue, partner, delay);
    }),
  },
  guards: {
    isBootstrapping: ({ context }) => context.isBootstrapping,
    isComparing: ({ context }, params: { id: string }) => context.isComparing(params.id),
    isSomebodyBehind: ({ context }) => context.behind.length > 0,
    hasNobody: ({ context }) => context.steps === undefined,
    isComplete: (_, params: { kind: StepKind | null }) => params.kind === null,
    isFetch: (_, params: { kind: StepKind | null }) => params.kind === 'fetch',
  },
  delays: {
    syncInterval: ({ context }) => context.syncIntervalMs,
    throttleDelay: ({ context }) => context.throttleDelayMs,
    fetchDelay: ({ context }) => context.fetchDelayMs,
    stepDeadline: stepDeadlineMs,
  },
}).createMachine({
  id: 'syncer',
  meta: { shows: ['behind', 'partner', 'progress', 'failures', 'exchanges'] },
  context: ({ input }) => ({
    ...input,
    behind: [],
    partner: undefined,
    steps: undefined,
    progress: {},
    failures: {},
    exchanges: 0,
  }),
  initial: 'deciding',
  on: {
    drain: { target: '.drained' },
    'member.fellBehind': { actions: { type: 'addBehind', params: ({ event }) => ({ id: event.id }) } },
    'catchup.due': [
      {
        guard: { type: 'isComparing', params: ({ event }) => ({ id: event.id }) },
        actions: { type: 'planSecondWord', params: ({ event }) => ({ id: event.id }) },
      },
      { actions: { type: 'addBehind', params: ({ event }) => ({ id: event.id }) } },
    ],
    'member.joined': { actions: { type: 'planCatchUp', params: ({ event }) => ({ id: event.id }) } },
    'member.recovered': { actions: { type: 'planCatchUp', params: ({ event }) => ({ id: event.id }) } },
    'member.failed': { actions: { type: 'giveUp', params: ({ event }) => ({ id: event.id }) } },
    'member.left': { actions: { type: 'giveUp', params: ({ event }) => ({ id: event.id }) } },
    'member.forgotten': { actions: { type: 'giveUp', params: ({ event }) => ({ id: event.id }) } },
  },
  states: {
    deciding: { always: [{ guard: 'isBootstrapping', target: 'holding' }, { target: 'idle' }] },
    holding: { on: { 'bootstrap.finished': { target: 'idle', actions: 'addSomebody' } } },
    idle: {
      always: { guard: 'isSomebodyBehind', target: 'exchanging' },
      after: { syncInterval: { target: 'idle', reenter: true, actions: 'addSomebody' } },
    },
    exchanging: {
      entry: 'open',
      initial: 'stepping',
      // What is on its way is left to its deadline. Should it be answered after all, it is for nobody any more.
      on: { 'partner.gone': { target: 'idle', actions: 'close' } },
      states: {
        stepping: {
          always: { guard: 'hasNobody', target: '#syncer.idle', actions: 'close' },
          invoke: {
            id: 'step',
            src: 'step',
            input: ({ context }) => ({ steps: context.steps }),
            onDone: [
              {
                guard: { type: 'isComplete', params: ({ event }) => ({ kind: event.output }) },
                target: '#syncer.idle',
                actions: ['noteProgress', 'close'],
              },
              {
                guard: { type: 'isFetch', params: ({ event }) => ({ kind: event.output }) },
                target: 'fetched',
                actions: 'noteProgress',
              },
              { target: 'throttled', actions: 'noteProgress' },
            ],
            onError: { target: '#syncer.idle', actions: 'planRetry' },
          },
          after: { stepDeadline: { target: '#syncer.idle', actions: 'planRetry' } },
        },
        throttled: { after: { throttleDelay: 'stepping' } },
        fetched: { after: { fetchDelay: 'stepping' } },
      },
    },
    drained: { type: 'final' },
  },
});

/** What of an action's enqueuer a plan needs. */
interface Planner {
  readonly cancel: (id: string) => void;
  readonly raise: (
    event: Extract<SyncerEvent, { type: 'catchup.due' }>,
    options: { readonly id: string; readonly delay: number },
  ) => void;
}

/** One timer for each member: another one of the same id would not take its place. */
function catchUpAfter(planner: Planner, id: string, delay: number): void {
  planner.cancel(timerOf(id));
  planner.raise({ type: 'catchup.due', id }, { id: timerOf(id), delay });
}

function timerOf(id: string): string {
  return `catchup-${id}`;
}
