import { describe, expect, it } from 'vitest';
import { KvsClient, type Operation } from '../../src/client/client.ts';
import { collect } from '../client/collect.ts';
import { clusterTestMs, RealCluster } from './real-cluster.ts';
import type { RealNode } from './real-node.ts';

/** More than a page of a list, and more than a group of a batch. */
const count = 1_500;

/** One that asks only this node, and tells what it answers the first time. */
const clientOf = (node: RealNode): KvsClient => new KvsClient(node.url, { retries: 0 });

describe('Three nodes', { timeout: clusterTestMs }, () => {
  it('show what came in a batch at one of them in the lists and watches of another, and the third deletes it all', async () => {
    const cluster = await RealCluster.start(3);
    await cluster.waitMembers(3);
    await cluster.waitWritable();
    const [writer, reader, deleter] = [1, 2, 3].map((number) => clientOf(cluster.node(number)));
    if (writer === undefined || reader === undefined || deleter === undefined)
      throw new Error('Three were started');

    const watch = reader.watch('shop/');
    await watch.open();
    const operations = Array.from({ length: count }, (_, n): Operation => ({
      op: 'put',
      path: `shop/${n % 7}/item${n}`,
      value: n,
    }));
    const results = await collect(writer.batch(operations));
    expect(results.every(({ status }) => status === 201)).toBe(true);
    const uuids = new Map(results.map(({ path, uuid }) => [path, uuid]));
    expect(uuids.size).toBe(count);

    const seen = new Map<string, unknown>();
    while (seen.size < count) {
      const { value: event } = await watch.next();
      if (event?.event !== 'put') throw new Error(`Came instead of a put: ${event?.event}`);
      expect(uuids.get(event.path)).toBe(event.uuid);
      expect(seen.has(event.path)).toBe(false);
      seen.set(event.path, event.value);
    }
    await cluster.waitSameData();
    const listed = await collect(deleter.list('shop/', { recursive: true, values: true }));
    expect(listed.map(({ path, uuid }) => [path, uuid])).toEqual([...uuids].toSorted(byPath));
    expect(listed.every(({ path, value }) => seen.get(path) === value)).toBe(true);

    expect(await deleter.deleteAll('shop/')).toBe(count);
    const deleted = new Set<string>();
    while (deleted.size < count) {
      const { value: event } = await watch.next();
      if (event?.event !== 'delete') throw new Error(`Came instead of a delete: ${event?.event}`);
      deleted.add(event.path);
    }
    await watch.return();
    await cluster.waitSameData();
    expect(await Promise.all([writer, reader, deleter].map((client) => client.count('')))).toEqual([0, 0, 0]);
  });

  it('each keep a condition by themselves; what lost when they meet again meets no condition any more', async () => {
    const cluster = await RealCluster.start(3);
    await cluster.waitMembers(3);
    await cluster.waitWritable();
    const clients = cluster.nodes.map(clientOf);
    const [here, , there] = clients;
    cluster.isolate(cluster.node(3));
    const first = await here?.put('lock', 'here', { ifNoneMatch: '*' });
    const second = await there?.put('lock', 'there', { ifNoneMatch: '*' });
    expect([first?.created, second?.created]).toEqual([true, true]);
    cluster.mend();
    await cluster.waitSameData();

    const { lock } = await cluster.waitEqual(['lock']);
    const [won, lost] = lock === 'here' ? [first, second] : [second, first];
    if (won === undefined || lost === undefined) throw new Error('Both were written');
    for (const client of clients) {
      const refused = { code: 'KVS_PRECONDITION_FAILED', status: 412 };
      await expect(client.put('lock', 'again', { ifMatch: lost.uuid })).rejects.toMatchObject(refused);
      await expect(client.put('lock', 'again', { ifNoneMatch: '*' })).rejects.toMatchObject(refused);
    }
    await clients[1]?.put('lock', 'theirs', { ifMatch: won.uuid });
    expect(await cluster.waitEqual(['lock'])).toEqual({ lock: 'theirs' });
  });
});

function byPath([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
