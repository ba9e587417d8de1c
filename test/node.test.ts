import { once } from 'node:events';
import { appendFile, readdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NodeProcess, temporaryFolder, type NodeSettings } from './node-process.ts';

async function folder(): Promise<string> {
  const made = await temporaryFolder();
  onTestFinished(made.remove);
  return made.path;
}

async function start(path: string, settings: NodeSettings = {}) {
  const started = await NodeProcess.start(path, settings);
  onTestFinished(() => started.node.kill());
  return started;
}

/** Starts a node that can't start; settles with its exit code and all that it wrote. */
async function failedStart(path: string, settings: NodeSettings): Promise<{ exit: unknown; output: string }> {
  const node = await NodeProcess.spawn(path, settings);
  onTestFinished(() => node.kill());
  return { exit: await node.exit(), output: node.output };
}

describe('a node', () => {
  it('stores, gives back and deletes, and keeps what it stored over a restart', async () => {
    const path = await folder();
    const body = '{"name":"John Doe","age":30,"email":"john@example.com"}';
    const first = await start(path);
    const key = '/kv/users/john/profile';
    const put = await fetch(first.url + key, {
      method: 'PUT',
      body,
      headers: { 'Content-Type': 'application/json' },
    });
    expect(put.status).toBe(201);
    expect(Object.keys((await put.json()) as object)).toEqual(['uuid', 'timestamp']);
    first.node.signal('SIGTERM');
    expect(await first.node.exit()).toBe(0);

    const second = await start(path);
    expect(await (await fetch(second.url + key)).text()).toBe(body);
    expect((await fetch(second.url + key, { method: 'DELETE' })).status).toBe(204);
    expect((await fetch(second.url + key)).status).toBe(404);
    expect(await (await fetch(`${second.url}/health`)).json()).toEqual({
      status: 'ok',
      mode: 'normal',
      member_count: 1,
      node_id: 'node',
    });
  });

  it('starts with what it stored when garbage follows in its log that the engine could not pass, and says so', async () => {
    const path = await folder();
    const first = await start(path);
    await fetch(`${first.url}/kv/kept`, { method: 'PUT', body: '1' });
    await first.node.kill();
    const data = join(path, 'data');
    const [log = ''] = (await readdir(data)).filter((name) => name.endsWith('.log'));
    await appendFile(join(data, log), Buffer.from('03e6bd450c7006', 'hex'));

    const second = await start(path);
    expect(await (await fetch(`${second.url}/kv/kept`)).text()).toBe('1');
    expect(second.node.output).toMatch(/A log ended in what the engine never writes.*"bytes":1\b/);
  });

  it('shows its machines with their states', async () => {
    const { url } = await start(await folder(), { read_only: true });
    const actors = (await (await fetch(`${url}/debug/actors`)).json()) as { id: string; state: unknown }[];
    const states = Object.fromEntries(actors.map(({ id, state }) => [id, state]));
    expect(states).toMatchObject({ node: 'running', 'mode-controller': 'readOnly', collector: 'waiting' });
    expect(Object.keys(states)).toEqual([
      'node',
      'mode-controller',
      'gossiper',
      'failure-detector',
      'replicator',
      'syncer',
      'bootstrapper',
      'conflict-resolver',
      'collector',
    ]);
    expect((await fetch(`${url}/kv/a`, { method: 'PUT', body: '1' })).status).toBe(403);
  });

  it('finishes a request that is under way when it is told to stop, and exits with 0', async () => {
    const path = await folder();
    const { node, url } = await start(path);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.setEncoding('utf8');
    let received = '';
    socket.on('data', (chunk: string) => (received += chunk));
    socket.write('PUT /kv/slow HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n');
    // The node has the request: it asks for the body.
    await once(socket, 'data');
    node.signal('SIGTERM');
    await node.outputMatching(/The node stops/);
    socket.write('"a"');
    await once(socket, 'close');
    expect(await node.exit()).toBe(0);
    const stored = /HTTP\/1\.1 (\d+) \w[^]*$/.exec(
      received.replace('HTTP/1.1 100 Continue\r\n\r\n', ''),
    )?.[1];
    const again = await start(path);
    const status = (await fetch(`${again.url}/kv/slow`)).status;
    expect([stored, status]).toEqual(['201', 200]);
  });

  it('ends the readers of /debug/events when it stops', async () => {
    const { node, url } = await start(await folder());
    const answer = await fetch(`${url}/debug/events`);
    const reading = answer.text();
    node.signal('SIGINT');
    expect(await node.exit()).toBe(0);
    expect(await reading).toContain(': connected');
  });
});

describe('a start that can not be', () => {
  it('says that the port is taken, in one line, and exits with 1', async () => {
    const { url } = await start(await folder());
    const { port } = new URL(url);
    const { exit, output } = await failedStart(await folder(), { port: Number(port) });
    expect(exit).toBe(1);
    expect(output.trimEnd().split('\n')).toHaveLength(1);
    expect(output).toContain(`Can't listen on 127.0.0.1:${port}: another program listens there`);
  });

  it('says that the folder is held by another node', async () => {
    const path = await folder();
    await start(path);
    const { exit, output } = await failedStart(path, { node_id: 'second' });
    expect(exit).toBe(1);
    expect(output.trimEnd().split('\n')).toHaveLength(1);
    expect(output).toContain(join(path, 'data'));
    expect(output).toMatch(/already open in another process/);
  });

  it('says that the folder can not be made', async () => {
    const path = await folder();
    await writeFile(join(path, 'file'), '');
    const { exit, output } = await failedStart(path, { data_dir: join(path, 'file', 'data') });
    expect(exit).toBe(1);
    expect(output.trimEnd().split('\n')).toHaveLength(1);
    expect(output).toContain(join(path, 'file', 'data'));
  });
});
