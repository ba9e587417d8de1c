import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestsReady, loadKeys } from './million.ts';
import { median, residentBytes, startNode, type Server } from './processes.ts';

const keys = Number(process.argv[2] ?? 1_000_000);
const pages = 200;
/** How often the node's memory is looked at, and a value is asked for, while a list is under way, ms. */
const probeMs = 20;
const ndjson = { Accept: 'application/x-ndjson' };

/** Lists of a store with a million keys: pages from its middle, and all of it as a stream. */
async function benchLists(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kvs-bench-'));
  const dataDir = join(folder, 'data');
  try {
    await loadKeys(dataDir, keys);
    const node = await startNode(dataDir);
    await digestsReady(node.port);
    process.stdout.write(`Lists of ${keys.toLocaleString('en')} keys, in 1,000 directories\n`);
    const middle = `cursor=${cursorAfter('shops/500/items')}`;
    await timePages('a page of 100 keys from the middle', node, `?recursive&limit=100&${middle}`);
    await timePages('the same with values', node, `?recursive&limit=100&values&${middle}`);
    const below = `cursor=${cursorAfter('shops/500')}`;
    await timePages('100 directories from the middle', node, `shops/?limit=100&${below}`);
    await measure('all keys, streamed', node, async () => lengthOf(await read(node, '?recursive', ndjson)));
    await measure('and with values', node, async () =>
      lengthOf(await read(node, '?recursive&values', ndjson)),
    );
    await measure('a count of all keys', node, async () => lengthOf(await read(node, '?count')));
    await node.stop();
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function timePages(title: string, node: Server, target: string): Promise<void> {
  const times: number[] = [];
  for (let page = 0; page < pages; page++) {
    const startedAt = performance.now();
    await lengthOf(await read(node, target));
    times.push(performance.now() - startedAt);
  }
  const slowest = times.toSorted((a, b) => a - b).at(Math.floor(pages * 0.99));
  line(title, `median ${median(times).toFixed(2)} ms  p99 ${(slowest ?? NaN).toFixed(2)} ms`);
}

/** How long a list takes, what it costs in memory, and how long a reader of one value waits meanwhile. */
async function measure(title: string, node: Server, work: () => Promise<number>): Promise<void> {
  const before = (await residentBytes(node.child)) ?? NaN;
  let most = before;
  const waits: number[] = [];
  const done = new AbortController();
  const probing = (async () => {
    while (!done.signal.aborted) {
      const startedAt = performance.now();
      await lengthOf(await read(node, 'shops/7/items/7'));
      waits.push(performance.now() - startedAt);
      most = Math.max(most, (await residentBytes(node.child)) ?? NaN);
      await new Promise((resolve) => setTimeout(resolve, probeMs));
    }
  })();
  const startedAt = performance.now();
  const bytes = await work();
  const seconds = (performance.now() - startedAt) / 1_000;
  done.abort();
  await probing;
  const after = (await residentBytes(node.child)) ?? NaN;
  line(title, `${seconds.toFixed(2)} s, ${(keys / seconds).toFixed(0)} keys/s, ${mebibytes(bytes)}`);
  line('  resident memory before, most, after', [before, most, after].map(mebibytes).join(', '));
  const worst = Math.max(...waits);
  line('  a GET meanwhile', `median ${median(waits).toFixed(2)} ms, longest ${worst.toFixed(2)} ms`);
}

async function read(
  node: Server,
  target: string,
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  const request = get({ host: '127.0.0.1', port: node.port, path: `/kv/${target}`, headers });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`The node answered ${response.statusCode}`);
  return response;
}

async function lengthOf(response: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length;
  return bytes;
}

/** Clients take cursors as they are; one to begin with has to be made. */
function cursorAfter(path: string): string {
  return Buffer.from(path).toString('base64url');
}

function line(title: string, value: string): void {
  process.stdout.write(`  ${title.padEnd(38)} ${value}\n`);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
}

await benchLists();
