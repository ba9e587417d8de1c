import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './client.ts';
import type { LoadPlan } from './load-worker.ts';
import { median, runLoad, startNode, type Server } from './processes.ts';

const pairs = 12;
const plan = {
  method: 'PUT',
  path: '/kv/bench/k{n}',
  keys: 1_000,
  body: JSON.stringify({ name: 'John Doe', age: 30, email: 'john@example.com' }),
  connections: 64,
  seconds: 2,
} as const satisfies Omit<LoadPlan, 'port'>;

/** What a reader of /debug/events was given. */
interface Watched {
  readonly events: number;
  readonly dropped: number;
}

/**
 * What it costs a loaded node to be watched: PUTs to a node that pushes them to a peer, without a reader of
 * /debug/events and with one, in turn.
 */
async function benchWatching(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kvs-bench-'));
  const start = async (id: string, seeds: readonly string[]): Promise<Server> => {
    await mkdir(join(folder, id));
    return startNode(join(folder, id, 'data'), {
      node_id: id,
      seed_nodes: seeds,
      shutdown_timeout_ms: 4_000,
    });
  };
  const node = await start('bench1', []);
  const peer = await start('bench2', [`127.0.0.1:${node.port}`]);
  try {
    await until(async () => (await membersOf(node)) === 2 && (await membersOf(peer)) === 2, 50);
    await runLoad({ ...plan, port: node.port });
    await compare(node);
  } finally {
    await Promise.all([node.stop(), peer.stop()]);
    await rm(folder, { recursive: true });
  }
}

/** One run of the load. */
interface Run {
  readonly requestsPerSecond: number;
  /** CPU time of the node, all threads, for each request. */
  readonly cpuMicroseconds: number;
}

async function compare(node: Server): Promise<void> {
  const runs: { readonly alone: Run; readonly watched: Run }[] = [];
  const seen = { events: 0, dropped: 0 };
  const runWatched = async () => {
    const stop = await watch(node);
    const result = await run(node);
    const { events, dropped } = stop();
    seen.events += events;
    seen.dropped += dropped;
    return result;
  };
  for (let pair = 0; pair < pairs; pair++) {
    // Each comes first in its turn: what changes on the machine meanwhile favours neither.
    if (pair % 2 === 0) runs.push({ alone: await run(node), watched: await runWatched() });
    else {
      const watched = await runWatched();
      runs.push({ alone: await run(node), watched });
    }
  }
  const line = (title: string, which: 'alone' | 'watched') => {
    const of = (field: keyof Run) => median(runs.map((result) => result[which][field])).toFixed(0);
    return `  ${title.padEnd(38)} ${of('requestsPerSecond').padStart(7)}/s, ${of('cpuMicroseconds')} us of CPU each\n`;
  };
  process.stdout.write(
    `PUT, ${plan.connections} connections, one peer; ${pairs} pairs of runs of ${plan.seconds} s\n` +
      line('nobody watches', 'alone') +
      line('one reader of /debug/events', 'watched') +
      `  throughput, watched to not: ${spread(runs.map(({ alone, watched }) => watched.requestsPerSecond / alone.requestsPerSecond))}\n` +
      `  CPU a request, likewise: ${spread(runs.map(({ alone, watched }) => watched.cpuMicroseconds / alone.cpuMicroseconds))}\n` +
      `  ${Math.round(seen.events / pairs / plan.seconds)} events/s, ${seen.dropped} dropped\n`,
  );
}

async function run(node: Server): Promise<Run> {
  const before = await cpuSeconds(node);
  const { requestsPerSecond, failed } = await runLoad({ ...plan, port: node.port });
  if (failed > 0) throw new Error(`${failed} requests failed`);
  const used = (await cpuSeconds(node)) - before;
  return { requestsPerSecond, cpuMicroseconds: (used * 1_000_000) / (requestsPerSecond * plan.seconds) };
}

function spread(ratios: readonly number[]): string {
  const sorted = ratios.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? NaN).toFixed(3);
  return `${median(ratios).toFixed(3)}, quartiles ${at(0.25)} and ${at(0.75)}`;
}

async function cpuSeconds({ port }: Server): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^process_cpu_seconds_total (\S+)$/m.exec(text)?.[1]);
}

async function membersOf({ port }: Server): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/health`);
  return ((await answer.json()) as { member_count: number }).member_count;
}

/** Reads the events of a node until it is told to stop. */
async function watch({ port }: Server): Promise<() => Watched> {
  return new Promise((resolve, reject) => {
    let [events, dropped] = [0, 0];
    const request = get({ host: '127.0.0.1', port, path: '/debug/events', agent: false }, (response) => {
      response.setEncoding('latin1');
      response.on('data', (text: string) => {
        events += text.split('event: transition\n').length - 1;
        dropped += Number(/"dropped":(\d+)/.exec(text)?.[1] ?? 0);
      });
      response.on('error', () => undefined);
      resolve(() => {
        request.destroy();
        return { events, dropped };
      });
    });
    request.on('error', reject);
  });
}

await benchWatching();
