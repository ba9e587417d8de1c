import { describe, expect, it } from 'vitest';
import { clusterTestMs, RealCluster } from './real-cluster.ts';
import type { RealNode } from './real-node.ts';

interface Revision {
  readonly uuid: string;
  readonly deleted: boolean;
  readonly current: boolean;
  readonly origin: string;
}

async function revisionsOf(node: RealNode, key = 'k'): Promise<Revision[]> {
  const answer = await node.request('GET', `/kv/${key}?revisions`);
  return answer.status === 404 ? [] : (JSON.parse(answer.text) as { revisions: Revision[] }).revisions;
}

/** The values of all revisions, newest first; `deleted` for a deletion. */
async function historyOf(node: RealNode, key = 'k'): Promise<unknown[]> {
  const values: unknown[] = [];
  for (const { uuid, deleted } of await revisionsOf(node, key)) {
    values.push(deleted ? 'deleted' : await node.json(`/kv/${key}?revision=${uuid}`));
  }
  return values;
}

async function restore(node: RealNode, uuid: string): Promise<number> {
  return (await node.request('POST', `/kv/k?restore=${uuid}`)).status;
}

describe('The revisions of a key', { timeout: clusterTestMs }, () => {
  it('are there after a kill -9, and a restart with fewer of them, and can be restored then', async () => {
    const cluster = await RealCluster.start(1, { revisions_kept: 5 });
    const node = cluster.node(1);
    const written = [];
    for (const value of ['one', 'two', 'three']) written.push(await node.put('k', value));
    await node.del('k');
    await node.put('k', 'four'.repeat(5_000));
    await node.put('k', 'five');
    const before = await revisionsOf(node);
    await node.kill9();
    await node.start();
    expect(await revisionsOf(node)).toEqual(before);
    expect(await historyOf(node)).toEqual(['five', 'four'.repeat(5_000), 'deleted', 'three', 'two']);
    expect(await restore(node, written[1]?.uuid ?? '')).toBe(200);
    await node.kill9();
    await node.start({ revisions_kept: 2 });
    expect(await historyOf(node)).toEqual(['two', 'five']);
    expect(await node.get('k')).toBe('two');
  });

  it('hold the write that lost when a partition heals, where it was made, and restored it wins everywhere', async () => {
    const cluster = await RealCluster.start(2);
    const [left, right] = [cluster.node(1), cluster.node(2)];
    await cluster.waitMembers(2);
    await cluster.waitWritable();
    await left.put('k', 'before');
    await cluster.waitEqual(['k']);
    cluster.separate([left], [right]);
    const { timestamp } = await left.put('k', 'lost');
    // Of two writes of one millisecond a vote would decide.
    while (Date.now() <= timestamp) await new Promise(setImmediate);
    await right.put('k', 'won');
    expect(await left.get('k')).toBe('lost');
    cluster.mend();
    expect(await cluster.waitEqual(['k'])).toEqual({ k: 'won' });
    expect(await historyOf(left)).toEqual(['won', 'lost', 'before']);
    const [, lost] = await revisionsOf(left);
    expect(lost).toMatchObject({ origin: 'node1', current: false });
    expect(await restore(left, lost?.uuid ?? '')).toBe(200);
    expect(await cluster.waitEqual(['k'])).toEqual({ k: 'lost' });
    expect((await historyOf(right)).slice(0, 2)).toEqual(['lost', 'won']);
    await cluster.waitSameData();
  });

  it('are those that a node has seen: a new one begins with the versions that stand', async () => {
    const cluster = await RealCluster.start(1);
    const first = cluster.node(1);
    await first.put('k', 'old');
    await first.put('k', 'new');
    await first.put('gone', 'old');
    await first.del('gone');
    const second = await cluster.another({ node_id: 'node2' });
    await second.start();
    await cluster.waitWritable();
    await cluster.waitSameData();
    expect(await historyOf(first)).toEqual(['new', 'old']);
    expect(await historyOf(second)).toEqual(['new']);
    expect(await historyOf(second, 'gone')).toEqual(['deleted']);
  });
});
