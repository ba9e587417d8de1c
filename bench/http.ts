import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadPlan, LoadResult } from './load-worker.ts';
import { median, runLoad, startBareServer, startNode, type Server } from './processes.ts';

const value = JSON.stringify({ name: 'John Doe', age: 30, email: 'john@example.com' });
const rounds = 5;
const shape = { keys: 1000, body: value, connections: 64, seconds: 3 };

/** GET and PUT of a small JSON value, beside a bare `node:http` server under the same load in turn. */
export async function benchHttp(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kvs-bench-'));
  const bare = await startBareServer(value);
  const node = await startNode(join(folder, 'data'), { durability: 'sync' });
  try {
    process.stdout.write(
      `HTTP, ${shape.connections} connections, medians of ${rounds} alternating runs of ${shape.seconds} s\n`,
    );
    await compare('PUT, durability: sync', 'PUT', node, bare);
    await compare('GET', 'GET', node, bare);
  } finally {
    await node.stop();
    await bare.stop();
    await rm(folder, { recursive: true });
  }
}

async function compare(title: string, method: LoadPlan['method'], node: Server, bare: Server): Promise<void> {
  // A durable write needs the second core for the disk.
  const plan = { ...shape, method, path: '/kv/bench/k{n}', polls: method === 'GET' };
  await runLoad({ ...plan, port: node.port, seconds: 2 });
  await runLoad({ ...plan, port: bare.port, seconds: 2 });
  const results: { node: LoadResult[]; bare: LoadResult[] } = { node: [], bare: [] };
  for (let round = 0; round < rounds; round++) {
    results.node.push(await runLoad({ ...plan, port: node.port }));
    results.bare.push(await runLoad({ ...plan, port: bare.port }));
  }
  const failed = results.node.reduce((sum, result) => sum + result.failed, 0);
  if (failed > 0) throw new Error(`${failed} requests failed`);
  const ratios = results.node.map(
    (result, i) => result.requestsPerSecond / (results.bare[i]?.requestsPerSecond ?? NaN),
  );
  print(`${title}: node`, results.node);
  print(`${title}: bare node:http`, results.bare);
  process.stdout.write(`  ratio ${median(ratios).toFixed(2)}\n`);
}

function print(title: string, results: readonly LoadResult[]): void {
  const of = (field: keyof LoadResult) => median(results.map((result) => result[field]));
  process.stdout.write(
    `  ${title.padEnd(38)} ${of('requestsPerSecond').toFixed(0).padStart(7)}/s` +
      `  p50 ${of('p50Ms').toFixed(2)} ms  p99 ${of('p99Ms').toFixed(2)} ms\n`,
  );
}
