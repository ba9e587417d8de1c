import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clusterTestMs, RealCluster } from './real-cluster.ts';

/** 2.16 s, in hours. */
const shortRetention = { tombstone_retention_hours: 0.000_6 };

const deletedKeys = Array.from({ length: 20 }, (_, n) => `deleted/${n}`);

describe('A node that was away', { timeout: clusterTestMs }, () => {
  it('for longer than tombstones are kept brings no deleted key back, and is named as who holds them', async () => {
    const cluster = await RealCluster.start(3, shortRetention);
    const [first, second, absent] = [cluster.node(1), cluster.node(2), cluster.node(3)];
    await cluster.waitMembers(3);
    await cluster.waitWritable();
    await Promise.all([...deletedKeys, 'kept'].map((key) => first.put(key, 'old')));
    await cluster.waitEqual([...deletedKeys, 'kept']);
    await absent.kill9();
    await Promise.all(deletedKeys.map((key) => second.del(key)));

    await cluster.waitFor('tombstones held by node3', async () => {
      const healths = await Promise.all([first.health(), second.health()]);
      return healths.every(
        (health) => health.tombstones_held === deletedKeys.length && health.tombstones_held_by === 'node3',
      );
    });

    await absent.start();
    await cluster.waitFor('no tombstones held', async () => {
      const healths = await Promise.all(cluster.nodes.map((node) => node.health()));
      return healths.every((health) => health.tombstones_held === undefined);
    });
    const values = await cluster.waitEqual([...deletedKeys, 'kept']);
    expect(values).toEqual({
      ...Object.fromEntries(deletedKeys.map((key) => [key, undefined])),
      kept: 'old',
    });
    await cluster.waitSameData();
  });

  it('and was forgotten meanwhile is refused and brings nothing back, until it joins anew without its data', async () => {
    const cluster = await RealCluster.start(2, shortRetention);
    const [first, forgotten] = [cluster.node(1), cluster.node(2)];
    await cluster.waitMembers(2);
    await cluster.waitWritable();
    await Promise.all([...deletedKeys, 'kept'].map((key) => first.put(key, 'old')));
    await cluster.waitEqual([...deletedKeys, 'kept']);

    const forget = (id: string) => first.request('POST', '/members/forget', JSON.stringify({ id }));
    const [alive, unknown] = [await forget('node2'), await forget('nobody')];
    expect([alive.status, alive.text]).toEqual([409, expect.stringContaining('KVS_MEMBER_ALIVE')]);
    expect([unknown.status, unknown.text]).toEqual([404, expect.stringContaining('KVS_MEMBER_NOT_FOUND')]);

    await forgotten.kill9();
    await cluster.waitState('node2', 'dead', [first]);
    await Promise.all(deletedKeys.map((key) => first.del(key)));
    expect((await forget('node2')).status).toBe(200);
    expect(await first.stateOf('node2')).toBeUndefined();

    await forgotten.start();
    const { refused } = await cluster.waitFor('the refusal', async () => {
      const health = await forgotten.health();
      return health.refused !== undefined && health;
    });
    expect(refused).toMatch(/forgotten .*move its data folder away/);
    expect(forgotten.log()).toContainEqual(
      expect.objectContaining({ level: 'error', code: 'KVS_FORGOTTEN', message: refused }),
    );
    await forgotten.put('of-the-forgotten', 1);
    await first.put('of-the-first', 1);
    // It has called again, and was refused again.
    await cluster.waitFor('another try', async () => {
      const { context } = (await forgotten.json('/debug/actors/gossiper')) as {
        readonly context: { readonly failedJoins: number };
      };
      return context.failedJoins >= 2;
    });
    for (const key of [...deletedKeys, 'of-the-forgotten']) expect(await first.get(key)).toBeUndefined();
    expect(await forgotten.get('of-the-first')).toBeUndefined();
    expect(await first.stateOf('node2')).toBeUndefined();

    expect(await forgotten.stop()).toBe(0);
    await rename(join(forgotten.folder, 'data'), join(forgotten.folder, 'set-aside'));
    await forgotten.start();
    await cluster.waitMembers(2);
    await cluster.waitWritable();
    const values = await cluster.waitEqual([...deletedKeys, 'kept', 'of-the-first', 'of-the-forgotten']);
    expect(values).toMatchObject({ kept: 'old', 'of-the-first': 1, 'of-the-forgotten': undefined });
    expect(values['deleted/0']).toBeUndefined();
    expect((await forgotten.health()).refused).toBeUndefined();
    const errors = forgotten.log().filter(({ level }) => level === 'error');
    expect(errors.map(({ code }) => code)).toEqual(['KVS_FORGOTTEN']);
  });
});
