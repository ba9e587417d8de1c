import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { KeyPath } from '../../src/core/key-path.ts';
import type { Level } from '../../src/store/level.ts';
import { RocksdbLevel } from '../../src/store/rocksdb-level.ts';
import { openVersionStore } from '../../src/store/version-store.ts';
import { systemClock, systemRandom } from '../../src/system.ts';
import { Load } from './load.ts';
import { clusterTestMs, RealCluster } from './real-cluster.ts';
import type { RealNode } from './real-node.ts';

/** 100,000 of them take a minute where the machine is busy. */
const keysCount = 20_000;
const keysPerWrite = 1_000;
/** So long does a new node rest between two pages, ms: time enough to look at it while it is being filled. */
const fetchDelayMs = 25;

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Makes the data folder of a node that has been written to for long. */
async function fill(folder: string, nodeId: string): Promise<void> {
  const store = await openVersionStore({
    level: new RocksdbLevel<Uint8Array, Uint8Array>(folder) as unknown as Level,
    nodeId,
    durable: false,
    clock: systemClock,
    random: systemRandom,
    logger: silent,
    tombstoneRetentionMs: 3_600_000,
    revisionsKept: 3,
    maxClockDriftMs: 60_000,
    cacheBytes: 0,
    bootId: undefined,
  });
  for (let from = 0; from < keysCount; from += keysPerWrite) {
    await store.write(
      Array.from({ length: keysPerWrite }, (_, n) => ({
        kind: 'put' as const,
        path: keyOf(from + n),
        contentType: 'application/json',
        data: Buffer.from(String(from + n)),
      })),
    );
  }
  await store.close();
}

function keyOf(n: number): KeyPath {
  return `shops/${n % 1_000}/items/${n}` as KeyPath;
}

async function bootstrappedKeys(node: RealNode): Promise<number> {
  const { context } = (await node.json('/debug/actors/bootstrapper')) as {
    readonly context: { readonly progress: { readonly keys?: number } };
  };
  return context.progress.keys ?? 0;
}

it(
  `A node that joins ${keysCount.toLocaleString('en')} keys under load refuses writes and serves reads until it holds them all`,
  async () => {
    const cluster = await RealCluster.prepare(2, { fetch_delay_ms: fetchDelayMs });
    const [old, fresh] = [cluster.node(1), cluster.node(2)];
    await fill(join(old.folder, 'data'), old.id);
    await old.start();
    const load = Load.start([old]);

    await fresh.start();
    await cluster.waitFor('the first pages', async () => (await bootstrappedKeys(fresh)) >= keysPerWrite);
    cluster.separate([old], [fresh]);
    expect(await fresh.health()).toMatchObject({ status: 'ok', mode: 'syncing' });
    const refused = await fresh.request('PUT', '/kv/new', '1');
    expect([refused.status, refused.text]).toEqual([503, expect.stringContaining('KVS_SYNCING')]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    // The newest keys are there, the oldest are still to come.
    expect(await fresh.get(keyOf(keysCount - 1))).toBe(keysCount - 1);
    expect(await fresh.get(keyOf(0))).toBeUndefined();

    cluster.mend();
    await cluster.waitWritable([fresh]);
    const last = await fresh.put('new', 1);
    expect(last).toHaveProperty('uuid');
    await load.more(50);
    await load.stop();
    await cluster.waitSameData();
    const values = await cluster.waitEqual([...load.keys, 'new', keyOf(0), keyOf(keysCount / 2)]);
    expect(load.lostIn(values)).toEqual([]);
    expect([values[keyOf(0)], values[keyOf(keysCount / 2)]]).toEqual([0, keysCount / 2]);
    expect([load.refusals, load.failures]).toEqual([[], []]);
  },
  clusterTestMs,
);
