import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, SimulatedClock, setup, waitFor } from 'xstate';
import {
  collectDeadlineMs,
  collectIntervalMs,
  collectorMachine,
} from '../../src/actors/collector/collector.machine.ts';
import { modeControllerMachine } from '../../src/actors/mode-controller/mode-controller.machine.ts';
import type { ModeChanged } from '../../src/actors/mode-controller/mode-controller.events.ts';

/** Runs a machine below a parent that keeps what it is told. */
function below(input: { readOnly: boolean; bootstrap: boolean }) {
  const told: string[] = [];
  const parent = setup({
    types: { events: {} as ModeChanged },
    actors: { child: modeControllerMachine },
    actions: { keep: ({ event }) => void told.push(event.mode) },
  }).createMachine({
    invoke: { id: 'child', src: 'child', input },
    on: { 'mode.changed': { actions: 'keep' } },
  });
  const actor = createActor(parent).start();
  const child = actor.getSnapshot().children['child'];
  if (child === undefined) throw new Error('The child did not start');
  return { told, child };
}

describe('the mode-controller', () => {
  it('starts in normal, or read-only when it is configured so', () => {
    expect(below({ readOnly: false, bootstrap: false }).told).toEqual(['normal']);
    expect(below({ readOnly: true, bootstrap: false }).told).toEqual(['read-only']);
  });

  it.each([
    [false, 'normal'],
    [true, 'read-only'],
  ])(
    'syncs first when it must bootstrap (read-only: %s), then is %s, and shows how many keys that brought',
    (readOnly, mode) => {
      const { told, child } = below({ readOnly, bootstrap: true });
      child.send({ type: 'bootstrap.progressed', keys: 12 });
      expect(child.getSnapshot()).toMatchObject({ value: 'syncing', context: { bootstrappedKeys: 12 } });
      child.send({ type: 'bootstrap.finished', keys: 15 });
      expect(child.getSnapshot()).toMatchObject({ context: { bootstrappedKeys: 15 } });
      expect(told).toEqual(['syncing', mode]);
    },
  );

  it('goes back to syncing when another bootstrap starts, and shows when it stalls', () => {
    const { told, child } = below({ readOnly: false, bootstrap: false });
    child.send({ type: 'bootstrap.started' });
    child.send({ type: 'bootstrap.stalled' });
    expect(child.getSnapshot()).toMatchObject({ value: 'syncing', context: { isStalled: true } });
    child.send({ type: 'bootstrap.progressed', keys: 1 });
    expect(child.getSnapshot()).toMatchObject({ context: { isStalled: false } });
    expect(told).toEqual(['normal', 'syncing']);
  });

  it('ends when the node drains', () => {
    const { child } = below({ readOnly: false, bootstrap: false });
    child.send({ type: 'drain' });
    expect(child.getSnapshot()).toMatchObject({ status: 'done' });
  });
});

describe('the collector', () => {
  const intervalMs = 1_000;

  function start(collect: () => Promise<{ retired: number; removed: number; held: number }>) {
    const clock = new SimulatedClock();
    const machine = collectorMachine.provide({ actors: { collect: fromPromise(collect) } });
    const actor = createActor(machine, { clock, input: { intervalMs } }).start();
    return { actor, clock };
  }

  it('waits for a part of the retention, but neither for no time nor for more than an hour', () => {
    expect(collectIntervalMs(24 * 60_000)).toBe(60_000);
    expect(collectIntervalMs(1)).toBe(200);
    expect(collectIntervalMs(1e12)).toBe(3_600_000);
  });

  it('collects once in every interval and shows what came of it', async () => {
    const result = { retired: 1, removed: 2, held: 3 };
    const { actor, clock } = start(async () => result);
    clock.increment(intervalMs - 1);
    expect(actor.getSnapshot().value).toBe('waiting');
    clock.increment(1);
    expect(actor.getSnapshot().value).toBe('collecting');
    await waitFor(actor, (snapshot) => snapshot.matches('waiting'));
    expect(actor.getSnapshot().context).toMatchObject({ last: result, failures: 0 });
    clock.increment(intervalMs);
    expect(actor.getSnapshot().value).toBe('collecting');
  });

  it('tries again in the next interval when a collection fails or does not end', async () => {
    let isHanging = false;
    const { actor, clock } = start(() =>
      isHanging ? new Promise(() => undefined) : Promise.reject(new Error('full')),
    );
    clock.increment(intervalMs);
    await waitFor(actor, (snapshot) => snapshot.matches('waiting'));
    expect(actor.getSnapshot().context.failures).toBe(1);
    isHanging = true;
    clock.increment(intervalMs);
    clock.increment(collectDeadlineMs);
    expect(actor.getSnapshot()).toMatchObject({ value: 'waiting', context: { failures: 2 } });
  });
});
