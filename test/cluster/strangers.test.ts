import { describe, expect, it } from 'vitest';
import { clusterTestMs, RealCluster } from './real-cluster.ts';
import type { RealNode } from './real-node.ts';

describe('A node that is not wanted', { timeout: clusterTestMs }, () => {
  it('because its id is taken is told so; once the other one is dead it takes its place, with all data', async () => {
    const cluster = await RealCluster.start(2);
    const [first, holder] = [cluster.node(1), cluster.node(2)];
    await cluster.waitMembers(2);
    await cluster.waitWritable();
    await holder.put('of-the-first-life', 1);
    await cluster.waitEqual(['of-the-first-life']);

    const rival = await cluster.another({ node_id: 'node2' });
    await rival.start();
    const { refused } = await cluster.waitFor('the refusal', async () => {
      const health = await rival.health();
      return health.refused !== undefined && health;
    });
    expect(refused).toContain(`is called node2 (${holder.link.address}): no two may have the same node_id`);
    const told = expect.objectContaining({ level: 'error', code: 'KVS_DUPLICATE_ID', message: refused });
    expect(rival.log()).toContainEqual(told);
    const seen = (await first.members()).find(({ id }) => id === 'node2');
    expect(seen).toMatchObject({ address: holder.link.address, state: 'alive' });
    expect((await holder.health()).refused).toBeUndefined();

    await holder.kill9();
    const pair = [first, rival];
    await cluster.waitMembers(2, pair);
    await cluster.waitWritable(pair);
    await first.put('of-the-second-life', 2);
    expect(await cluster.waitEqual(['of-the-first-life', 'of-the-second-life'], pair)).toEqual({
      'of-the-first-life': 1,
      'of-the-second-life': 2,
    });
    await cluster.waitSameData(pair);
    const after = (await first.members()).find(({ id }) => id === 'node2');
    expect(after).toMatchObject({ address: rival.link.address, state: 'alive' });
    await cluster.waitFor('no refusal any more', async () => (await rival.health()).refused === undefined);

    // What was on the disk that was replaced does not come back.
    await holder.start();
    await cluster.waitFor('the refusal of the old disk', async () => (await holder.health()).refused);
    const codes = holder.log().filter(({ level }) => level === 'error');
    expect(codes.map(({ code }) => code)).toEqual(['KVS_FORGOTTEN']);
    expect(await first.stateOf('node2')).toBe('alive');
  });

  it('because it is of another cluster is told so once, and nobody joins anybody', async () => {
    const cluster = await RealCluster.start(2, (i, addresses) => ({
      cluster_name: i === 0 ? 'shops' : 'robots',
      seed_nodes: addresses.slice(0, i),
    }));
    const [shop, robot] = [cluster.node(1), cluster.node(2)];
    await shop.put('a', 1);
    await cluster.waitFor('a second try', async () => (await failedJoins(robot)) >= 2);
    const errors = robot.log().filter(({ level }) => level === 'error');
    const message = `${shop.link.address} refuses this node: This node is of the cluster shops, not robots`;
    expect(errors).toMatchObject([{ code: 'KVS_OTHER_CLUSTER', message }]);
    expect(await robot.get('a')).toBeUndefined();
    const counts = await Promise.all(cluster.nodes.map((node) => node.health()));
    expect(counts.map(({ member_count }) => member_count)).toEqual([1, 1]);
  });
});

async function failedJoins(node: RealNode): Promise<number> {
  const { context } = (await node.json('/debug/actors/gossiper')) as {
    readonly context: { readonly failedJoins: number };
  };
  return context.failedJoins;
}
