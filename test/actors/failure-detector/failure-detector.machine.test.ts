import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, SimulatedClock } from 'xstate';
import {
  failureDetectorMachine,
  revisitIntervalMs,
} from '../../../src/actors/failure-detector/failure-detector.machine.ts';

/** Lets everything run that a settled promise sets going. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the dead', () => {
  it('are asked one at a time, and the others at once where one of them is back', async () => {
    const answers = [false, true, true, false];
    let asked = 0;
    const revisit = fromPromise(async () => answers[asked++] ?? false);
    const clock = new SimulatedClock();
    const members = { present: () => [], suspect: () => undefined, bury: () => undefined };
    createActor(failureDetectorMachine.provide({ actors: { revisit } }), {
      clock,
      input: { members, chance: () => 0.5 },
    }).start();
    const askedAfter = async (ms: number) => {
      clock.increment(ms);
      await settled();
      return asked;
    };
    expect(await askedAfter(revisitIntervalMs - 1)).toBe(0);
    expect(await askedAfter(1)).toBe(1);
    expect(await askedAfter(revisitIntervalMs - 1)).toBe(1);
    expect(await askedAfter(1)).toBe(4);
    expect(await askedAfter(revisitIntervalMs)).toBe(5);
  });
});
