import { describe, expect, it } from 'vitest';
import { compareStamps } from '../../../src/core/version.ts';
import {
  expectEverywhere,
  heal,
  machine,
  pass,
  put,
  putAtOnce,
  readAll,
  settle,
  split,
  startCluster,
  stored,
} from './steps.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

describe('clocks that differ', () => {
  it('by an hour leave the last word to the later write of someone who saw the earlier one', async () => {
    const cluster = await startCluster({ nodes: 3 });
    machine(cluster, 0).clock.jump(hourMs / 2);
    machine(cluster, 1).clock.jump(-hourMs / 2);
    for (const [index, value] of ['first', 'second', 'third', 'fourth'].entries()) {
      await put(cluster, index % 2, 'key', value);
      await expectEverywhere(cluster, 'key', value);
    }
    await cluster.check();
  });

  it('because one steps back leave the last word to the later write all the same', async () => {
    const cluster = await startCluster({ nodes: 3 });
    await put(cluster, 1, 'key', 'before the step');
    await settle(cluster);
    machine(cluster, 1).clock.jump(-hourMs);
    await put(cluster, 1, 'key', 'after the step');
    await expectEverywhere(cluster, 'key', 'after the step');
    machine(cluster, 1).crash();
    machine(cluster, 1).clock.jump(-hourMs);
    machine(cluster, 1).start();
    await settle(cluster);
    await put(cluster, 1, 'key', 'after another step and a restart');
    await expectEverywhere(cluster, 'key', 'after another step and a restart');
    await cluster.check();
  });
});

describe('a timestamp from the far future', () => {
  it('is kept with its key, moves no clock of another node, and is overwritten like any other', async () => {
    const cluster = await startCluster({ nodes: 3 });
    machine(cluster, 0).clock.jump(3_650 * dayMs);
    const poison = await put(cluster, 0, 'poisoned', 'from the future');
    machine(cluster, 0).clock.jump(-3_650 * dayMs);
    await settle(cluster);

    const now = machine(cluster, 1).clock.now();
    const over = await put(cluster, 1, 'poisoned', 'overwritten');
    expect(compareStamps(over, poison)).toBeGreaterThan(0);
    for (const index of [1, 2]) {
      const { timestamp } = await put(cluster, index, `other/${index}`, 'value');
      expect(timestamp).toBeLessThan(now + 60_000);
    }
    await expectEverywhere(cluster, 'poisoned', 'overwritten');
    await cluster.check();
  });
});

describe('what a node hears', () => {
  it('moves its clock on, so that what it writes next is later in every order', async () => {
    const cluster = await startCluster({ nodes: 2 });
    machine(cluster, 0).clock.jump(30_000);
    const heard = await put(cluster, 0, 'cause', 'of n1');
    await settle(cluster);
    const written = await put(cluster, 1, 'effect', 'of n2');
    expect(compareStamps(written, heard)).toBeGreaterThan(0);
    expect(written.timestamp).toBe(heard.timestamp);
    await settle(cluster);
    await cluster.check();
  });

  it('is taken and answered by a machine that slept for a day', async () => {
    const cluster = await startCluster({ nodes: 3 });
    await put(cluster, 2, 'key', 'before the sleep');
    await settle(cluster);
    // Sleep stops a machine's timers and not its clock; here the day passes for all at once.
    machine(cluster, 2).pause();
    await pass(cluster, 2_000);
    for (const index of [0, 1, 2]) machine(cluster, index).clock.jump(dayMs);
    await put(cluster, 0, 'key', 'during the sleep');
    machine(cluster, 2).resume();
    await settle(cluster);
    const { timestamp } = await put(cluster, 2, 'key', 'after the sleep');
    expect(timestamp).toBe(machine(cluster, 2).clock.now());
    await expectEverywhere(cluster, 'key', 'after the sleep');
    await cluster.check();
  });
});

describe('two versions of one instant', () => {
  it('are decided the same way on all nodes, wherever they meet', async () => {
    const cluster = await startCluster({ nodes: 4 });
    split(cluster, [0, 1], [2, 3]);
    const [a, b] = await putAtOnce(cluster, [1, 2], 'key');
    expect(a && b && compareStamps(a, b)).toBe(0);
    await pass(cluster, 1_000);
    heal(cluster);
    await settle(cluster);
    const held = await stored(cluster, 0, 'key');
    expect([a?.uuid, b?.uuid]).toContain(held?.uuid);
    expect(new Set(await readAll(cluster, 'key')).size).toBe(1);
    await cluster.check();
  });
});
