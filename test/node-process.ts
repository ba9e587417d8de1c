import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** A folder that is removed by `remove`, with a place for data and for configurations. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'kvs-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export interface NodeSettings {
  readonly node_id?: string;
  readonly [key: string]: unknown;
}

/** A node in a process of its own, from `dist/`. */
export class NodeProcess {
  readonly child: ChildProcess;
  /** Everything it wrote so far, standard output and error in one. */
  output = '';
  readonly #exit: Promise<[number | null, NodeJS.Signals | null]>;

  private constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.#exit = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  }

  /**
   * Starts a node in `folder`, on a free port unless `settings` name one. `preload` is code that runs in its process
   * before it.
   */
  static async spawn(folder: string, settings: NodeSettings = {}, preload = ''): Promise<NodeProcess> {
    const config = join(folder, `${settings.node_id ?? 'node'}.yaml`);
    const keys = {
      node_id: 'node',
      port: 0,
      data_dir: join(folder, 'data'),
      log_format: 'json',
      ...settings,
    };
    const yaml = Object.entries(keys).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`);
    await writeFile(config, yaml.join(''));
    return new NodeProcess(
      spawn(
        process.execPath,
        ['--import', `data:text/javascript,${encodeURIComponent(preload)}`, main, config],
        {
          cwd: folder,
          // Nothing of the surroundings configures a node under test.
          env: { PATH: process.env['PATH'] },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      ),
    );
  }

  /** Starts a node and waits until it listens; returns it with its URL. */
  static async start(
    folder: string,
    settings: NodeSettings = {},
  ): Promise<{ node: NodeProcess; url: string }> {
    const node = await NodeProcess.spawn(folder, settings);
    return { node, url: await node.url() };
  }

  /** Waits until it listens; where it does. */
  async url(): Promise<string> {
    const [, url] = await this.outputMatching(/The node answers.*?(http:\/\/[\w.]+:\d+)/);
    return url ?? '';
  }

  /** Waits until the output matches; fails when the process ends first. */
  async outputMatching(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.output);
      if (found !== null) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`The node ended before it wrote ${String(pattern)}:\n${this.output}`);
      }
      const streams = [this.child.stdout, this.child.stderr];
      await Promise.race([...streams.map((stream) => stream && once(stream, 'data')), this.#exit]);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** How it ended: its exit code, or the signal. */
  async exit(): Promise<number | NodeJS.Signals | null> {
    const [code, signal] = await this.#exit;
    return code ?? signal;
  }

  /** Ends it at once, if it still runs. */
  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.#exit;
  }
}
