import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeFlags } from '../tools/node-flags.ts';
import type { LoadPlan, LoadResult } from './load-worker.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));

export interface Server {
  readonly port: number;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** Runs a script of this folder in a process of its own. */
export function runScript(name: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', join(folder, name), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

export async function startBareServer(value: string): Promise<Server> {
  const child = runScript('bare-server.ts', value);
  return serverOf(child, await firstMatch(child, /^(\d+)/m));
}

/** Starts a node from `dist/` on a data folder, as `npm start` does; settles when it answers. */
export async function startNode(dataDir: string, settings: Record<string, unknown> = {}): Promise<Server> {
  const config = join(dataDir, '..', 'bench.yaml');
  const lines = { node_id: 'bench', port: 0, data_dir: dataDir, log_format: 'json', ...settings };
  await writeFile(
    config,
    Object.entries(lines)
      .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
      .join(''),
  );
  const child = spawn(process.execPath, [...nodeFlags, join(folder, '../dist/main.js'), config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return serverOf(child, await firstMatch(child, /http:\/\/127\.0\.0\.1:(\d+)/));
}

/** One run of the load generator. */
export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  return JSON.parse(await outputOf('load-worker.ts', plan)) as LoadResult;
}

/** Runs a script that takes a plan and prints one line of JSON: that line. */
export function outputOf(script: string, plan: object): Promise<string> {
  return firstMatch(runScript(script, JSON.stringify(plan)), /^(\{.*\})$/m);
}

/** Resident memory of a process, bytes; undefined where /proc does not tell. */
export async function residentBytes(child: ChildProcess): Promise<number | undefined> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
  const kibibytes = /VmRSS:\s+(\d+)/.exec(status)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

export function serverOf(child: ChildProcess, port: string): Server {
  return {
    port: Number(port),
    child,
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** What a pattern's first group holds when a process has printed it. */
export async function firstMatch(child: ChildProcess, pattern: RegExp): Promise<string> {
  let output = '';
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The process ended with ${code}: ${output}`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const found = pattern.exec(output)?.[1];
      if (found !== undefined) resolve(found);
      if (output.length > 100_000) output = '';
    });
  });
}
