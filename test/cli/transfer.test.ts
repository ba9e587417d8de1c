import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { runNode } from '../running-node.ts';
import { kvs, KvsProcess, seed } from './kvs-process.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvs-transfer-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Exported {
  readonly path: string;
  readonly expires_at?: number;
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');
/** What is the same after a round trip: everything but the version. */
const kept = (line: string): string => line.replace(/"uuid":"[^"]*","timestamp":\d+,/, '');
const withoutExpiry = (line: string): string => kept(line).replace(/"expires_at":\d+,/, '');

/** Code that tells on standard error, at the end, how much memory the process has had; KiB. */
const memoryTold = `data:text/javascript,${encodeURIComponent(
  `import { writeSync } from 'node:fs';
  process.on('exit', () => writeSync(2, 'maxRSS ' + process.resourceUsage().maxRSS + '\\n'));`,
)}`;

const memoryOf = ({ err }: { err: string }): number => Number(/maxRSS (\d+)/.exec(err)?.[1]);

describe('kvs export and kvs import', () => {
  it('bring every value to another node: JSON with all its digits, bytes, types and times to live', async () => {
    const [from, to] = [await runNode(), await runNode({ node_id: 'node2' })];
    await seed(from.url, [
      '{"op":"put","path":"number","value":12345678901234567890.10}',
      '{"op":"put","path":"nested/ümlaut \\"x\\"","value":{"value":[1.0,"]}\\\\\\""],"path":"other"}}',
      '{"op":"put","path":"patch","content_type":"application/merge-patch+json","value":{"a":null}}',
      '{"op":"put","path":"bytes","content_type":"image/png","value_base64":"AAEC/w=="}',
      '{"op":"put","path":"empty","content_type":"text/plain","value_base64":""}',
      '{"op":"put","path":"lease","value":"on","ttl":3600.5}',
    ]);
    const exported = await kvs(['export'], { url: from.url });
    expect(exported).toMatchObject({ code: 0, err: '' });
    const imported = await kvs(['import', '-'], { url: to.url, input: exported.out });
    expect(imported).toEqual(expect.objectContaining({ code: 0, out: '6 stored\n', err: '' }));
    const again = await kvs(['export'], { url: to.url });
    expect(linesOf(again.out).map(withoutExpiry)).toEqual(linesOf(exported.out).map(withoutExpiry));
    expect(exported.out).toContain('"value":12345678901234567890.10}\n');
    const expiry = ({ out }: { out: string }) =>
      linesOf(out)
        .map((line) => JSON.parse(line) as Exported)
        .find(({ path }) => path === 'lease')?.expires_at ?? 0;
    // By the clock of the node that takes it, from when it takes it.
    expect(expiry(again) - expiry(exported)).toBeGreaterThanOrEqual(0);
    expect(expiry(again) - expiry(exported)).toBeLessThan(60_000);
  });

  it(
    'bring 27 MB, bytes and expiring values among them, in memory that does not grow with them',
    { timeout: 300_000 },
    async () => {
      const settings = { compress_min_bytes: 1_000_000 };
      const [from, to] = [await runNode(settings), await runNode({ ...settings, node_id: 'node2' })];
      const count = 9_000;
      const line = (i: number): string => {
        const path = `many/${i % 100}/${i}`;
        if (i % 3 === 0) return JSON.stringify({ op: 'put', path, value: { i, text: 'x'.repeat(9_000) } });
        if (i % 3 === 1) return JSON.stringify({ op: 'put', path, value: i, ttl: 86_400 });
        const bytes = createHash('sha256').update(String(i)).digest('base64');
        return JSON.stringify({ op: 'put', path, content_type: 'application/x-hash', value_base64: bytes });
      };
      for (let i = 0; i < count; i += 1_000) {
        await seed(
          from.url,
          Array.from({ length: 1_000 }, (_, at) => line(i + at)),
        );
      }
      const nodeArgs = ['--import', memoryTold];
      const few = await kvs(['export', 'many/1'], { url: from.url, nodeArgs });
      const all = await kvs(['export'], { url: from.url, nodeArgs });
      expect(all.code).toBe(0);
      expect(memoryOf(all) - memoryOf(few)).toBeLessThan(16_000);

      const [fewFile, allFile] = [join(folder, 'few.ndjson'), join(folder, 'all.ndjson')];
      await writeFile(fewFile, few.out);
      await writeFile(allFile, all.out);
      const little = await kvs(['import', fewFile], { url: to.url, nodeArgs });
      const whole = await kvs(['import', allFile, '--json'], { url: to.url, nodeArgs });
      expect(JSON.parse(whole.out)).toEqual({ stored: count, expired: 0, failed: 0 });
      expect(memoryOf(whole) - memoryOf(little)).toBeLessThan(16_000);

      const back = await kvs(['export'], { url: to.url });
      expect(linesOf(back.out).map(withoutExpiry)).toEqual(linesOf(all.out).map(withoutExpiry));
      const expiring = (text: string): number =>
        linesOf(text).filter((each) => /"expires_at":\d/.test(each)).length;
      expect(expiring(back.out)).toBe(expiring(all.out));
      expect(expiring(all.out)).toBe(Math.floor((count + 1) / 3));
    },
  );
});

describe('kvs import', () => {
  it('tells of each line that is wrong, writes the others, and ends with 1', async () => {
    const { url } = await runNode();
    const input = [
      '{"path":"a","value":1}',
      '',
      'no JSON',
      '[]',
      '{"path":"b/../c","value":1}',
      '{"path":"b"}',
      '{"path":"b","value":1,"vlaue":2}',
      '{"path":"b","value":1,"content_type":"text/plain"}',
      '{"path":"b","value_base64":"A"}',
      '{"op":"delete","path":"a"}',
      '{"path":"gone","value":1,"expires_at":1000}',
      '{"path":"last","value":2}',
    ].join('\n');
    const { code, out, err } = await kvs(['import'], { url, input });
    expect({ code, out }).toEqual({ code: 1, out: '2 stored, 1 had expired, 8 failed\n' });
    expect([...err.matchAll(/^kvs: line (\d+): (\w+): /gm)].map(([, line, name]) => [line, name])).toEqual(
      expect.arrayContaining([
        ...['3', '4', '6', '7', '8', '9', '10'].map((line) => [line, 'KVS_BAD_LINE']),
        ['5', 'KVS_BAD_PATH'],
      ]),
    );
    expect(await kvs(['list', '-r', '--values'], { url })).toMatchObject({ out: 'a  1\nlast  2\n' });
  });

  it('tells of so many lines that failed, and counts the others', async () => {
    const { url } = await runNode();
    const { code, out, err } = await kvs(['import'], { url, input: 'x\n'.repeat(1_000) });
    expect({ code, out }).toEqual({ code: 1, out: '0 stored, 1000 failed\n' });
    expect(linesOf(err)).toHaveLength(21);
    expect(linesOf(err).at(-1)).toBe('kvs: further lines that fail are only counted');
  });

  it('skips a line that is longer than any can be, and what is no UTF-8, and keeps none of it', async () => {
    const { url } = await runNode();
    const run = new KvsProcess(['import'], { url, nodeArgs: ['--import', memoryTold] });
    const { stdin } = run.child;
    stdin.write('{"path":"a","value":1}\n');
    const piece = Buffer.alloc(1_048_576, 'x');
    for (let sent = 0; sent < 500; sent++) await new Promise((resolve) => stdin.write(piece, resolve));
    stdin.write('\n');
    stdin.write(Buffer.from('ff0a', 'hex'));
    stdin.end('{"path":"b","value":2}');
    const ended = await run.ended();
    expect(ended).toMatchObject({ code: 1, out: '2 stored, 2 failed\n' });
    expect(ended.err).toMatch(/^kvs: line 2: KVS_BAD_LINE: .*\nkvs: line 3: KVS_BAD_LINE: .*\n/);
    expect(memoryOf(ended)).toBeLessThan(400_000);
  });

  it('says from which line to go on when the node goes away, and goes on from there', async () => {
    const { url } = await runNode();
    const gate = await gateTo(url);
    const run = new KvsProcess(['import', '-'], { url: gate.url });
    const count = 30_000;
    const line = (i: number): string => `{"path":"k/${i}","value":${i}}\n`;
    const lines = Array.from({ length: count }, (_, i) => line(i + 1)).join('');
    run.child.stdin.write(lines);
    await untilStored(url, 20_000);
    gate.cut();
    run.child.stdin.end();
    const { code, err } = await run.ended();
    expect(code).toBe(5);
    expect(linesOf(err).at(-1)).toMatch(/^kvs: KVS_UNREACHABLE: /);
    const next = Number(/go on with: kvs import FILE --from-line (\d+)\)\n$/.exec(err)?.[1]);
    // Of more than some thousands the client does not wait for the results.
    expect(next).toBeGreaterThan(5_000);

    const file = join(folder, 'broken.ndjson');
    await writeFile(file, lines);
    const rest = await kvs(['import', file, '--from-line', String(next)], { url });
    expect(rest).toMatchObject({ code: 0, out: `${count + 1 - next} stored\n` });
    expect(await (await fetch(`${url}/kv/k/?count`)).json()).toMatchObject({ count });
  });

  it('stops where the node takes no writes, with the line to go on from', async () => {
    const { url } = await runNode({ read_only: true });
    const { code, err } = await kvs(['import'], { url, input: '{"path":"a","value":1}\n' });
    expect(code).toBe(1);
    expect(err).toContain('KVS_READ_ONLY');
  });

  it('stops at the first line that the node can not carry out for now, however right the line is', async () => {
    const { url } = await fullNode();
    const input = '{"path":"a","value":1}\n{"path":"b","value":2}\n{"path":"c","value":3}\n';
    const { code, out, err } = await kvs(['import'], { url, input });
    expect({ code, out, err }).toEqual({
      code: 1,
      out: '',
      err: 'kvs: KVS_STORAGE_FULL: line 2: No space is left (1 stored; go on with: kvs import FILE --from-line 2)\n',
    });
  });

  it('says from which line to go on when it is interrupted', async () => {
    const { url } = await runNode();
    const run = new KvsProcess(['import'], { url });
    run.child.stdin.write('{"path":"a","value":1}\n');
    await untilStored(url, 1);
    run.child.kill('SIGINT');
    const { code, out, err } = await run.ended();
    expect({ code, out }).toEqual({ code: 130, out: '' });
    expect(err).toMatch(/^kvs: [01] stored; go on with: kvs import FILE --from-line [12]\n$/);
  });

  it('says in one line that there is no such file', async () => {
    const missing = join(folder, 'missing');
    const { url } = await runNode();
    expect(await kvs(['import', missing], { url })).toMatchObject({
      code: 1,
      err: `kvs: KVS_FILE: no such file or directory, open '${missing}'\n`,
    });
    expect(await readFile(join(folder, 'missing')).catch(() => undefined)).toBeUndefined();
  });
});

async function untilStored(url: string, count: number): Promise<void> {
  for (;;) {
    const answer = (await (await fetch(`${url}/kv/?count`)).json()) as { count: number };
    if (answer.count >= count) return;
  }
}

/** A way to a node that can be cut. */
async function gateTo(url: string): Promise<{ url: string; cut(): void }> {
  const { port } = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const behind = connect(Number(port), '127.0.0.1');
    socket.pipe(behind).pipe(socket);
    for (const one of [socket, behind]) {
      sockets.add(one);
      one.on('error', () => undefined);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(cut);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cut };
}

/** A stand-in for a node whose disk is full after the first write of a batch. */
async function fullNode(): Promise<{ url: string }> {
  const server = createHttpServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
    response.flushHeaders();
    const full = { status: 507, code: 'KVS_STORAGE_FULL', detail: 'No space is left' };
    let number = 0;
    let stored = 0;
    createInterface(request).on('line', (text) => {
      number++;
      if (text === '') return;
      const result = stored++ === 0 ? { status: 201, uuid: 'a', timestamp: 1 } : full;
      response.write(`${JSON.stringify({ line: number, ...result })}\n`);
    });
    request.on('end', () => response.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
