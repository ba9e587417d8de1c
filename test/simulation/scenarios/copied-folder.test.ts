import { describe, expect, it } from 'vitest';
import { twinDeadlineMs } from '../../../src/peers/twins.ts';
import { addressOf, type SimulatedCluster } from '../simulated-cluster.ts';
import {
  cutBetween,
  expectEverywhere,
  heal,
  isReady,
  loseDisk,
  machine,
  pass,
  put,
  readAll,
  running,
  settle,
  start,
  startCluster,
  stateOf,
  waitFor,
  waitForEqual,
  waitForState,
} from './steps.ts';

const original = 2;
const copy = 3;
const seeds = [1, 2, 3];

/** Two with one store learn of each other when views are compared. */
const hurriedGossip = { gossip_interval_min: 1, gossip_interval_max: 3 };

/** The copy under the id of the original, and under its own. */
const cases = seeds.flatMap((seed) => ['n3', 'n4'].map((copyId) => ({ seed, copyId })));

interface Rig {
  readonly cluster: SimulatedCluster;
  /** Errors and warnings of a machine, each once. */
  readonly log: (index: number) => readonly string[];
  /** What the configuration of the copy says from its next start on. */
  rename(id: string): void;
}

/** Three nodes with data, and a machine with a copy of the disk of the third that was not started yet. */
async function startWithCopy(seed: number, copyId: string): Promise<Rig> {
  let id = copyId;
  const lines = new Map<string, Set<string>>();
  const cluster = await startCluster({
    seed,
    nodes: 3,
    config: hurriedGossip,
    configOf: (index) => (index === copy ? { node_id: id } : {}),
    onLog: (name, level, message) => {
      if (level === 'warn' || level === 'error') lines.set(name, (lines.get(name) ?? new Set()).add(message));
    },
  });
  await put(cluster, 0, 'key', 'value');
  await settle(cluster);
  // Members are saved a moment after they are heard of.
  await pass(cluster, 1_000);
  cluster.addNode(copy).disk.replace(machine(cluster, original).disk);
  return {
    cluster,
    log: (index) => [...(lines.get(addressOf(index)) ?? [])],
    rename: (newId) => (id = newId),
  };
}

function failureOf(cluster: SimulatedCluster, index: number): string | undefined {
  return cluster.failures.get(addressOf(index))?.message;
}

function waitForEnd(cluster: SimulatedCluster, index: number): Promise<void> {
  return waitFor(cluster, 'the process ends', () => failureOf(cluster, index) !== undefined);
}

const refusal = (copyId: string, at: number) =>
  new RegExp(
    `\\(${copyId}, .*\\) is a copy of one that \\w+ serves at ${addressOf(at)}: start this node on an empty`,
  );

/** An empty disk and an id of its own, as the error asks for. */
async function joinAnew({ cluster, rename }: Rig): Promise<void> {
  await waitFor(cluster, 'the copy is down', () => machine(cluster, copy).state === 'down');
  rename('n4');
  loseDisk(cluster, copy);
  await settle(cluster);
}

describe('a copy of the data folder of a node', () => {
  it.each(cases)(
    'is not started while that one runs, and nobody notices it: as $copyId, seed $seed',
    async ({ seed, copyId }) => {
      const rig = await startWithCopy(seed, copyId);
      const { cluster } = rig;
      const before = running(cluster, 0).cluster.members.get('n3');
      machine(cluster, copy).start();
      await waitForEnd(cluster, copy);
      await pass(cluster, 20_000);
      expect(failureOf(cluster, copy)).toMatch(refusal(copyId, original));
      expect(cluster.running.has(addressOf(copy))).toBe(false);
      for (const viewer of [0, 1]) {
        expect(running(cluster, viewer).cluster.members.get('n3')).toMatchObject({
          address: addressOf(original),
          incarnation: before?.incarnation,
          state: 'alive',
        });
        expect(stateOf(cluster, viewer, 'n4')).toBeUndefined();
      }
      expect(rig.log(original)).toEqual([]);

      await joinAnew(rig);
      await expectEverywhere(cluster, 'key', 'value');
      await cluster.check();
    },
  );

  it.each(cases)(
    'that could not ask it ends when the two meet, and what it took is kept: as $copyId, seed $seed',
    async ({ seed, copyId }) => {
      const rig = await startWithCopy(seed, copyId);
      const { cluster } = rig;
      cutBetween(cluster, original, copy);
      await start(cluster, copy);
      await pass(cluster, 5_000);
      await put(cluster, copy, 'of-the-copy', 'kept');
      await put(cluster, original, 'of-the-original', 'kept');
      await pass(cluster, 5_000);
      heal(cluster);
      await waitForEnd(cluster, copy);
      expect(failureOf(cluster, copy)).toMatch(refusal(copyId, original));
      expect(failureOf(cluster, original)).toBeUndefined();

      // Its supervisor starts it again and again.
      await pass(cluster, 20_000);
      expect(cluster.running.has(addressOf(copy))).toBe(false);
      for (const viewer of [0, 1]) {
        expect(running(cluster, viewer).cluster.members.get('n3')).toMatchObject({
          address: addressOf(original),
          state: 'alive',
        });
        expect(stateOf(cluster, viewer, 'n4')).toBeUndefined();
      }
      await joinAnew(rig);
      for (const path of ['of-the-copy', 'of-the-original']) await expectEverywhere(cluster, path, 'kept');
      await cluster.check();
    },
  );

  it.each(seeds)(
    'is told to end by the other one, where it can not reach that one itself: seed %i',
    async (seed) => {
      const { cluster } = await startWithCopy(seed, 'n3');
      cluster.world.network.cut(addressOf(copy), addressOf(original));
      await start(cluster, copy);
      await waitForEnd(cluster, copy);
      expect(failureOf(cluster, original)).toBeUndefined();
      await waitForState(cluster, [0, 1], 'n3', 'alive');
    },
  );
});

describe('a node whose data folder was copied', () => {
  it.each(cases)(
    'makes way for the copy that was started while it was down: copy as $copyId, seed $seed',
    async ({ seed, copyId }) => {
      const { cluster } = await startWithCopy(seed, copyId);
      machine(cluster, original).stop();
      await waitFor(cluster, 'the original is down', () => machine(cluster, original).state === 'down');
      await start(cluster, copy);
      await put(cluster, copy, 'key', 'newer');
      await waitForEqual(cluster, [0, 1, copy]);
      await pass(cluster, 5_000);

      machine(cluster, original).start();
      await waitForEnd(cluster, original);
      await pass(cluster, 20_000);
      expect(failureOf(cluster, original)).toMatch(refusal('n3', copy));
      expect(isReady(cluster, copy)).toBe(true);
      for (const viewer of [0, 1]) {
        expect(running(cluster, viewer).cluster.members.get(copyId)).toMatchObject({
          address: addressOf(copy),
          state: 'alive',
        });
      }
      expect(await readAll(cluster, 'key', [0, 1, copy])).toEqual(Array(3).fill('newer'));
    },
  );

  it('and that is gone is asked for a second, before the copy takes its place', async () => {
    const { cluster } = await startWithCopy(1, 'n3');
    machine(cluster, original).crash();
    const before = cluster.world.clock.elapsedMs;
    await start(cluster, copy);
    const tookMs = cluster.world.clock.elapsedMs - before;
    expect(tookMs).toBeGreaterThanOrEqual(twinDeadlineMs);
    expect(tookMs).toBeLessThan(twinDeadlineMs + 100);
  });
});
