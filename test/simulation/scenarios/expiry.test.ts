import { describe, expect, it } from 'vitest';
import type { Version } from '../../../src/core/version.ts';
import type { SimulatedCluster } from '../simulated-cluster.ts';
import { addressOf } from '../simulated-cluster.ts';
import {
  complete,
  expectEverywhere,
  heal,
  machine,
  pass,
  put,
  read,
  readAll,
  remove,
  retention,
  settle,
  split,
  start,
  startCluster,
  stored,
  waitForRemoval,
  withoutPauses,
} from './steps.ts';

const minuteMs = 60_000;

/** Writes a value that lives for so long by the clock of its node, and waits for the acknowledgement. */
async function putFor(
  cluster: SimulatedCluster,
  index: number,
  path: string,
  value: unknown,
  ttlMs: number,
): Promise<Version> {
  const expiresAt = machine(cluster, index).clock.now() + ttlMs;
  const version = await complete(cluster, cluster.put(addressOf(index), path, value, expiresAt));
  if (version === undefined) throw new Error('The write was refused');
  return version;
}

/** Lets time pass until just before an instant of a node's clock. */
async function passUntil(cluster: SimulatedCluster, index: number, ms: number): Promise<void> {
  await pass(cluster, ms - machine(cluster, index).clock.now());
}

describe('a value that expires', () => {
  it('vanishes at every node at the same instant, without a message', async () => {
    const cluster = await startCluster({ nodes: 3 });
    const { expiresAt = 0 } = await putFor(cluster, 1, 'key', 'brief', minuteMs);
    await settle(cluster);
    split(cluster, [0], [1], [2]);
    await passUntil(cluster, 0, expiresAt - 1);
    expect(await readAll(cluster, 'key')).toEqual(['brief', 'brief', 'brief']);
    await pass(cluster, 1);
    expect(await readAll(cluster, 'key')).toEqual([undefined, undefined, undefined]);
    heal(cluster);
    await settle(cluster);
    await cluster.check();
  });

  it('vanishes at a node whose clock is ahead that much earlier, and is one version everywhere all the same', async () => {
    const cluster = await startCluster({ nodes: 3 });
    machine(cluster, 2).clock.jump(20_000);
    const version = await putFor(cluster, 0, 'key', 'brief', minuteMs);
    await settle(cluster);
    await passUntil(cluster, 0, (version.expiresAt ?? 0) - 10_000);
    expect(await readAll(cluster, 'key')).toEqual(['brief', 'brief', undefined]);
    for (const index of [0, 1, 2]) {
      expect(await stored(cluster, index, 'key')).toMatchObject({
        uuid: version.uuid,
        expiresAt: version.expiresAt,
      });
    }
    // Who no longer sees it writes above it nevertheless.
    await put(cluster, 2, 'key', 'anew');
    await expectEverywhere(cluster, 'key', 'anew');
    await cluster.check();
  });

  it('does not take an update with it that was made elsewhere before it expired', async () => {
    const cluster = await startCluster({ nodes: 3 });
    const { expiresAt = 0 } = await putFor(cluster, 0, 'key', 'brief', minuteMs);
    await settle(cluster);
    split(cluster, [0, 1], [2]);
    await put(cluster, 2, 'key', 'lasting');
    await passUntil(cluster, 0, expiresAt + 1);
    expect(await readAll(cluster, 'key')).toEqual([undefined, undefined, 'lasting']);
    heal(cluster);
    await expectEverywhere(cluster, 'key', 'lasting');
    await cluster.check();
  });

  it('beats, long after its end, what a member brings back that saw nothing but the value before it', async () => {
    const retentionMs = 5_000;
    const cluster = await startCluster({
      nodes: 3,
      config: { ...withoutPauses, ...retention(retentionMs), sync_interval: 1 },
    });
    await put(cluster, 0, 'key', 'before');
    await settle(cluster);
    machine(cluster, 2).crash();
    await putFor(cluster, 0, 'key', 'brief', 1_000);
    await pass(cluster, 1_000 + 3 * retentionMs);
    for (const index of [0, 1]) {
      expect(await stored(cluster, index, 'key')).toMatchObject({ deleted: false, retired: true });
    }
    await start(cluster, 2);
    expect(await read(cluster, 2, 'key')).toBe('before');
    await settle(cluster);
    expect(await readAll(cluster, 'key')).toEqual([undefined, undefined, undefined]);
    await waitForRemoval(cluster, 'key');
    expect(await readAll(cluster, 'key')).toEqual([undefined, undefined, undefined]);
    await cluster.check();
  });

  it('is not brought back by a delete that lost against it, nor by its collection', async () => {
    const retentionMs = 2_000;
    const cluster = await startCluster({
      nodes: 2,
      config: { ...withoutPauses, ...retention(retentionMs), sync_interval: 0.5 },
    });
    await put(cluster, 0, 'key', 'first');
    await settle(cluster);
    split(cluster, [0], [1]);
    await remove(cluster, 1, 'key');
    await pass(cluster, 100);
    await putFor(cluster, 0, 'key', 'brief', 10_000);
    heal(cluster);
    await expectEverywhere(cluster, 'key', 'brief');
    await waitForRemoval(cluster, 'key');
    await pass(cluster, 10_000);
    expect(await readAll(cluster, 'key')).toEqual([undefined, undefined]);
    await cluster.check();
  });
});
