import { describe, expect, it } from 'vitest';
import { deleteWhileDead, goneKey, retentionMs } from './dead-member.ts';
import {
  complete,
  contextOf,
  expectEverywhere,
  heal,
  loseDisk,
  machine,
  pass,
  paths,
  put,
  putAll,
  read,
  readAll,
  remove,
  removeAll,
  requests,
  retention,
  running,
  settle,
  split,
  start,
  startCluster,
  stateOf,
  stored,
  waitFor,
  waitForEqual,
  waitForRemoval,
  waitForState,
  withoutPauses,
} from './steps.ts';

const absent = [undefined, undefined, undefined];

describe('a deleted key', () => {
  it('stays deleted when the member that missed it comes back from its side of a partition', async () => {
    const cluster = await startCluster({ nodes: 3 });
    await put(cluster, 2, 'key', 'live');
    await settle(cluster);
    split(cluster, [0, 1], [2]);
    await remove(cluster, 0, 'key');
    await waitForEqual(cluster, [0, 1]);
    expect(await readAll(cluster, 'key')).toEqual([undefined, undefined, 'live']);
    heal(cluster);
    await settle(cluster);
    expect(await readAll(cluster, 'key')).toEqual(absent);
    await cluster.check();
  });

  it('is held back past its retention for a dead member, beats what that brings back, and then goes everywhere', async () => {
    const cluster = await deleteWhileDead();
    await pass(cluster, 3 * retentionMs);
    for (const index of [0, 1]) {
      expect(await stored(cluster, index, goneKey)).toMatchObject({ deleted: true, retired: true });
    }
    expect(contextOf(cluster, 0, 'collector')['last']).toEqual({ retired: 0, removed: 0, held: 1 });

    await start(cluster, 2);
    expect(await read(cluster, 2, goneKey)).toBe('live');
    await settle(cluster);
    expect(await readAll(cluster, goneKey)).toEqual(absent);
    await waitForRemoval(cluster, goneKey);
    await cluster.check();
  });

  it('keeps the value that it is given anew while its deletion is being collected', async () => {
    const retentionMs = 1_000;
    const cluster = await startCluster({
      nodes: 3,
      config: { ...withoutPauses, ...retention(retentionMs), sync_interval: 0.3 },
    });
    // A collection meets values that are on their way to the disk.
    for (const { disk } of cluster.world.nodes)
      disk.faults = { syncDelay: { minMs: 1, meanMs: 20, maxMs: 80 } };
    const keys = paths('key', 30);
    await putAll(cluster, 0, keys, 'old');
    await settle(cluster);
    await removeAll(cluster, 1, keys);
    // The deletions retire after the retention, and go when all have claimed them: values come all along.
    for (const path of keys) {
      await put(cluster, keys.indexOf(path) % 3, path, `new ${path}`);
      await pass(cluster, (2 * retentionMs) / keys.length);
    }
    for (const path of keys) await expectEverywhere(cluster, path, `new ${path}`);
    await cluster.check();
  });

  it('is not sent to and fro by nodes that collect it an hour apart', async () => {
    const longMs = 15_000;
    const cluster = await startCluster({
      nodes: 2,
      config: { ...withoutPauses, ...retention(longMs), sync_interval: 1 },
    });
    machine(cluster, 1).clock.jump(3_600_000);
    const keys = paths('key', 20);
    await putAll(cluster, 0, keys, 'live');
    await settle(cluster);
    await removeAll(cluster, 0, keys);

    // By the clock of n2 they are past the retention at once: it declines what n1 still compares.
    for (const path of keys) await waitForRemoval(cluster, path, [1]);
    const { sequence } = running(cluster, 1).store;
    const offered = requests(cluster, 'push');
    await pass(cluster, 5_000);
    expect(requests(cluster, 'push')).toBeGreaterThan(offered);
    expect(running(cluster, 1).store.sequence).toBe(sequence);
    expect(await stored(cluster, 0, 'key/0')).toMatchObject({ deleted: true, retired: false });

    for (const path of keys) await waitForRemoval(cluster, path);
    const sent = requests(cluster, 'push', 'fetch');
    const compared = requests(cluster, 'compare');
    await pass(cluster, 10_000);
    expect(requests(cluster, 'compare')).toBeGreaterThan(compared + 10);
    expect(requests(cluster, 'push', 'fetch')).toBe(sent);
    await cluster.check();
  });
});

describe('a forgotten member', () => {
  it('holds no deletion back, and is refused when it comes back with what it once held', async () => {
    const cluster = await deleteWhileDead();
    await pass(cluster, 2 * retentionMs);
    expect(await stored(cluster, 1, goneKey)).toMatchObject({ retired: true });

    await complete(cluster, running(cluster, 0).cluster.members.forget('n3'));
    await waitForState(cluster, [0, 1], 'n3', undefined);
    await waitForRemoval(cluster, goneKey, [0, 1]);

    await start(cluster, 2);
    const { members } = running(cluster, 2).cluster;
    await waitFor(
      cluster,
      'n3 is told that it is forgotten',
      () => members.refusal?.code === 'KVS_FORGOTTEN',
    );
    await pass(cluster, 10_000);
    expect([stateOf(cluster, 0, 'n3'), stateOf(cluster, 1, 'n3')]).toEqual([undefined, undefined]);
    expect(await readAll(cluster, goneKey)).toEqual([undefined, undefined, 'live']);
  });

  it('takes its own place again with a new data folder', async () => {
    const cluster = await deleteWhileDead();
    await complete(cluster, running(cluster, 0).cluster.members.forget('n3'));
    await waitForState(cluster, [0, 1], 'n3', undefined);
    loseDisk(cluster, 2);
    await start(cluster, 2);
    await settle(cluster);
    expect(await readAll(cluster, goneKey)).toEqual(absent);
    await put(cluster, 2, 'new', 'life');
    await expectEverywhere(cluster, 'new', 'life');
    await cluster.check();
  });
});

describe('a member that lost its disk', () => {
  it('takes its place with another store, and the lost one holds no deletion back', async () => {
    const cluster = await deleteWhileDead();
    const { members } = running(cluster, 0).cluster;
    const lost = members.get('n3')?.storeId ?? '';
    loseDisk(cluster, 2);
    await start(cluster, 2);
    await settle(cluster);
    expect(members.get('n3')?.storeId).not.toBe(lost);
    expect(members.news().forgotten).toContain(lost);
    expect(await readAll(cluster, goneKey)).toEqual(absent);
    await waitForRemoval(cluster, goneKey);
    await cluster.check();
  });

  it('takes its place also when it is back before anybody noticed', async () => {
    const cluster = await startCluster({ nodes: 3 });
    await put(cluster, 0, 'key', 'value');
    await settle(cluster);
    machine(cluster, 2).crash();
    loseDisk(cluster, 2);
    await start(cluster, 2);
    await expectEverywhere(cluster, 'key', 'value');
    await cluster.check();
  });
});
