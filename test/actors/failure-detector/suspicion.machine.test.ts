import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, SimulatedClock, waitFor } from 'xstate';
import { makeAsk } from '../../../src/actors/effects/probe.actor.ts';
import {
  lastQuestionDeadlineMs,
  suspicionMachine,
} from '../../../src/actors/failure-detector/suspicion.machine.ts';
import type { ProbeResult } from '../../../src/core/ports.ts';

const graceMs = 2_000;

/** Suspects a member that answers the last question so. */
function suspect(answer: () => Promise<boolean>) {
  const clock = new SimulatedClock();
  const buried: string[] = [];
  const asked: string[] = [];
  const ask = fromPromise<boolean, { id: string }>(({ input }) => {
    asked.push(input.id);
    return answer();
  });
  const actor = createActor(suspicionMachine.provide({ actors: { ask } }), {
    clock,
    input: { id: 'b', graceMs, bury: (id) => buried.push(id) },
  }).start();
  return { actor, clock, buried, asked };
}

describe('a suspected member', () => {
  it('has its time to refute in peace, and is asked once more before it is given up', () => {
    const { clock, asked, buried } = suspect(() => new Promise(() => undefined));
    clock.increment(graceMs - 1);
    expect(asked).toEqual([]);
    clock.increment(1);
    expect([asked, buried]).toEqual([['b'], []]);
  });

  it('that answers the last question is not given up, and has as much time again', async () => {
    let isAlive = true;
    const { actor, clock, asked, buried } = suspect(async () => isAlive);
    clock.increment(graceMs);
    await waitFor(actor, (snapshot) => snapshot.matches('cleared'));
    isAlive = false;
    clock.increment(graceMs - 1);
    expect([asked, buried]).toEqual([['b'], []]);
    clock.increment(1);
    await waitFor(actor, ({ status }) => status === 'done');
    expect([asked, buried]).toEqual([['b', 'b'], ['b']]);
  });

  it.each([
    ['says that it is silent', async () => false],
    ['fails', () => Promise.reject(new Error('no way'))],
  ])('is given up when the last question %s', async (_, answer) => {
    const { actor, clock, buried } = suspect(answer);
    clock.increment(graceMs);
    await waitFor(actor, ({ status }) => status === 'done');
    expect(buried).toEqual(['b']);
  });

  it('is given up when nothing comes of the last question in time', () => {
    const { actor, clock, buried } = suspect(() => new Promise(() => undefined));
    clock.increment(graceMs);
    clock.increment(2 * lastQuestionDeadlineMs - 1);
    expect(buried).toEqual([]);
    clock.increment(1);
    expect([actor.getSnapshot().status, buried]).toEqual(['done', ['b']]);
  });

  it('that refuted in time is not asked', () => {
    const { actor, clock, asked, buried } = suspect(async () => false);
    clock.increment(graceMs - 1);
    actor.stop();
    clock.increment(10 * graceMs);
    expect([asked, buried]).toEqual([[], []]);
  });
});

describe('the last question', () => {
  it.each([
    ['alive', true],
    ['silent', false],
    ['unheard', false],
  ] as const)('goes to the member and then through others, and %s means %s', async (result, isAlive) => {
    const probes: unknown[] = [];
    const probe = async (options: unknown): Promise<ProbeResult> => {
      probes.push(options);
      return result;
    };
    const ask = makeAsk({ probe, revisit: async () => false }, 1_000);
    const actor = createActor(ask, { input: { id: 'b' } }).start();
    const { output } = await waitFor(actor, ({ status }) => status === 'done');
    expect(output).toBe(isAlive);
    expect(probes).toEqual([{ id: 'b', directMs: 500, indirectMs: 500 }]);
  });
});
