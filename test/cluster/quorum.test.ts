import { expect, it } from 'vitest';
import { clusterTestMs, RealCluster } from './real-cluster.ts';
import type { Answer, RealNode } from './real-node.ts';

/** Nodes that find nothing out by themselves: only pushes, and what a read does, bring anything. */
const withoutSyncs = { sync_interval: 3_600, catchup_interval: 3_600 };

/** For one read, s; the machine may be busy. */
const patience = 20;

const readFrom = (node: RealNode, key: string, timeout: number): Promise<Answer> =>
  node.request('GET', `/kv/${key}?consistency=quorum&timeout=${timeout}`);

it(
  'A node that others cannot tell anything answers what a majority holds, and a minority answers nothing',
  async () => {
    const cluster = await RealCluster.start(3, withoutSyncs);
    const [left, right, far] = [cluster.node(1), cluster.node(2), cluster.node(3)];
    await cluster.waitMembers(3);
    await cluster.waitWritable();
    await left.put('k', 'older');
    await left.put('gone', 'older');
    await cluster.waitEqual(['k', 'gone']);
    for (const node of [left, right]) cluster.cutOneWay(node, far);
    await left.del('gone');
    // Those that have just met compare once, which may bring a first write all the same.
    let newest = '';
    await cluster.waitFor('node3 behind the others', async () => {
      newest += 'x';
      await left.put('k', newest);
      await cluster.waitEqual(['k', 'gone'], [left, right]);
      return (await far.get('k')) !== newest;
    });
    expect(await readFrom(far, 'k', patience)).toMatchObject({ status: 200, text: `"${newest}"` });
    expect((await readFrom(far, 'gone', patience)).status).toBe(404);
    // It holds itself what it has answered.
    expect([await far.get('k'), await far.get('gone')]).toEqual([newest, undefined]);

    for (const mode of ['refuse', 'silent'] as const) {
      cluster.isolate(far, mode);
      await left.put('k', mode);
      await cluster.waitEqual(['k'], [left, right]);
      const refused = await readFrom(far, 'k', 1);
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toBe('1');
      expect(JSON.parse(refused.text)).toMatchObject({
        code: 'KVS_NO_QUORUM',
        detail: '1 member of the 2 that are needed answered in time; 3 are known',
      });
      expect(await readFrom(left, 'k', patience)).toMatchObject({ status: 200, text: `"${mode}"` });
      cluster.mend();
      expect(await readFrom(far, 'k', patience)).toMatchObject({ status: 200, text: `"${mode}"` });
      await cluster.waitMembers(3);
    }
  },
  clusterTestMs,
);
