import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBareReplicas, stopBareReplicas } from './bare-replicas.ts';
import { until, valueOf, type BenchClient } from './client.ts';
import { bytesBetween, startCluster, stopCluster, untilEqual, type ClusterNode } from './cluster-nodes.ts';
import { runScript } from './processes.ts';

const writesPerSecond = 500;
/** Long enough for the code of the nodes to be compiled. */
const warmUpSeconds = 20;
const lagSeconds = 20;
/** One write in so many is watched for at another node. */
const watchedEvery = 50;
const keys = 1_000_000;
const differing = 10_000;
const bootstrapKeys = 100_000;
const equalSyncs = 100;

interface SyncerState {
  readonly state: unknown;
  readonly context: {
    readonly behind: readonly string[];
    readonly failures: object;
    readonly exchanges: number;
  };
}

const line = (title: string, value: string) => process.stdout.write(`  ${title.padEnd(52)} ${value}\n`);

const folder = await mkdtemp(join(tmpdir(), 'kvs-bench-'));
try {
  await benchLag();
  await benchBootstrap();
  await benchEqualSync();
  await benchPartition();
} finally {
  await rm(folder, { recursive: true });
}

/** From the acknowledgement of a write at one node until another one gives it back; beside it, the same of the reference. */
async function benchLag(): Promise<void> {
  process.stdout.write(
    `Three nodes, ${writesPerSecond} writes/s on each, durability: sync, after ${warmUpSeconds} s of the same\n`,
  );
  const replicas = await startBareReplicas(dataDirs('bare', 3));
  const bare = await measureLag(replicas.map(({ client }) => client));
  await stopBareReplicas(replicas);
  const nodes = await startCluster(dataDirs('lag', 3), { linked: false });
  const own = await measureLag(nodes.map(({ client }) => client));
  await stopCluster(nodes);
  for (const [title, share] of [
    ['median', 0.5],
    ['99 %', 0.99],
    ['longest', 1],
  ] as const) {
    const ratio = quantile(own.lags, share) / quantile(bare.lags, share);
    const compared = `bare replicas ${quantile(bare.lags, share).toFixed(1)} ms, ratio ${ratio.toFixed(1)}`;
    line(`replication lag, ${title}`, `${quantile(own.lags, share).toFixed(1)} ms; ${compared}`);
  }
  if (own.late > 0) line('writes that began over a second late', String(own.late));
}

/** The lags of the watched writes, ms, ascending; and how many writes began over a second late. */
async function measureLag(
  clients: readonly BenchClient[],
): Promise<{ readonly lags: readonly number[]; readonly late: number }> {
  const lags: number[] = [];
  const watches: Promise<void>[] = [];
  let late = 0;
  await Promise.all(
    clients.map(async (client, at) => {
      const startedAt = performance.now();
      const writes: Promise<void>[] = [];
      for (let n = 0; n < writesPerSecond * (warmUpSeconds + lagSeconds); n++) {
        const dueAt = startedAt + (n / writesPerSecond) * 1_000;
        const leftMs = dueAt - performance.now();
        if (leftMs > 1) await new Promise((resolve) => setTimeout(resolve, leftMs));
        if (leftMs < -1_000) late++;
        writes.push(write(client, at, n));
      }
      await Promise.all(writes);
    }),
  );
  await Promise.all(watches);
  return { lags: lags.toSorted((a, b) => a - b), late };

  async function write(client: BenchClient, at: number, n: number): Promise<void> {
    const path = `lag/${at}/${n}`;
    const etag = await client.put(path, valueOf(n));
    if (n % watchedEvery !== 0 || n < writesPerSecond * warmUpSeconds) return;
    const acknowledgedAt = performance.now();
    const other = clients[(at + 1 + ((n / watchedEvery) % 2)) % 3];
    if (other !== undefined) watches.push(watch(other, path, etag, acknowledgedAt));
  }

  async function watch(client: BenchClient, path: string, etag: string, since: number): Promise<void> {
    // A pause between two looks: who watches must not keep the watched one busy.
    await until(async () => (await client.etag(path)) === etag, 1);
    lags.push(performance.now() - since);
  }
}

async function benchBootstrap(): Promise<void> {
  process.stdout.write(`\nA node that joins, ${bootstrapKeys.toLocaleString('en')} keys, delays 0\n`);
  const [first = '', second = ''] = dataDirs('bootstrap', 2);
  await load(first, bootstrapKeys);
  const startedAt = performance.now();
  const nodes = await startCluster([first, second], {
    settings: { throttle_delay_ms: 0, fetch_delay_ms: 0 },
  });
  line(
    'until both are in mode normal, starts included',
    `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`,
  );
  await untilEqual(nodes);
  line('until both hold the same', `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  await stopCluster(nodes);
}

async function benchPartition(): Promise<void> {
  const count = differing.toLocaleString('en');
  process.stdout.write(
    `\nThree nodes, ${keys.toLocaleString('en')} keys, a partition with ${count} that differ\n`,
  );
  const [first = '', ...others] = dataDirs('partition', 3);
  await load(first, keys);
  await finished(runScript('clone-store.ts', first, ...others));
  const nodes = await startCluster([first, ...others]);
  await untilEqual(nodes);
  await untilCompared(nodes);
  const [one, ...rest] = nodes;
  const [two] = rest;
  if (one === undefined || two === undefined) throw new Error('Three nodes were to start');
  // Its own link cuts what comes to it; what it sends is cut at the others.
  for (const { link } of nodes) link.cut('silent');
  // Only once each takes the others for dead is nothing kept for them any more: they must compare what they hold.
  for (const { client } of nodes) {
    await until(async () => (await client.json<{ member_count: number }>('/health')).member_count === 1, 50);
  }
  await Promise.all([writeMany(one, 0), writeMany(two, differing / 2)]);
  const bytesBefore = bytesBetween(nodes);
  const healedAt = performance.now();
  for (const { link } of nodes) link.mend();
  await untilEqual(nodes);
  line(
    'until all hold the same, from the healing on',
    `${((performance.now() - healedAt) / 1_000).toFixed(1)} s`,
  );
  const bytes = bytesBetween(nodes) - bytesBefore;
  line('bytes exchanged, values included, per differing key', (bytes / differing).toFixed(0));
  await stopCluster(nodes);
}

async function writeMany(node: ClusterNode, from: number): Promise<void> {
  let next = from;
  const end = from + differing / 2;
  const writer = async (): Promise<void> => {
    while (next < end) {
      const n = next++;
      const item = (n * 97) % keys;
      await node.client.put(`shops/${item % 1_000}/items/${item}`, valueOf(n));
    }
  };
  await Promise.all(Array.from({ length: 8 }, writer));
}

/** What one exchange of two nodes that hold the same costs each way, HTTP and the probes meanwhile included. */
async function benchEqualSync(): Promise<void> {
  process.stdout.write(`\nTwo nodes that hold the same ${bootstrapKeys.toLocaleString('en')} keys\n`);
  const [first = '', second = ''] = dataDirs('equal', 2);
  await load(first, bootstrapKeys);
  await finished(runScript('clone-store.ts', first, second));
  const nodes = await startCluster([first, second], { settings: { sync_interval: 0.05 } });
  const [a, b] = nodes;
  if (a === undefined || b === undefined) throw new Error('Two nodes were to start');
  await untilEqual(nodes);
  const before = { syncs: await syncsOf(a), to: b.link.bytesToTarget, from: b.link.bytesFromTarget };
  await until(async () => (await syncsOf(a)) >= before.syncs + equalSyncs, 50);
  const syncs = (await syncsOf(a)) - before.syncs;
  line('bytes of a comparison, asked', ((b.link.bytesToTarget - before.to) / syncs).toFixed(0));
  line('bytes of a comparison, answered', ((b.link.bytesFromTarget - before.from) / syncs).toFixed(0));
  await stopCluster(nodes);
}

async function syncsOf({ client }: ClusterNode): Promise<number> {
  const { context } = await client.json<SyncerState>('/debug/actors/syncer');
  return context.exchanges;
}

/** Settles when all have compared what they hold with all others, as they do when they have met. */
async function untilCompared(nodes: readonly ClusterNode[]): Promise<void> {
  const secondWordMs = 2_000;
  for (const pauseMs of [secondWordMs, secondWordMs, 0]) {
    for (const { client } of nodes) {
      await until(async () => {
        const { state, context } = await client.json<SyncerState>('/debug/actors/syncer');
        return state === 'idle' && context.behind.length === 0 && Object.keys(context.failures).length === 0;
      }, 50);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

function dataDirs(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => join(folder, `${name}${i + 1}`));
}

async function load(dataDir: string, count: number): Promise<void> {
  await finished(runScript('million-loader.ts', dataDir, String(count)));
}

async function finished(child: ReturnType<typeof runScript>): Promise<void> {
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`A script ended with ${code}`);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
