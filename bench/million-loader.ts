/** Loads keys through the version store into the folder of its first argument; prints one JSON line of `LoadedKeys`. */
import { randomUUID } from 'node:crypto';
import type { KeyPath } from '../src/core/key-path.ts';
import type { Level } from '../src/store/level.ts';
import { RocksdbLevel } from '../src/store/rocksdb-level.ts';
import { openVersionStore } from '../src/store/version-store.ts';

export interface LoadedKeys {
  readonly keysPerSecond: number;
  readonly residentBytes: number;
}

const [folder = '', keysText = '1000000'] = process.argv.slice(2);
const keys = Number(keysText);
const batchKeys = 1000;
const batchesInFlight = 2;

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const store = await openVersionStore({
  level: new RocksdbLevel(folder) as unknown as Level,
  nodeId: 'bench',
  durable: true,
  clock: { now: () => Date.now() },
  random: { next: () => Math.random(), uuid: () => randomUUID() },
  logger: silent,
  tombstoneRetentionMs: 720 * 3_600_000,
  revisionsKept: 3,
  maxClockDriftMs: 60_000,
  cacheBytes: 64 * 1024 * 1024,
});

const startedAt = performance.now();
let next = 0;
async function loadBatches(): Promise<void> {
  while (next < keys) {
    const from = next;
    next += batchKeys;
    await store.write(
      Array.from({ length: Math.min(batchKeys, keys - from) }, (_, i) => ({
        kind: 'put' as const,
        path: `shops/${(from + i) % 1000}/items/${from + i}` as KeyPath,
        contentType: 'application/json',
        data: Buffer.from(JSON.stringify({ item: from + i, name: 'a small thing', price: 1999, stock: 7 })),
      })),
    );
  }
}
await Promise.all(Array.from({ length: batchesInFlight }, loadBatches));
const seconds = (performance.now() - startedAt) / 1000;
const loaded: LoadedKeys = { keysPerSecond: keys / seconds, residentBytes: process.memoryUsage.rss() };
await store.close();
process.stdout.write(`${JSON.stringify(loaded)}\n`);
