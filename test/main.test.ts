import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvs-main-'));
});
afterAll(async () => {
  for (const { child, ended } of programs) {
    child.kill('SIGKILL');
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
});

interface Program {
  readonly child: ChildProcess;
  readonly out: { text: string };
  readonly err: { text: string };
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

const programs: Program[] = [];

/** `preload` is code that runs in the program before it, to make happen what else happens by accident only. */
function start(args: readonly string[], env: Record<string, string> = {}, preload = ''): Program {
  const imported = `data:text/javascript,${encodeURIComponent(preload)}`;
  const child = spawn(process.execPath, ['--import', imported, main, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = { text: '' };
  const err = { text: '' };
  child.stdout.on('data', (chunk: Buffer) => (out.text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err.text += chunk.toString()));
  const ended = once(child, 'close').then(
    ([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null,
  );
  const program = { child, out, err, ended };
  programs.push(program);
  return program;
}

async function run(
  args: readonly string[],
  env?: Record<string, string>,
): Promise<[unknown, string, string]> {
  const program = start(args, env);
  const code = await program.ended;
  return [code, program.out.text, program.err.text];
}

/** Starts a node on a free port and waits until it answers. */
async function startNode(
  name: string,
  lines: readonly string[] = [],
  preload = '',
): Promise<Program & { readonly port: number }> {
  const config = join(folder, `${name}.yaml`);
  writeFileSync(config, [`node_id: ${name}`, 'port: 0', `data_dir: ./${name}`, ...lines, ''].join('\n'));
  const program = start([config], {}, preload);
  const url = await written(program, 'out', /http:\/\/127\.0\.0\.1:(\d+)/);
  return { ...program, port: Number(url[1]) };
}

async function written(program: Program, stream: 'out' | 'err', pattern: RegExp): Promise<RegExpExecArray> {
  for (;;) {
    const found = pattern.exec(program[stream].text);
    if (found !== null) return found;
    if (program.child.exitCode !== null) throw new Error(`It ended: ${program.out.text}${program.err.text}`);
    const source = stream === 'out' ? program.child.stdout : program.child.stderr;
    await Promise.race([source && once(source, 'data'), program.ended]);
  }
}

/** Keeps a node busy: a request whose body never comes. Settles when the node has read its header. */
async function openRequest(port: number): Promise<() => void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(
    'PUT /kv/a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n',
  );
  await once(socket, 'data');
  return () => socket.destroy();
}

describe.concurrent('The command line', () => {
  it('prints its usage, and the exit codes, for --help', async () => {
    const [code, out, err] = await run(['--help']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^Usage: kvs COMMAND \.\.\.\n +kvs \[CONFIG\] +starts a node/);
    expect(out).toContain('Exit codes:');
  });

  it('prints the version of the package for --version', async () => {
    const { version } = JSON.parse(manifest) as { version: string };
    expect(await run(['--version'])).toEqual([0, `${version}\n`, '']);
  });

  it.each([[['--prot', '1']], [['-x']], [['a.yaml', 'b.yaml']], [['--help=yes']]])(
    'refuses %j with one line and exit code 2',
    async (args) => {
      const [code, out, err] = await run(args);
      expect([code, out]).toEqual([2, '']);
      expect(err).toMatch(/^kvs: .+ \(kvs (?:start )?--help tells more\)\n$/);
    },
  );

  it('refuses a wrong configuration with its one line and exit code 2', async () => {
    writeFileSync(join(folder, 'wrong.yaml'), 'node_id: a\nprot: 1\n');
    expect(await run(['wrong.yaml'])).toEqual([
      2,
      '',
      'kvs: wrong.yaml:2: prot: expected a known key (port?), got an unknown one\n',
    ]);
  });

  it('refuses a wrong environment with its one line and exit code 2', async () => {
    writeFileSync(join(folder, 'right.yaml'), 'node_id: a\n');
    expect(await run(['right.yaml'], { KVS_PORT: 'http' })).toEqual([
      2,
      '',
      'kvs: KVS_PORT: expected a whole number from 0 to 65535, got "http"\n',
    ]);
  });
});

describe.concurrent('A node as a program', () => {
  it('that can not start says why in one line, with exit code 1', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    writeFileSync(join(folder, 'taken.yaml'), `node_id: a\nport: ${port}\ndata_dir: ./taken\n`);
    const [code, out, err] = await run(['taken.yaml']);
    other.close();
    expect([code, out]).toEqual([1, '']);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(err)).toMatchObject({ level: 'error', code: 'KVS_ADDRESS_UNAVAILABLE' });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('stops in order at %s, with exit code 0', async (signal) => {
    const node = await startNode(`stop-${signal.toLowerCase()}`);
    node.child.kill(signal);
    expect(await node.ended).toBe(0);
    expect(node.err.text).toBe('');
  });

  it('ends at once at a second signal, with 128 and its number', async () => {
    const node = await startNode('twice', ['shutdown_timeout_ms: 600000']);
    const close = await openRequest(node.port);
    node.child.kill('SIGTERM');
    await written(node, 'out', /The node stops/);
    node.child.kill('SIGINT');
    expect(await node.ended).toBe(130);
    close();
  });

  it('gives a stop up when its time is over, in one line and with exit code 1', async () => {
    // Without timers of its own, the node waits for ever for the request that is open.
    const hangs = `
      const { setTimeout } = globalThis;
      globalThis.setTimeout = (run, ms) => setTimeout(run, ms === 20 ? ms : 1_000_000);`;
    const node = await startNode('late', ['shutdown_timeout_ms: 20'], hangs);
    const close = await openRequest(node.port);
    node.child.kill('SIGTERM');
    expect(await node.ended).toBe(1);
    expect(node.err.text.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(node.err.text)).toMatchObject({
      message: 'The node did not stop in time',
      level: 'error',
    });
    close();
  });

  it.each([
    ['an exception', 'info', `throw new Error('unexpected')`],
    ['a rejection', 'debug', `void Promise.reject(new Error('unexpected'))`],
  ])('ends at %s that nobody handles, in one line and with exit code 1', async (_what, level, code) => {
    const preload = `process.on('SIGUSR2', () => { ${code}; });`;
    const node = await startNode(`fails-${level}`, [`log_level: ${level}`], preload);
    node.child.kill('SIGUSR2');
    expect(await node.ended).toBe(1);
    expect(node.err.text.trimEnd().split('\n')).toHaveLength(1);
    const { error } = JSON.parse(node.err.text) as { error: Record<string, unknown> };
    expect(error).toMatchObject({ message: 'unexpected' });
    expect('stack' in error).toBe(level === 'debug');
  });

  it('serves and stops in order although nobody reads its output any more', async () => {
    const node = await startNode('unread', ['log_level: debug']);
    node.child.stdout?.destroy();
    node.child.stderr?.destroy();
    const url = `http://127.0.0.1:${node.port}`;
    expect(
      (
        await fetch(`${url}/kv/a`, {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body: '1',
        })
      ).status,
    ).toBe(201);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    node.child.kill('SIGTERM');
    expect(await node.ended).toBe(0);
  });
});
