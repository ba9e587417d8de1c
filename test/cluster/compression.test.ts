import { gunzipSync } from 'node:zlib';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { clusterTestMs, RealCluster } from './real-cluster.ts';
import type { RealNode } from './real-node.ts';

interface ShownVersion {
  readonly uuid: string;
  readonly bytes: number;
  readonly stored_bytes: number;
}

/** About 300 KiB of JSON as people write it. */
const value = Array.from({ length: 4_000 }, (_, id) => ({ id, name: `user ${id}`, active: id % 3 === 0 }));

describe('A large value', { timeout: clusterTestMs }, () => {
  it('is in gzip on every disk, whatever the settings of the others, and reads the same everywhere', async () => {
    const cluster = await RealCluster.start(3, (i) => (i === 2 ? { compress_min_bytes: 0 } : {}));
    await cluster.waitMembers(3);
    await cluster.waitWritable();
    const [first, , third] = [cluster.node(1), cluster.node(2), cluster.node(3)];
    const { uuid } = await first.put('packed', value);
    await third.put('plain', value);
    const values = await cluster.waitEqual(['packed', 'plain']);
    expect(values).toEqual({ packed: value, plain: value });
    await cluster.waitSameData();

    await cluster.node(2).kill9();
    await cluster.node(2).start();
    const plain = JSON.stringify(value);
    for (const node of cluster.nodes) {
      const packed = await shown(node, 'packed');
      expect([packed.uuid, packed.bytes]).toEqual([uuid, plain.length]);
      expect(packed.stored_bytes).toBeLessThan(plain.length / 4);
      expect(await shown(node, 'plain')).toMatchObject({ bytes: plain.length, stored_bytes: plain.length });

      const raw = await request(`${node.url}/kv/packed`, { headers: { 'Accept-Encoding': 'gzip' } });
      const body = Buffer.from(await raw.body.arrayBuffer());
      expect(raw.headers).toMatchObject({ 'content-encoding': 'gzip', etag: `"${uuid}-gzip"` });
      expect(body.length).toBe(packed.stored_bytes);
      expect(gunzipSync(body).toString()).toBe(plain);
    }
  });
});

async function shown(node: RealNode, key: string): Promise<ShownVersion> {
  const { version } = (await node.json(`/debug/keys/version?path=${key}`)) as { version: ShownVersion };
  return version;
}
