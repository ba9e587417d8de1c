import { describe, expect, it } from 'vitest';
import { clusterTestMs, RealCluster } from './real-cluster.ts';

describe('A cluster', { timeout: clusterTestMs }, () => {
  it('grows node by node, and has every write and every delete of each node at all of them', async () => {
    const cluster = await RealCluster.prepare(3);
    const [first, second, third] = [cluster.node(1), cluster.node(2), cluster.node(3)];
    for (const [i, node] of cluster.nodes.entries()) {
      await node.start();
      await cluster.waitMembers(i + 1, cluster.nodes.slice(0, i + 1));
      await cluster.waitWritable([node]);
    }
    for (const node of cluster.nodes) {
      const members = await node.members();
      const seen = new Map(members.map(({ id, address, state }) => [id, { address, state }]));
      expect(seen).toEqual(
        new Map(cluster.nodes.map(({ id, link }) => [id, { address: link.address, state: 'alive' }])),
      );
    }
    const ages = (await second.members()).toSorted((a, b) => a.joined_timestamp - b.joined_timestamp);
    expect(ages.map(({ id }) => id)).toEqual(['node1', 'node2', 'node3']);

    const { uuid, timestamp } = await first.put('test/data', { message: 'hello world' });
    await cluster.waitEqual(['test/data']);
    const there = await third.request('GET', '/kv/test/data');
    expect(there.text).toBe('{"message":"hello world"}');
    expect([there.headers.get('etag'), there.headers.get('kvs-timestamp')]).toEqual([
      `"${uuid}"`,
      String(timestamp),
    ]);

    await third.put('test/data', { message: 'changed elsewhere' });
    await second.put('users/john/profile', { age: 30 });
    expect(await cluster.waitEqual(['test/data', 'users/john/profile'])).toEqual({
      'test/data': { message: 'changed elsewhere' },
      'users/john/profile': { age: 30 },
    });

    expect(await second.del('test/data')).toBe(true);
    await cluster.waitFor('the delete at all nodes', async () =>
      (await Promise.all(cluster.nodes.map((node) => node.get('test/data')))).every(
        (value) => value === undefined,
      ),
    );
    await cluster.waitSameData();
    expect(await first.del('test/data')).toBe(false);
    expect(await third.stop()).toBe(0);
    await cluster.waitState('node3', 'left', [first, second]);
    await cluster.waitMembers(2, [first, second]);
    expect(first.log().map(({ message }) => message)).toEqual([
      'The node answers',
      'Member node2: joined',
      'Member node3: joined',
      'Member node3: left',
    ]);
  });

  it('of nodes that have each other as seeds and start at once comes together and takes writes', async () => {
    const cluster = await RealCluster.prepare(3, (_, addresses) => ({ seed_nodes: addresses }));
    await Promise.all(cluster.nodes.map((node) => node.start()));
    await cluster.waitMembers(3);
    await cluster.waitWritable();
    for (const node of cluster.nodes) await node.put(`from/${node.id}`, node.id);
    expect(await cluster.waitEqual(['from/node1', 'from/node2', 'from/node3'])).toEqual({
      'from/node1': 'node1',
      'from/node2': 'node2',
      'from/node3': 'node3',
    });
  });

  it('has read-only nodes that take what others write and refuse clients, and carries large values', async () => {
    const largeBytes = 8 * 1_048_576;
    const cluster = await RealCluster.start(2, (i) => ({
      read_only: i === 1,
      max_value_bytes: largeBytes,
    }));
    const [writer, reader] = [cluster.node(1), cluster.node(2)];
    await cluster.waitFor('mode read-only', async () => (await reader.health()).mode === 'read-only');
    const large = 'x'.repeat(largeBytes - 2);
    await writer.put('large', large);
    await writer.put('small', 1);
    const values = await cluster.waitEqual(['large', 'small']);
    expect(values['large'] === large).toBe(true);
    for (const [method, body] of [['PUT', '2'], ['DELETE']] as const) {
      const answer = await reader.request(method, '/kv/small', body);
      expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('KVS_READ_ONLY')]);
    }
    expect(await cluster.waitEqual(['small'])).toEqual({ small: 1 });
  });
});
