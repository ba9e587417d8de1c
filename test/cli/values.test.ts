import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, afterAll, describe, expect, it } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { runNode } from '../running-node.ts';
import { kvs, KvsProcess, seed } from './kvs-process.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvs-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const uuidLine = /^[0-9a-f-]{36}\n$/;

describe('kvs put and kvs get', () => {
  it('keep a value byte by byte, with all digits of its numbers, and name its version', async () => {
    const { url } = await runNode();
    const json = '{"n": 12345678901234567890.10,\n "e": 1.0}';
    const put = await kvs(['put', 'a/b', json], { url });
    expect(put).toMatchObject({ code: 0, out: expect.stringMatching(uuidLine) as string, err: '' });
    expect(await kvs(['get', 'a/b'], { url })).toMatchObject({ code: 0, out: json, err: '' });
    const { out } = await kvs(['get', 'a/b', '--json'], { url });
    expect(out).toContain('"value":{"n": 12345678901234567890.10,  "e": 1.0}}\n');
    expect(JSON.parse(out)).toMatchObject({
      path: 'a/b',
      uuid: put.out.trim(),
      content_type: 'application/json',
      bytes: json.length,
    });
  });

  it('take any bytes from standard input, and from a file, and give them to both', async () => {
    const { url } = await runNode();
    const bytes = randomBytes(200_000);
    const file = join(folder, 'bytes');
    await writeFile(file, bytes);
    const type = ['--type', 'image/png'];
    expect(await kvs(['put', 'piped', '-', ...type], { url, input: bytes })).toMatchObject({ code: 0 });
    expect(await kvs(['put', 'implied', ...type], { url, input: bytes })).toMatchObject({ code: 0 });
    expect(await kvs(['put', 'filed', '--file', file, ...type], { url })).toMatchObject({ code: 0 });
    for (const path of ['piped', 'implied']) {
      const got = await kvs(['get', path], { url });
      expect(Buffer.compare(got.bytes, bytes)).toBe(0);
    }
    const copy = join(folder, 'copy');
    expect(await kvs(['get', 'filed', '-o', copy], { url })).toMatchObject({ code: 0, out: '' });
    expect(Buffer.compare(await readFile(copy), bytes)).toBe(0);
    const { out } = await kvs(['get', 'filed', '--json'], { url });
    expect(JSON.parse(out)).toMatchObject({ value_base64: bytes.toString('base64') });
  });

  it('take a value that begins with a minus sign after --, and say so where it stands elsewhere', async () => {
    const { url } = await runNode();
    const refused = await kvs(['put', 'a', '-5'], { url });
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('comes after --') as string });
    expect(await kvs(['put', 'a', '--', '-5'], { url })).toMatchObject({ code: 0 });
    expect(await kvs(['get', 'a'], { url })).toMatchObject({ out: '-5' });
  });

  it('give a value its time to live', async () => {
    const { url } = await runNode();
    const before = Date.now();
    const { out } = await kvs(['put', 'a', '1', '--ttl', '15m', '--json'], { url });
    const written = JSON.parse(out) as { expires_at: number; created: boolean };
    expect(written.created).toBe(true);
    expect(written.expires_at - before).toBeGreaterThanOrEqual(900_000);
    expect(written.expires_at - Date.now()).toBeLessThanOrEqual(900_000);
  });

  it('refuse, before anything is sent, more than any node takes', async () => {
    const { url } = await runNode();
    const run = new KvsProcess(['put', 'a', '-', '--type', 'text/plain'], { url });
    const piece = Buffer.alloc(1_048_576);
    const isTaken = () => new Promise<boolean>((resolve) => run.child.stdin.write(piece, (e) => resolve(!e)));
    let sent = 0;
    while (await isTaken()) sent += piece.length;
    expect(sent).toBeGreaterThanOrEqual(limits.valueBytesCeiling);
    expect(await run.ended()).toMatchObject({
      code: 1,
      out: '',
      err: `kvs: KVS_VALUE_TOO_LARGE: No node takes a value of more than ${limits.valueBytesCeiling} bytes\n`,
    });
  });

  it('refuse a value from two places', async () => {
    expect(await kvs(['put', 'a', '1', '--file', 'b'])).toMatchObject({
      code: 2,
      err: 'kvs: KVS_USAGE: A value and --file do not go together\n',
    });
  });
});

describe('What no header can carry', () => {
  it.each(['--type', '--if-match', '--if-none-match'])('is refused as %s', async (option) => {
    expect(await kvs(['put', 'a', '1', option, 'a\nb'])).toMatchObject({
      code: 2,
      err: `kvs: KVS_USAGE: ${option} is what a header can carry, not "a\\nb"\n`,
    });
  });
});

describe('Conditions', () => {
  it('hold, or end with 4 and write nothing', async () => {
    const { url } = await runNode();
    const first = (await kvs(['put', 'a', '1', '--if-none-match', '*'], { url })).out.trim();
    const again = await kvs(['put', 'a', '2', '--if-none-match', '*'], { url });
    expect(again).toMatchObject({
      code: 4,
      out: '',
      err: expect.stringMatching(/^kvs: KVS_PRECONDITION_FAILED: .*\n$/) as string,
    });
    const second = (await kvs(['put', 'a', '3', '--if-match', first], { url })).out.trim();
    expect(await kvs(['put', 'a', '4', '--if-match', first], { url })).toMatchObject({ code: 4 });
    expect(await kvs(['delete', 'a', '--if-match', first], { url })).toMatchObject({ code: 4 });
    expect(await kvs(['get', 'a'], { url })).toMatchObject({ out: '3' });
    expect(await kvs(['delete', 'a', '--if-match', second], { url })).toMatchObject({ code: 0, out: '' });
  });
});

describe('A failure', () => {
  it('is one line on standard error, with its code and an exit code of its own', async () => {
    const { url } = await runNode();
    expect(await kvs(['get', 'a'], { url })).toMatchObject({
      code: 3,
      out: '',
      err: 'kvs: KVS_KEY_NOT_FOUND: There is no key "a"\n',
    });
    expect(await kvs(['delete', 'a'], { url })).toMatchObject({ code: 3, out: '' });
    expect(await kvs(['put', 'a', 'Hello'], { url })).toMatchObject({
      code: 1,
      err: 'kvs: KVS_BAD_BODY: The body is not valid JSON (--type text/plain takes text, --type application/octet-stream any bytes)\n',
    });
    // What fetch would make of it is another key.
    expect(await kvs(['get', 'x/../a'], { url })).toMatchObject({
      code: 2,
      err: expect.stringContaining('KVS_BAD_PATH') as string,
    });
  });

  it('is JSON with --json', async () => {
    const { url } = await runNode();
    const { code, err } = await kvs(['get', 'a', '--json'], { url });
    expect(code).toBe(3);
    expect(JSON.parse(err)).toEqual({
      code: 'KVS_KEY_NOT_FOUND',
      detail: 'There is no key "a"',
      exit_code: 3,
    });
  });

  it('ends with 5 where no node answers, and where one does not in time', async () => {
    const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const late = await kvs(['health', '--timeout', '0.05'], { url: `127.0.0.1:${port}` });
    silent.close();
    expect(late).toMatchObject({ code: 5, err: expect.stringContaining('KVS_TIMEOUT') as string });
    await once(silent, 'close');
    const none = await kvs(['health'], { url: `127.0.0.1:${port}` });
    expect(none).toMatchObject({ code: 5, err: expect.stringContaining('KVS_UNREACHABLE') as string });
  });

  it('of the first node is the turn of the next one, named by an option or the environment', async () => {
    const { url } = await runNode();
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const dead = `http://127.0.0.1:${(gone.address() as AddressInfo).port}`;
    gone.close();
    await once(gone, 'close');
    expect(await kvs(['health'], { url: `${dead}, ${url}` })).toMatchObject({ code: 0 });
    const named = await kvs(['--url', dead, 'health', '--url', url], { url: dead });
    expect(named).toMatchObject({ code: 0, out: expect.stringMatching(/^ok {2}normal/) as string });
  });
});

describe('kvs list', () => {
  it('lists paths, a slash behind those that have something below, and values as they were put', async () => {
    const { url } = await runNode();
    await seed(url, [
      '{"op":"put","path":"a","value":{"n":1.0}}',
      '{"op":"put","path":"a/b","content_type":"text/plain","value_base64":"dGV4dA=="}',
      '{"op":"put","path":"c/d","value":2}',
    ]);
    const lists: [string[], string][] = [
      [[], 'a\na/\nc/\n'],
      [['a'], 'a/b\n'],
      [['c/'], 'c/d\n'],
      [['--recursive'], 'a\na/b\nc/d\n'],
      [['-r', '--reverse', '--limit', '2'], 'c/d\na/b\n'],
      [['--depth', '2'], 'a\na/\na/b\nc/\nc/d\n'],
      [['-r', '--values'], 'a  {"n":1.0}\na/b  (text/plain, 4 bytes)\nc/d  2\n'],
      [['nothing/'], ''],
    ];
    const runs = await Promise.all(lists.map(([args]) => kvs(['list', ...args], { url })));
    expect(runs.map(({ out }) => out)).toEqual(lists.map(([, out]) => out));
    expect(runs.map(({ code }) => code)).toEqual(lists.map(() => 0));
    const { out } = await kvs(['list', '-r', '--values', '--json'], { url });
    const entries = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(entries).toMatchObject([{ path: 'a' }, { path: 'a/b', value_base64: 'dGV4dA==' }, { value: 2 }]);
    expect(out).toContain('"value":{"n":1.0}');
  });

  it('goes over many pages, and ends quietly with a reader that has enough', async () => {
    const { url } = await runNode();
    await seed(
      url,
      Array.from({ length: 30_000 }, (_, i) => `{"op":"put","path":"many/${i}","value":${i}}`),
    );
    const all = await kvs(['list', 'many', '-r'], { url });
    expect(new Set(all.out.trim().split('\n')).size).toBe(30_000);
    const some = await kvs(['list', 'many', '-r', '--limit', '2500'], { url });
    expect(some.out.trim().split('\n')).toEqual(all.out.split('\n', 2_500));

    const cut = new KvsProcess(['list', 'many', '-r', '--json'], { url });
    await once(cut.child.stdout, 'readable');
    cut.child.stdout.destroy();
    expect(await cut.ended()).toMatchObject({ code: 0, err: '' });
  });
});

describe('kvs delete --recursive', () => {
  it('deletes what is below a prefix where there is no terminal to ask at, but all keys with --yes only', async () => {
    const { url } = await runNode();
    await seed(
      url,
      ['a', 'a/b', 'a/c', 'd'].map((path) => `{"op":"put","path":"${path}","value":1}`),
    );
    expect(await kvs(['delete', 'a/', '--recursive'], { url })).toMatchObject({
      code: 0,
      out: '2 deleted\n',
    });
    expect(await kvs(['delete', '/', '-r'], { url })).toMatchObject({ code: 2, out: '' });
    expect(await kvs(['list', '-r'], { url })).toMatchObject({ out: 'a\nd\n' });
    const all = await kvs(['delete', '', '-ry', '--json'], { url });
    expect(all).toMatchObject({ code: 0, out: '{"deleted":2}\n' });
  });
});
