import { fromPromise, setup } from 'xstate';

/** For the last question to a suspected member, ms. */
export const lastQuestionDeadlineMs = 1_000;

export interface SuspicionInput {
  readonly id: string;
  /** The time to refute, ms. */
  readonly graceMs: number;
  readonly bury: (id: string) => void;
}

/**
 * One suspicion of one member.
 *
 * - `doubting`: the member has time to refute; when it does, the failure-detector stops this machine.
 * - `asking`: the time is over, and it is asked a last time: whoever was stopped meanwhile, this node or the other,
 *   finds out now and not from a stale timer.
 * - `cleared`: it answered; its refutation is on the way.
 * - `buried`: it did not.
 */
export const suspicionMachine = setup({
  types: { input: {} as SuspicionInput, context: {} as SuspicionInput },
  actors: { ask: fromPromise<boolean, { id: string }>(async () => false) },
  actions: { bury: ({ context }) => context.bury(context.id) },
  guards: { isAlive: (_, params: { isAlive: boolean }) => params.isAlive },
  delays: { grace: ({ context }) => context.graceMs, lastQuestionDeadline: lastQuestionDeadlineMs * 2 },
}).createMachine({
  id: 'suspicion',
  meta: { shows: ['id', 'graceMs'] },
  context: ({ input }) => input,
  initial: 'doubting',
  states: {
    doubting: { after: { grace: 'asking' } },
    asking: {
      invoke: {
        id: 'ask',
        src: 'ask',
        input: ({ context }) => ({ id: context.id }),
        onDone: [
          {
            guard: { type: 'isAlive', params: ({ event }) => ({ isAlive: event.output }) },
            target: 'cleared',
          },
          { target: 'buried' },
        ],
        onError: 'buried',
      },
      after: { lastQuestionDeadline: 'buried' },
    },
    cleared: { after: { grace: 'asking' } },
    buried: { type: 'final', entry: 'bury' },
  },
});
