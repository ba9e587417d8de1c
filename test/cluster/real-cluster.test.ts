import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Agent, fetch } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RealCluster } from './real-cluster.ts';
import { callsFrom } from './real-node.ts';
import { waitFor } from './wait-for.ts';

/** What `url` answers to a call from `source`, or the code of the failure. */
async function askFrom(source: string, url: string): Promise<string> {
  const dispatcher = new Agent({ localAddress: source });
  try {
    return await (await fetch(url, { dispatcher })).text();
  } catch (error) {
    const { cause } = error as { cause?: { code?: string } };
    return cause?.code ?? String(error);
  } finally {
    await dispatcher.destroy();
  }
}

describe('A cluster of real nodes', { timeout: 120_000 }, () => {
  it('has nodes that put, get and delete, known by the addresses of their links', async () => {
    const cluster = await RealCluster.start(2);
    const [first, second] = [cluster.node(1), cluster.node(2)];
    expect(await first.put('shops/berlin 1', { open: true })).toHaveProperty('uuid');
    expect(await first.get('shops/berlin 1')).toEqual({ open: true });
    expect([await first.del('shops/berlin 1'), await first.del('shops/berlin 1')]).toEqual([true, false]);
    expect(await first.get('shops/berlin 1')).toBeUndefined();
    const members = await second.members();
    expect(members.find(({ id }) => id === 'node2')?.address).toBe(second.link.address);
    await cluster.waitWritable();
  });

  it('keeps the address and the data of a node that was killed or stopped and is started anew', async () => {
    const cluster = await RealCluster.start(1);
    const node = cluster.node(1);
    const { address } = node.link;
    await node.put('a', 1);
    await node.kill9();
    await expect(node.get('a')).rejects.toThrow('node1 does not run');
    await node.start();
    expect(await node.stop()).toBe(0);
    await node.start({ read_only: true });
    expect(await node.health()).toMatchObject({ mode: 'read-only' });
    await expect(node.put('a', 2)).rejects.toThrow(/^node1 answered PUT a with 403: .*KVS_READ_ONLY/);
    expect(node.link.address).toBe(address);
    expect(await (await fetch(`http://${address}/kv/a`)).json()).toBe(1);
    expect(node.output.match(/The node answers/g)).toHaveLength(3);
  });

  it('can halt a node, which answers late but answers', async () => {
    const cluster = await RealCluster.start(2, { seed_nodes: [] });
    const [node, other] = [cluster.node(1), cluster.node(2)];
    node.sigstop();
    let isAnswered = false;
    const health = node.health().finally(() => (isAnswered = true));
    for (let i = 0; i < 20; i++) await other.health();
    expect(isAnswered).toBe(false);
    node.sigcont();
    expect(await health).toMatchObject({ status: 'ok' });
  });

  it('cuts by pairs and in one direction, by where calls come from', async () => {
    const cluster = await RealCluster.start(2);
    const [first, second] = [cluster.node(1), cluster.node(2)];
    const call = (from = first, to = second) => askFrom(from.source, `http://${to.link.address}/health/live`);
    const alive = '{"status":"ok"}';
    cluster.cutOneWay(first, second);
    expect(await Promise.all([call(), call(second, first)])).toEqual(['ECONNRESET', alive]);
    cluster.isolate(second);
    expect(await Promise.all([call(), call(second, first)])).toEqual(['ECONNRESET', 'ECONNRESET']);
    expect(await second.health()).toMatchObject({ status: 'ok' });
    expect(await askFrom('127.0.0.99', `http://${second.link.address}/health/live`)).toBe(alive);
    cluster.mend();
    expect(await call()).toBe(alive);
  });

  it('has nodes that call from their own addresses, whatever they call with', async () => {
    const server = createServer((request, response) => response.end(request.socket.remoteAddress));
    onTestFinished(() => void server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const calls = `
      import { get } from 'node:http';
      import { fetch as undiciFetch } from 'undici';
      const url = 'http://127.0.0.1:${port}';
      for (const ask of [fetch, undiciFetch]) console.log(await (await ask(url)).text());
      get(url, (response) => response.pipe(process.stdout));`;
    const preload = `data:text/javascript,${encodeURIComponent(callsFrom('127.0.0.77'))}`;
    const child = spawn(process.execPath, ['--import', preload, '--input-type=module', '--eval', calls], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    expect(await text(child.stdout)).toBe('127.0.0.77\n127.0.0.77\n127.0.0.77');
  });

  it('waits until nodes hold the same versions, and tells of what differs when they never do', async () => {
    const cluster = await RealCluster.start(1, { seed_nodes: [] });
    const other = (await RealCluster.start(1, { seed_nodes: [] })).node(1);
    const node = cluster.node(1);
    await node.put('a', { b: [1] });
    expect(await cluster.waitEqual(['a', 'c'], [node, node])).toEqual({ a: { b: [1] }, c: undefined });
    const failure = await cluster.waitEqual(['a', 'c'], [node, other], 50).catch((error: unknown) => error);
    expect(String(failure)).toMatch(
      /equal values of 2 keys at node1, node1\na: node1 "[\w-]+" \{"b":\[1\]\}, node1 absent\n/,
    );
    expect(String(failure)).toContain('The node answers');
    expect(String(failure)).not.toContain('c:');
  });

  const left: { pids: number[]; ports: number[]; folders: string[] } = { pids: [], ports: [], folders: [] };
  it.fails('is ended when its test fails,', async () => {
    const cluster = await RealCluster.start(2);
    for (const { pid, link, folder } of cluster.nodes) {
      left.pids.push(pid);
      left.ports.push(link.port);
      left.folders.push(folder);
    }
    cluster.node(2).sigstop();
    throw new Error('Something else failed');
  });
  it('with its processes, its links and its folders', async () => {
    expect(left.pids).toHaveLength(2);
    for (const pid of left.pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    for (const port of left.ports) {
      await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toMatchObject({
        code: 'ECONNREFUSED',
      });
    }
    expect(left.folders.filter((folder) => existsSync(folder))).toEqual([]);
  });
});

describe('A wait', () => {
  it('ends with what its condition gives, having looked past failures and refusals', async () => {
    const looks = [
      () => undefined,
      () => false as const,
      () => {
        throw new Error('not yet');
      },
      () => 0,
    ];
    expect(await waitFor({ what: 'it' }, async () => looks.shift()?.(), 10_000)).toBe(0);
  });

  it('in vain tells what it was for, how things stand, and the last failure', async () => {
    const wait = waitFor({ what: 'it', details: () => 'as ever' }, () => Promise.reject(new Error('no')), 10);
    await expect(wait).rejects.toMatchObject({
      message: 'Waited 10 ms in vain for it\nas ever',
      cause: new Error('no'),
    });
  });
});
