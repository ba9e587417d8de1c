import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface KvsOptions {
  /** The node to ask. */
  readonly url?: string;
  /** What comes on standard input; nothing unless given. */
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** More arguments of Node itself. */
  readonly nodeArgs?: readonly string[];
}

export interface Ended {
  readonly code: number | NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
  readonly bytes: Buffer;
}

/** `kvs`, as it was built, in a process of its own. */
export class KvsProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly #out: Buffer[] = [];
  readonly #exit: Promise<unknown[]>;
  err = '';

  constructor(args: readonly string[], { url, env, cwd, nodeArgs = [] }: KvsOptions = {}) {
    this.child = spawn(process.execPath, [...nodeArgs, main, ...args], {
      cwd,
      // Nothing of the surroundings configures what is under test.
      env: { PATH: process.env['PATH'], ...(url === undefined ? {} : { KVS_URL: url }), ...env },
    });
    this.child.stdout.on('data', (chunk: Buffer) => this.#out.push(chunk));
    this.child.stderr.on('data', (chunk: Buffer) => (this.err += chunk.toString()));
    // A command may end before it has read what it is sent.
    this.child.stdin.on('error', () => undefined);
    this.#exit = once(this.child, 'close');
    onTestFinished(async () => {
      this.child.kill('SIGKILL');
      await this.#exit;
    });
  }

  get out(): string {
    return Buffer.concat(this.#out).toString();
  }

  /** Waits until what it wrote matches. */
  async written(stream: 'out' | 'err', pattern: RegExp): Promise<RegExpExecArray> {
    const source = stream === 'out' ? this.child.stdout : this.child.stderr;
    for (;;) {
      const found = pattern.exec(stream === 'out' ? this.out : this.err);
      if (found !== null) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`It ended before it wrote ${String(pattern)}:\n${this.out}${this.err}`);
      }
      await Promise.race([once(source, 'data'), this.#exit]);
    }
  }

  async ended(): Promise<Ended> {
    const [code, signal] = (await this.#exit) as [number | null, NodeJS.Signals | null];
    const bytes = Buffer.concat(this.#out);
    return { code: code ?? signal, out: bytes.toString(), err: this.err, bytes };
  }
}

/** Runs a command to its end. */
export async function kvs(args: readonly string[], options: KvsOptions = {}): Promise<Ended> {
  const run = new KvsProcess(args, options);
  run.child.stdin.end(options.input ?? '');
  return run.ended();
}

/** Puts what lines of a batch say, without a command. */
export async function seed(url: string, lines: readonly string[]): Promise<void> {
  const headers = { 'Content-Type': 'application/x-ndjson' };
  const body = `${lines.join('\n')}\n`;
  const answer = await fetch(`${url}/kv/`, { method: 'POST', headers, body });
  const failed = (await answer.text()).split('\n').find((line) => /"status":[45]/.test(line));
  if (failed !== undefined) throw new Error(`A line was refused: ${failed}`);
}
