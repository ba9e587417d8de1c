import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../cluster/wait-for.ts';

const tool = fileURLToPath(new URL('../../tools/cluster.ts', import.meta.url));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvs-cluster-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const programs: Program[] = [];
afterEach(async () => {
  for (const program of programs.splice(0)) await program.end();
});

/** The tool, at work. */
class Program {
  readonly child: ChildProcess;
  out = '';
  err = '';
  readonly ended: Promise<unknown>;

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), tool, ...args], {
      cwd: folder,
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.out += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.err += chunk.toString()));
    this.ended = once(this.child, 'close').then(([code, signal]) => (code ?? signal) as unknown);
    programs.push(this);
  }

  /** Waits until the output, or what it complains about, matches. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const details = () => this.out + this.err;
    return waitFor({ what: String(pattern), details }, async () => pattern.exec(details()), 20_000);
  }

  /** Who said what, in order, without the times. */
  lines(pattern: RegExp): string[] {
    const lines = this.out.split('\n').filter((line) => pattern.test(line));
    return lines.map((line) => line.replace(/\d\d:\S+ INFO {2}/, '').replace(/ url=.*/, ''));
  }

  pidOf(name: string): number {
    return Number(new RegExp(`^${name} +\\| process (\\d+)`, 'm').exec(this.out)?.[1]);
  }

  async end(): Promise<void> {
    for (const [, pid] of this.out.matchAll(/\| process (\d+)/g)) {
      if (isRunning(Number(pid))) process.kill(Number(pid), 'SIGKILL');
    }
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function config(name: string, ...lines: string[]): string {
  const keys = [`node_id: ${name}`, `data_dir: ./${name}`, 'shutdown_timeout_ms: 600000', 'port: 0'];
  const own = lines.some((line) => line.startsWith('port:')) ? keys.slice(0, -1) : keys;
  writeFileSync(join(folder, `${name}.yaml`), [...own, ...lines, ''].join('\n'));
  return `${name}.yaml`;
}

describe('npm run cluster', { timeout: 120_000 }, () => {
  it('starts the nodes one after the other, shows who says what, and stops the last one first', async () => {
    const program = new Program(config('one'), config('three'));
    await program.says(/three \| .*The node answers/);
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    expect(program.lines(/./).map((line) => line.replace(/\d+: node .* dist/, 'N: node dist'))).toEqual([
      'one   | process N: node dist/main.js one.yaml',
      'one   | The node answers',
      'three | process N: node dist/main.js three.yaml',
      'three | The node answers',
      'three | The node stops',
      'three | The node has stopped',
      'one   | The node stops',
      'one   | The node has stopped',
    ]);
    expect(program.err).toBe('');
  });

  it('takes two signals in quick succession for one, and ends everything at a later one', async () => {
    const program = new Program(config('slow'));
    const [, port] = await program.says(/127\.0\.0\.1:(\d+)/);
    const pid = program.pidOf('slow');
    // A request whose body never comes: the node waits for it for as long as it may.
    const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
    socket.write('PUT /kv/a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n');
    await once(socket, 'data');
    program.child.kill('SIGINT');
    program.child.kill('SIGTERM');
    await program.says(/The node stops/);
    expect([isRunning(pid), program.child.exitCode]).toEqual([true, null]);
    await waitFor(
      { what: 'the end' },
      async () => {
        program.child.kill('SIGINT');
        return program.child.exitCode !== null;
      },
      20_000,
    );
    expect(await program.ended).toBe(130);
    await waitFor({ what: 'the end of the node' }, async () => !isRunning(pid), 20_000);
    socket.destroy();
  });

  it('says which node does not start, and stops the others', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const program = new Program(config('first'), config('taken', `port: ${port}`), config('last'));
    expect(await program.ended).toBe(1);
    other.close();
    expect(program.out).toMatch(/taken \| .*another program listens there/);
    expect(program.out).toMatch(/first \| .*The node has stopped/);
    expect(program.out).not.toContain('last');
    expect(program.err).toBe('cluster: taken (taken.yaml) did not start: it ended with exit code 1\n');
  });

  it('reports a node that ends by itself, goes on with the others, and ends when none is left', async () => {
    const program = new Program(config('a'), config('b'));
    await program.says(/b \| .*The node answers/);
    process.kill(program.pidOf('a'), 'SIGKILL');
    await program.says(/cluster: a ended with SIGKILL; it starts anew with: node .*dist\/main\.js a\.yaml\n/);
    expect(isRunning(program.pidOf('b'))).toBe(true);
    process.kill(program.pidOf('b'), 'SIGTERM');
    expect(await program.ended).toBe(1);
    expect(program.err).toMatch(/cluster: b ended with exit code 0; .*\ncluster: No node is left\n$/);
  });

  it('stops what has started so far when it is told to stop while a node starts', async () => {
    const program = new Program(config('c'), config('d'));
    await program.says(/d \| process/);
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    expect([isRunning(program.pidOf('c')), isRunning(program.pidOf('d'))]).toEqual([false, false]);
  });

  it('refuses a wrong configuration with its one line and exit code 2, before anything starts', async () => {
    const program = new Program(config('right'), config('wrong', 'prot: 1'));
    expect(await program.ended).toBe(2);
    expect([program.out, program.err]).toEqual([
      '',
      'cluster: wrong.yaml:5: prot: expected a known key (port?), got an unknown one\n',
    ]);
  });
});
