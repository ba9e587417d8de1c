import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BatchLoad } from './batch-loader.ts';
import type { LoadResult } from './load-worker.ts';
import { median, outputOf, residentBytes, runLoad, startNode, type Server } from './processes.ts';

const value = JSON.stringify({ name: 'John Doe', age: 30, email: 'john@example.com' });
const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
  },
});
const lines = Number(values.lines);
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const sampleMs = 100;

/**
 * Lines a second of one batch of new keys over one connection, beside single PUTs over 64 of them, in turn on the same
 * node. A batch is held against the single PUTs before and after it: the machine may change its speed meanwhile.
 */
async function benchBatch(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kvs-bench-'));
  const node = await startNode(join(folder, 'data'), { durability: 'sync' });
  try {
    await putSingly(node, 1);
    const atRest = await residentBytes(node.child);
    const batches: BatchLoad[] = [];
    const singles: LoadResult[] = [];
    const watch = watchMemory(node);
    singles.push(await putSingly(node, seconds));
    for (let round = 0; round < rounds; round++) {
      batches.push(
        JSON.parse(
          await outputOf('batch-loader.ts', { port: node.port, base: `bench/batch${round}`, lines, value }),
        ) as BatchLoad,
      );
      singles.push(await putSingly(node, seconds));
    }
    const highest = watch.stop();
    const failed = [...batches, ...singles].reduce((sum, load) => sum + load.failed, 0);
    if (failed > 0) throw new Error(`${failed} writes failed`);
    const rateOf = (load: LoadResult | undefined) => load?.requestsPerSecond ?? NaN;
    const ratios = batches.map(
      (load, i) => (2 * load.linesPerSecond) / (rateOf(singles[i]) + rateOf(singles[i + 1])),
    );
    const perSecond = (rates: readonly number[]) => `${median(rates).toFixed(0)}/s`;
    print('puts in one batch', perSecond(batches.map((load) => load.linesPerSecond)));
    print('single PUTs', perSecond(singles.map(rateOf)));
    print('ratio', median(ratios).toFixed(2));
    print('resident memory before', mebibytes(atRest));
    print('resident memory, highest', mebibytes(highest));
  } finally {
    await node.stop();
    await rm(folder, { recursive: true });
  }
}

function putSingly(node: Server, seconds: number): Promise<LoadResult> {
  const plan = {
    method: 'PUT',
    path: '/kv/bench/single/k{n}',
    keys: 1000,
    body: value,
    connections: 64,
  } as const;
  return runLoad({ ...plan, port: node.port, seconds });
}

function watchMemory(node: Server): { stop: () => number } {
  let highest = 0;
  const look = async () => (highest = Math.max(highest, (await residentBytes(node.child)) ?? 0));
  const timer = setInterval(() => void look(), sampleMs);
  return { stop: () => (clearInterval(timer), highest) };
}

function print(title: string, text: string): void {
  process.stdout.write(`  ${title.padEnd(38)} ${text}\n`);
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? 'unknown' : `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
}

process.stdout.write(
  `Node ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown CPU'}\n\n` +
    `${lines.toLocaleString('en')} puts in a batch, durability: sync, medians of ${rounds} alternating runs\n`,
);
await benchBatch();
