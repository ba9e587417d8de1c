import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import type { LoadedKeys } from './million-loader.ts';
import { residentBytes, runScript, startNode } from './processes.ts';

const keys = 1_000_000;

/** Load rate, disk size, start-up time and resident memory at a million keys. */
export async function benchMillion(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kvs-bench-'));
  const dataDir = join(folder, 'data');
  try {
    const loaded = await loadKeys(dataDir, keys);
    const line = (title: string, value: string) => process.stdout.write(`  ${title.padEnd(38)} ${value}\n`);
    process.stdout.write(`${keys.toLocaleString('en')} keys, durability: sync\n`);
    line('load through the store', `${loaded.keysPerSecond.toFixed(0)} keys/s`);
    line('resident memory of the loader', mebibytes(loaded.residentBytes));
    line('disk', mebibytes(await folderBytes(dataDir)));

    const startedAt = performance.now();
    const node = await startNode(dataDir);
    const answer = await fetch(`http://127.0.0.1:${node.port}/kv/shops/7/items/7`);
    const answeredMs = performance.now() - startedAt;
    if (answer.status !== 200) throw new Error(`The node answered ${answer.status}`);
    line('start of a node until its first answer', `${answeredMs.toFixed(0)} ms`);
    line('resident memory after the first answer', mebibytes(await residentBytes(node.child)));
    await digestsReady(node.port);
    line('digests summed after', `${(performance.now() - startedAt).toFixed(0)} ms`);
    line('resident memory with digests', mebibytes(await residentBytes(node.child)));
    await node.stop();
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Fills a data folder, in a process of its own. */
export async function loadKeys(dataDir: string, keys: number): Promise<LoadedKeys> {
  const child = runScript('million-loader.ts', dataDir, String(keys));
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`The loader ended with ${code}`);
  return JSON.parse(output) as LoadedKeys;
}

/** Settles once a node has summed the digests of all its keys, which keeps it busy after its start. */
export async function digestsReady(port: number): Promise<void> {
  for (;;) {
    const actor = (await (await fetch(`http://127.0.0.1:${port}/debug/actors/node`)).json()) as {
      context?: { digestsReady?: boolean };
    };
    if (actor.context?.digestsReady !== false) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? 'unknown' : `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
}
