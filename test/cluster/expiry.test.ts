import { describe, expect, it } from 'vitest';
import { clusterTestMs, RealCluster } from './real-cluster.ts';
import type { RealNode } from './real-node.ts';

interface Expiring {
  readonly uuid: string;
  readonly expires_at: number;
}

/** Long enough that the nodes read the value some times, on a machine that is not overloaded; on one that is, the test holds. */
const ttlSeconds = 2;

describe('A key with a time to live', { timeout: clusterTestMs }, () => {
  it('reads the same at all nodes, is gone from all of them at one instant, and is not back after a restart', async () => {
    const cluster = await RealCluster.start(3);
    await cluster.waitMembers(3);
    await cluster.waitWritable();
    const created = await cluster.node(1).request('PUT', `/kv/brief?ttl=${ttlSeconds}`, '"value"');
    expect(created.status).toBe(201);
    const { uuid, expires_at } = JSON.parse(created.text) as Expiring;

    await Promise.all(cluster.nodes.map((node) => readUntilGone(cluster, node, expires_at)));
    await cluster.waitSameData();
    await cluster.node(2).kill9();
    await cluster.node(2).start();
    for (const node of cluster.nodes) {
      expect(await versionAt(node)).toMatchObject({ uuid, expires_at, state: 'expired' });
      expect(await node.del('brief')).toBe(false);
    }
    await cluster.node(3).put('brief', 'lasting');
    expect(await cluster.waitEqual(['brief'])).toEqual({ brief: 'lasting' });
  });
});

interface Reading {
  readonly askedAt: number;
  readonly answeredAt: number;
  readonly status: number;
  readonly expiresAt: string | null;
}

/** Reads until the node has the version and answers 404: each answer fits the time of its request. */
async function readUntilGone(cluster: RealCluster, node: RealNode, expiresAt: number): Promise<void> {
  const readings: Reading[] = [];
  await cluster.waitFor(`the key is gone from ${node.id}`, async () => {
    const isThere = (await versionAt(node)) !== undefined;
    const askedAt = Date.now();
    const { status, headers } = await node.request('GET', '/kv/brief');
    const reading = { askedAt, answeredAt: Date.now(), status, expiresAt: headers.get('kvs-expires-at') };
    if (isThere) readings.push(reading);
    return isThere && status === 404;
  });
  for (const reading of readings) {
    if (reading.status === 404) expect(reading.answeredAt).toBeGreaterThanOrEqual(expiresAt);
    else expect(reading.askedAt).toBeLessThan(expiresAt);
  }
  const living = readings.filter(({ status }) => status !== 404);
  expect(living.every((reading) => reading.expiresAt === String(expiresAt))).toBe(true);
}

async function versionAt(node: RealNode): Promise<unknown> {
  const answer = await node.request('GET', '/debug/keys/version?path=brief');
  return answer.status === 404 ? undefined : (JSON.parse(answer.text) as { version: unknown }).version;
}
