import { assign, enqueueActions, fromPromise, setup, type AnyActorRef } from 'xstate';
import type { Membership, ProbeResult } from '../../core/ports.ts';
import type { FailureDetectorEvent } from './failure-detector.events.ts';
import { healthAfter, suspicionMs } from './local-health.ts';
import { shuffled } from '../../core/shuffled.ts';
import { suspicionMachine } from './suspicion.machine.ts';

/** One member is asked in each period, ms; a node that is not well takes longer ones. */
export const periodMs = 1_000;
/** The share of a period that the member itself has to answer; the rest is for others to ask it. */
export const directShare = 0.45;
/** The share of a period that others have to ask it. */
export const indirectShare = 0.45;
/** Between two calls on the dead, one at a time, ms: a healed partition ends by itself. */
export const revisitIntervalMs = 2_000;

export interface FailureDetectorInput {
  readonly members: Pick<Membership, 'present' | 'suspect' | 'bury'>;
  /** In [0, 1). */
  readonly chance: () => number;
}

export interface ProbeInput {
  readonly id: string;
  readonly directMs: number;
  readonly indirectMs: number;
}

interface FailureDetectorContext extends FailureDetectorInput {
  /** 0 is well; Lifeguard's local health multiplier less one. */
  readonly healthScore: number;
  /** Who is still to be asked before anybody is asked again. */
  readonly round: readonly string[];
  readonly probed: string | undefined;
  readonly suspicions: Readonly<Record<string, AnyActorRef>>;
}

/**
 * Finds out who is alive: SWIM (Das et al. 2002) with Lifeguard's local health (Dadgar et al. 2018).
 *
 * - `active`: two things at a time.
 *   - `probes`: one `period` after the other. `choosing`: whom to ask in this one. `probing`: asks that member; where
 *     it does not answer, up to three others are asked to ask it. `resting`: until the period is over.
 *   - `revisits`: `waiting`: until it is the turn of the dead. `calling`: asks one of them whether it is back.
 * - `drained`: the node stops.
 *
 * Where one of the dead is back, the next one is asked at once: a cut that has healed parted them all.
 *
 * Whoever does not answer is suspected, for a time in which it can refute, by a machine of its own for each suspicion.
 * It never removes a member, and never believes its own silence to be another one's fault alone: a node that hears
 * nobody waits longer before it gives anybody up.
 */
export const failureDetectorMachine = setup({
  types: {
    input: {} as FailureDetectorInput,
    context: {} as FailureDetectorContext,
    events: {} as FailureDetectorEvent,
  },
  actors: {
    probe: fromPromise<ProbeResult, ProbeInput>(async () => 'alive'),
    revisit: fromPromise<boolean>(async () => false),
    suspicion: suspicionMachine,
  },
  actions: {
    choose: assign(({ context }) => {
      const present = context.members.present();
      const ids = new Set(present.map(({ id }) => id));
      const left = context.round.filter((id) => ids.has(id));
      const round = left.length > 0 ? left : shuffled([...ids], context.chance);
      return { probed: round[0], round: round.slice(1) };
    }),
    noteResult: assign(({ context }, params: { result: ProbeResult }) => ({
      healthScore: healthAfter(context.healthScore, params.result),
    })),
    suspect: ({ context }) => {
      if (context.probed !== undefined) context.members.suspect(context.probed);
    },
    watch: assign(({ context, spawn }, params: { ids: readonly string[] }) => {
      const graceMs = suspicionMs(context.members.present().length + 1, context.healthScore);
      const bury = (id: string) => context.members.bury(id);
      const fresh = params.ids.filter((id) => context.suspicions[id] === undefined);
      const spawned = fresh.map((id) => [
        id,
        spawn('suspicion', { id: `suspicion-${id}`, input: { id, graceMs, bury } }),
      ]);
      return {
        suspicions: {
          ...context.suspicions,
          ...(Object.fromEntries(spawned) as Record<string, AnyActorRef>),
        },
      };
    }),
    unwatch: enqueueActions(({ context, enqueue }, params: { id: string }) => {
      const ref = context.suspicions[params.id];
      if (ref === undefined) return;
      const { [params.id]: _, ...suspicions } = context.suspicions;
      enqueue.stopChild(ref);
      enqueue.assign({ suspicions });
    }),
  },
  guards: {
    hasSomebody: ({ context }) => context.probed !== undefined,
    isAlive: (_, params: { result: ProbeResult }) => params.result === 'alive',
    isBack: (_, params: { isBack: boolean }) => params.isBack,
  },
  delays: {
    period: ({ context }) => periodMs * (1 + context.healthScore),
    revisitInterval: revisitIntervalMs,
    revisitDeadline: revisitIntervalMs,
  },
}).createMachine({
  id: 'failure-detector',
  meta: { shows: ['healthScore', 'probed'] },
  context: ({ input }) => ({
    ...input,
    healthScore: 0,
    round: [],
    probed: undefined,
    suspicions: {},
  }),
  initial: 'active',
  on: { drain: { target: '.drained' } },
  states: {
    active: {
      type: 'parallel',
      entry: { type: 'watch', params: ({ context }) => ({ ids: suspectsOf(context) }) },
      on: {
        'member.suspected': { actions: { type: 'watch', params: ({ event }) => ({ ids: [event.id] }) } },
        'member.refuted': { actions: { type: 'unwatch', params: ({ event }) => ({ id: event.id }) } },
        'member.recovered': { actions: { type: 'unwatch', params: ({ event }) => ({ id: event.id }) } },
        'member.failed': { actions: { type: 'unwatch', params: ({ event }) => ({ id: event.id }) } },
        'member.left': { actions: { type: 'unwatch', params: ({ event }) => ({ id: event.id }) } },
        'member.forgotten': { actions: { type: 'unwatch', params: ({ event }) => ({ id: event.id }) } },
      },
      states: {
        probes: {
          initial: 'period',
          states: {
            period: {
              entry: 'choose',
              after: { period: { target: 'period', reenter: true } },
              initial: 'choosing',
              states: {
                choosing: { always: [{ guard: 'hasSomebody', target: 'probing' }, { target: 'resting' }] },
                probing: {
                  invoke: {
                    id: 'probe',
                    src: 'probe',
                    input: ({ context }) => probeInputOf(context),
                    onDone: [
                      {
                        guard: { type: 'isAlive', params: ({ event }) => ({ result: event.output }) },
                        target: 'resting',
                        actions: { type: 'noteResult', params: ({ event }) => ({ result: event.output }) },
                      },
                      {
                        target: 'resting',
                        actions: [
                          { type: 'noteResult', params: ({ event }) => ({ result: event.output }) },
                          'suspect',
                        ],
                      },
                    ],
                    onError: 'resting',
                  },
                },
                resting: {},
              },
            },
          },
        },
        revisits: {
          initial: 'waiting',
          states: {
            waiting: { after: { revisitInterval: 'calling' } },
            calling: {
              invoke: {
                id: 'revisit',
                src: 'revisit',
                onDone: [
                  {
                    guard: { type: 'isBack', params: ({ event }) => ({ isBack: event.output }) },
                    target: 'calling',
                    reenter: true,
                  },
                  { target: 'waiting' },
                ],
                onError: 'waiting',
              },
              after: { revisitDeadline: 'waiting' },
            },
          },
        },
      },
    },
    drained: { type: 'final' },
  },
});

/** How long each step of a probe may take: together less than the period. */
function probeInputOf({ probed, healthScore }: FailureDetectorContext): ProbeInput {
  const length = periodMs * (1 + healthScore);
  return { id: probed ?? '', directMs: length * directShare, indirectMs: length * indirectShare };
}

function suspectsOf({ members }: FailureDetectorContext): readonly string[] {
  return members
    .present()
    .filter(({ state }) => state === 'suspect')
    .map(({ id }) => id);
}
