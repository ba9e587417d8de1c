import { fromPromise, type PromiseActorLogic } from 'xstate';
import type { Probing, ProbeResult } from '../../core/ports.ts';

/** What the failure-detector asks the network. */
export function makeProbes(probing: Probing): {
  readonly probe: PromiseActorLogic<
    ProbeResult,
    { readonly id: string; readonly directMs: number; readonly indirectMs: number }
  >;
  readonly revisit: PromiseActorLogic<boolean>;
} {
  return {
    probe: fromPromise(({ input }) => probing.probe(input)),
    revisit: fromPromise(() => probing.revisit()),
  };
}

/** The last question to a suspected member, itself and through others; false when no answer comes. */
export function makeAsk(
  probing: Probing,
  deadlineMs: number,
): PromiseActorLogic<boolean, { readonly id: string }> {
  return fromPromise(async ({ input }) => {
    const half = deadlineMs / 2;
    return (await probing.probe({ id: input.id, directMs: half, indirectMs: half })) === 'alive';
  });
}
