import type { HttpBindings } from '@hono/node-server';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import type { WriteRequest } from '../../src/core/ports.ts';
import { text } from '../store/harness.ts';
import { batch, BatchClient } from './batch-client.ts';
import { makeApp, rawRequest, serve } from './harness.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function start(deps: Parameters<typeof makeApp>[0] = {}, options: Parameters<typeof serve>[1] = {}) {
  const under = await makeApp(deps);
  const server = await serve(under.app, options);
  cleanups.push(under.close, () => server.close(0));
  const stored = async (path: string) => text(await under.store.get(path as KeyPath));
  return { ...under, server, port: server.port, stored };
}

/** A store whose writes wait until they are let through. */
async function startHeld(deps: Parameters<typeof makeApp>[0] = {}) {
  const real = await makeApp();
  cleanups.push(real.close);
  const calls: { requests: readonly WriteRequest[]; proceed: () => void }[] = [];
  const store = {
    peek: real.store.peek.bind(real.store),
    get: real.store.get.bind(real.store),
    async write(requests: readonly WriteRequest[]) {
      await new Promise<void>((proceed) => calls.push({ requests, proceed }));
      return real.store.write(requests);
    },
  };
  const called = async (count: number) => {
    while (calls.length < count) await new Promise(setImmediate);
  };
  return { ...(await start({ store, ...deps })), real: real.store, calls, called };
}

const put = (path: string, value: unknown) => ({ op: 'put', path, value });
const get = (path: string) => ({ op: 'get', path });
const del = (path: string) => ({ op: 'delete', path });
const uuid = expect.stringMatching(/^[0-9a-f-]{36}$/) as string;

describe('a batch', () => {
  it('answers every line with its number, in order', async () => {
    const { port, clock, stored } = await start();
    const timestamp = clock.ms;
    expect(
      await batch(port, put('a/b', { x: 1 }), put('a/b', 2), get('a/b'), del('a/b'), del('a/b'), get('a/b')),
    ).toEqual([
      { line: 1, status: 201, uuid, timestamp },
      { line: 2, status: 200, uuid, timestamp },
      { line: 3, status: 200, uuid, timestamp, content_type: 'application/json', value: 2 },
      { line: 4, status: 204 },
      { line: 5, status: 404, code: 'KVS_KEY_NOT_FOUND', detail: expect.any(String) as string },
      { line: 6, status: 404, code: 'KVS_KEY_NOT_FOUND', detail: expect.any(String) as string },
    ]);
    await batch(port, put('a/b', null));
    expect(await stored('a/b')).toBe('null');
  });

  it('gives each result as soon as its line has come', async () => {
    const { port } = await start();
    const client = new BatchClient(port);
    for (let line = 1; line <= 3; line++) {
      client.send(put('k', line));
      expect(await client.next()).toMatchObject({ line, status: line === 1 ? 201 : 200 });
    }
    expect(await client.finish()).toEqual([]);
  });

  it('counts blank lines, and needs no end of the last line', async () => {
    const { port } = await start();
    const client = new BatchClient(port);
    client.send('', `${' '.repeat(20)}\r`, `${JSON.stringify(put('a', 1))}\r`, '\t');
    client.request.write(JSON.stringify(get('a')));
    const results = await client.finish();
    expect(results.map(({ line, status }) => [line, status])).toEqual([
      [3, 201],
      [5, 200],
    ]);
  });

  it('may be empty', async () => {
    const { port } = await start();
    expect(await batch(port)).toEqual([]);
  });

  it('finds its lines wherever the bytes are cut', async () => {
    const { port } = await start();
    const client = new BatchClient(port);
    const whole = Buffer.from(`${JSON.stringify(put('ü/ß', '€'))}\n\n${JSON.stringify(get('ü/ß'))}`);
    for (const byte of whole) {
      client.request.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    expect(await client.finish()).toMatchObject([
      { line: 1, status: 201 },
      { line: 3, status: 200, value: '€' },
    ]);
  });

  it('reads each line to its end and no further, whatever comes with it', async () => {
    const { port, stored } = await start();
    const puts = ['a', 'b', 'c'].map((path) => JSON.stringify(put(path, path)));
    for (const other of ['"value":zz}', '\n "value":"zz', '"x":{', '"x":[']) {
      const client = new BatchClient(port);
      client.request.write(puts.map((line) => `${line}\n${other}\n`).join(''));
      const statuses = (await client.finish()).map(({ status }) => Math.floor(status / 100));
      expect(statuses).toEqual([2, 4, 2, 4, 2, 4]);
      expect(await Promise.all(['a', 'b', 'c'].map(stored))).toEqual(['"a"', '"b"', '"c"']);
    }
  });

  it('gives long results and short ones in the order of their lines', async () => {
    const { port } = await start({ maxValueBytes: 300_000 });
    const long = 'x'.repeat(200_000);
    await batch(port, put('long', long), put('short', 1));
    const paths = ['long', 'short', 'none', 'long', 'long', 'short', 'short', 'long'];
    const results = await batch(port, ...paths.map(get), put('short', 2), get('short'));
    expect(results.map(({ status, value }) => value ?? status)).toEqual([
      ...paths.map((path) => ({ long, short: 1, none: 404 })[path]),
      200,
      2,
    ]);
  });

  it('keeps the order of each key through thousands of mixed lines', async () => {
    const { port } = await start();
    const keys = ['a', 'b', 'c', 'd', 'e'];
    const model = new Map<string, number>();
    const lines: object[] = [];
    const expected: object[] = [];
    for (let i = 0; i < 5_000; i++) {
      // Runs of one kind and mixtures, by a fixed pattern.
      const key = keys[(i * 7 + Math.floor(i / 3)) % keys.length] ?? '';
      const kind = Math.floor(i / 500) % 2 === 0 ? i % 3 : (i * 5 + Math.floor(i / 11)) % 4 === 0 ? 1 : 0;
      const known = model.get(key);
      if (kind === 0) {
        lines.push(put(key, i));
        expected.push({ line: i + 1, status: known === undefined ? 201 : 200 });
        model.set(key, i);
      } else if (kind === 1) {
        lines.push(get(key));
        expected.push(
          known === undefined ? { line: i + 1, status: 404 } : { line: i + 1, status: 200, value: known },
        );
      } else {
        lines.push(del(key));
        expected.push({ line: i + 1, status: known === undefined ? 404 : 204 });
        model.delete(key);
      }
    }
    expect(await batch(port, ...lines)).toMatchObject(expected);
  });

  it('lets a read of an earlier value not see the write that follows it', async () => {
    const { port } = await start();
    await batch(port, put('k', 'old'));
    const results = await batch(port, get('k'), put('k', 'new'), get('k'), get('other'));
    expect(results.map(({ value }) => value)).toEqual(['old', undefined, 'new', undefined]);
  });

  it.each([
    'application/x-ndjson; charset=utf-8',
    'application/jsonl',
    'application/x-jsonlines',
    'APPLICATION/NDJSON',
  ])('may call itself %s', async (type) => {
    const { port } = await start();
    const client = new BatchClient(port, { 'Content-Type': type });
    client.send(put('k', 1));
    expect(await client.finish()).toMatchObject([{ status: 201 }]);
    expect((await client.answer()).headers['content-type']).toBe('application/x-ndjson');
  });

  it('comes with a length too, and after asking whether it may', async () => {
    const { port } = await start();
    const line = `${JSON.stringify(put('k', 'x'.repeat(500)))}\n`;
    // Longer than a single value may be.
    const body = line.repeat(4);
    const client = new BatchClient(port, { Expect: '100-continue', 'Content-Length': String(body.length) });
    await once(client.request, 'continue');
    client.request.write(body);
    expect((await client.finish()).map(({ status }) => status)).toEqual([201, 200, 200, 200]);
  });
});

describe('the values of a batch', () => {
  it('are kept byte by byte, whatever JSON would make of them', async () => {
    const { port, stored } = await start();
    const values = [
      '12345678901234567890.10',
      '{"b" : [1e400, "\\u00fc\\"}"],"a":{}}',
      '"a\\\\"',
      ' [ ] ',
      '-0.0',
    ];
    for (const value of values) {
      await batch(port, `{"path":"k", "value":"first", "op":"put","\\u0076alue" :${value} }`);
      expect(await stored('k')).toBe(value.trim());
    }
    const client = new BatchClient(port);
    client.send(`{"value":${values[0] ?? ''},"op":"put","path":"k"}`, get('k'));
    client.request.end();
    await client.next();
    const raw = await rawRequest(
      port,
      'POST /kv/',
      ['Content-Type: application/x-ndjson', 'Content-Length: 23'],
      '{"op":"get","path":"k"}',
    );
    expect(raw.body).toContain(`"value":${values[0] ?? ''}}`);
  });

  it('stand on one line, however many they were sent on', async () => {
    const { port } = await start();
    await rawRequest(port, 'PUT /kv/k', ['Content-Length: 9'], '{"a":\r\n1}');
    expect(await batch(port, get('k'))).toMatchObject([{ value: { a: 1 } }]);
  });

  it('of any other type are Base64', async () => {
    const { port, stored } = await start();
    const bytes = Buffer.from([0, 255, 10, 13, 34]);
    const line = { op: 'put', path: 'k', value_base64: bytes.toString('base64') };
    const results = await batch(port, line, get('k'), { ...line, content_type: 'text/x' }, get('k'));
    expect(results).toMatchObject([
      { status: 201 },
      { content_type: 'application/octet-stream', value_base64: line.value_base64 },
      { status: 200 },
      { content_type: 'text/x', value_base64: line.value_base64 },
    ]);
    const json = {
      ...line,
      value_base64: Buffer.from('[1]').toString('base64'),
      content_type: 'application/x+json',
    };
    expect(await batch(port, json, get('k'))).toMatchObject([
      {},
      { content_type: 'application/x+json', value: [1] },
    ]);
    expect(await stored('k')).toBe('[1]');
  });

  it('end when their time is over', async () => {
    const { port, clock } = await start();
    const results = await batch(port, { ...put('k', 1), ttl: 1.5 }, get('k'));
    expect(results[1]).toMatchObject({ expires_at: clock.ms + 1_500 });
    clock.ms += 1_500;
    expect(await batch(port, get('k'))).toMatchObject([{ status: 404 }]);
  });

  it('may be as large as a value may be, in Base64 with every escape, and no larger', async () => {
    const { port } = await start();
    const largest = Buffer.alloc(1024).toString('base64');
    const path = 'p'.repeat(limits.pathBytesMax);
    const line = `{"op":"put","path":"${'\\u0070'.repeat(path.length)}","value_base64":"${largest}"}`;
    const tooLarge = { op: 'put', path: 'l', value_base64: Buffer.alloc(1025).toString('base64') };
    expect(
      await batch(port, line, tooLarge, put('l', 'x'.repeat(1022)), put('l', 'x'.repeat(1023))),
    ).toMatchObject([
      { status: 201 },
      { status: 413, code: 'KVS_VALUE_TOO_LARGE' },
      { status: 201 },
      { status: 413, code: 'KVS_VALUE_TOO_LARGE' },
    ]);
  });
});

describe('a line of a batch that is broken', () => {
  it.each([
    ['no JSON', 'hello there', 400, 'KVS_BAD_BODY'],
    ['half of it', '{"op":"put","path":"k"', 400, 'KVS_BAD_BODY'],
    ['two values', '{"op":"get","path":"k"} {}', 400, 'KVS_BAD_BODY'],
    [
      'no UTF-8',
      Buffer.from([...Buffer.from('{"op":"put","path":"k","value":"'), 0xff, 0x22, 0x7d]),
      400,
      'KVS_BAD_BODY',
    ],
    ['no object', '["put","k"]', 400, 'KVS_BAD_BODY'],
    ['null', 'null    ', 400, 'KVS_BAD_BODY'],
    ['without what to do', '{"path":"k"}', 400, 'KVS_BAD_REQUEST'],
    ['with something else to do', '{"op":"patch","path":"k"}', 400, 'KVS_BAD_REQUEST'],
    ['without a path', '{"op":"get"}', 400, 'KVS_BAD_REQUEST'],
    ['with an empty path', '{"op":"get","path":""}', 400, 'KVS_BAD_PATH'],
    ['with a prefix for a path', '{"op":"put","path":"a/","value":1}', 400, 'KVS_BAD_PATH'],
    ['with a bad path', '{"op":"get","path":"a/../b"}', 400, 'KVS_BAD_PATH'],
    ['with too long a path', { op: 'get', path: 'x'.repeat(1_025) }, 400, 'KVS_BAD_PATH'],
    ['without a value', '{"op":"put","path":"k"}', 400, 'KVS_BAD_REQUEST'],
    ['with two values', '{"op":"put","path":"k","value":1,"value_base64":"AA=="}', 400, 'KVS_BAD_REQUEST'],
    ['with a field that there is not', '{"op":"put","path":"k","value":1,"tll":5}', 400, 'KVS_BAD_REQUEST'],
    ['with a value to read', '{"op":"get","path":"k","value":1}', 400, 'KVS_BAD_REQUEST'],
    ['with a type that is no header', { ...put('k', 1), content_type: 'a\nb' }, 400, 'KVS_BAD_REQUEST'],
    ['with a type that is no text', { ...put('k', 1), content_type: 1 }, 400, 'KVS_BAD_REQUEST'],
    [
      'with too long a type',
      { op: 'put', path: 'k', value_base64: '', content_type: 'x'.repeat(256) },
      400,
      'KVS_BAD_REQUEST',
    ],
    [
      'with JSON for a type that is not',
      { ...put('k', 1), content_type: 'text/plain' },
      400,
      'KVS_BAD_REQUEST',
    ],
    [
      'with bytes that are not JSON',
      { op: 'put', path: 'k', value_base64: 'AAAA', content_type: 'application/json' },
      400,
      'KVS_BAD_BODY',
    ],
    ['with bad Base64', { op: 'put', path: 'k', value_base64: 'AAA' }, 400, 'KVS_BAD_BODY'],
    ['with a time that is over', { ...put('k', 1), ttl: 0 }, 400, 'KVS_BAD_REQUEST'],
    ['with a time that never ends', { ...put('k', 1), ttl: 1e15 }, 400, 'KVS_BAD_REQUEST'],
    ['with a time that is text', { ...put('k', 1), ttl: '5' }, 400, 'KVS_BAD_REQUEST'],
  ])('is refused, and no other one, when it is %s', async (_, line, status, code) => {
    const { port, stored } = await start();
    const results = await batch(port, put('before', 1), line, put('after', 1));
    expect(results).toMatchObject([{ status: 201 }, { line: 2, status, code }, { line: 3, status: 201 }]);
    expect(results[1]?.['detail']).toEqual(expect.any(String));
    expect(await stored('k')).toBeUndefined();
  });

  it('is refused unread when it is longer than any line can be', async () => {
    const { port } = await start();
    const long = Buffer.alloc(1368 + limits.batchLineSlackBytesMax + 1, 'x');
    const results = await batch(port, put('a', 1), long, put('b', 1), long.subarray(1));
    expect(results).toMatchObject([
      { status: 201 },
      { line: 2, status: 413, code: 'KVS_VALUE_TOO_LARGE' },
      { status: 201 },
      { line: 4, status: 400, code: 'KVS_BAD_BODY' },
    ]);
  });
});

describe('a batch as a whole', () => {
  it.each([
    ['of no type at all', [], 'KVS_UNSUPPORTED_TYPE'],
    ['JSON', ['Content-Type: application/json'], 'KVS_UNSUPPORTED_TYPE'],
    [
      'encoded',
      ['Content-Type: application/x-ndjson', 'Content-Encoding: gzip'],
      'KVS_ENCODING_NOT_SUPPORTED',
    ],
  ])('is refused when it is %s', async (_, headers, code) => {
    const { port } = await start();
    const refused = await rawRequest(port, 'POST /kv/', [...headers, 'Content-Length: 2'], '{}');
    expect(refused).toMatchObject({ status: 415, code });
  });

  it.each([
    ['read-only', 403, 'KVS_READ_ONLY'],
    ['syncing', 503, 'KVS_SYNCING'],
  ] as const)('is refused in mode %s, before anything of it is sent', async (mode, status, code) => {
    const { port, node } = await start();
    node.mode = mode;
    const headers = ['Content-Type: application/x-ndjson', 'Content-Length: 100', 'Expect: 100-continue'];
    expect(await rawRequest(port, 'POST /kv/', headers)).toMatchObject({ status, code });
  });

  it('belongs to the root alone', async () => {
    const { port } = await start();
    const refused = await rawRequest(port, 'POST /kv/a/', ['Content-Length: 0']);
    expect(refused).toMatchObject({ status: 405, code: 'KVS_METHOD_NOT_ALLOWED' });
    expect(refused.head).not.toMatch(/^Allow:.*POST/m);
    for (const method of ['OPTIONS', 'PATCH']) {
      expect((await rawRequest(port, `${method} /kv/`)).head).toMatch(
        /^Allow: GET, HEAD, PUT, DELETE, POST$/m,
      );
    }
    expect(await rawRequest(port, 'PUT /kv/', ['Content-Length: 1'], '1')).toMatchObject({
      code: 'KVS_BAD_PATH',
    });
  });

  it('finds its place taken when there are too many', async () => {
    const { port } = await start();
    const clients = Array.from({ length: limits.batchesMax }, () => new BatchClient(port));
    for (const client of clients) await client.answer();
    const headers = ['Content-Type: application/x-ndjson', 'Content-Length: 0'];
    expect(await rawRequest(port, 'POST /kv/', headers)).toMatchObject({
      status: 503,
      code: 'KVS_OVERLOADED',
    });
    await clients[0]?.finish();
    expect(await rawRequest(port, 'POST /kv/', headers)).toMatchObject({ status: 200 });
    for (const client of clients.slice(1)) await client.finish();
  });
});

describe('while a batch is under way', () => {
  it('many lines go to the store in one call, so many at a time, and no more are read', async () => {
    const { port, calls, called } = await startHeld();
    const client = new BatchClient(port);
    const lines = Array.from({ length: 5_000 }, (_, i) => put(`k${i}`, i));
    client.send(put('first', 0));
    await called(1);
    client.send(...lines);
    await called(limits.batchGroupsMax);
    expect(calls.map(({ requests }) => requests.length)).toEqual([1, limits.batchLinesMax]);
    // A round trip on another connection: what could have been read has been.
    await rawRequest(port, 'GET /health/live');
    expect(calls.length).toBe(limits.batchGroupsMax);
    const finished = client.finish();
    for (let at = 0; at < calls.length || at < 2; at++) {
      await called(at + 1);
      calls[at]?.proceed();
      // The next call comes when there is one.
      if (calls.reduce((sum, { requests }) => sum + requests.length, 0) < 5_001) await called(at + 2);
    }
    expect((await finished).length).toBe(5_001);
    expect(Math.max(...calls.map(({ requests }) => requests.length))).toBe(limits.batchLinesMax);
  });

  it('a group takes so many reads, and so many bytes', async () => {
    const reads: number[] = [];
    let open = 0;
    const real = await makeApp({ maxValueBytes: 1_000_000 });
    cleanups.push(real.close);
    const { store } = real;
    const get_ = async (path: KeyPath) => {
      reads.push(++open);
      await new Promise(setImmediate);
      open--;
      return store.get(path);
    };
    const writes: number[] = [];
    const write = (requests: readonly WriteRequest[]) => {
      writes.push(requests.length);
      return store.write(requests);
    };
    const { port } = await start({
      store: { peek: () => undefined, get: get_, write },
      maxValueBytes: 1_000_000,
    });
    await batch(port, ...Array.from({ length: 1_000 }, () => get('k')));
    expect(Math.max(...reads)).toBeLessThanOrEqual(limits.batchGroupsMax * limits.batchReadsMax);
    const large = 'x'.repeat(limits.batchBytesMax / 4);
    await batch(port, ...Array.from({ length: 20 }, (_, i) => put(`k${i}`, large)));
    expect(Math.max(...writes)).toBeLessThanOrEqual(4);
  });

  it.each([
    ['1,000 bytes', 1_000, limits.batchReadsMax],
    ['a quarter of what they take together', limits.batchReadBytesMax / 4, 4],
    ['the largest there is', limits.valueBytesCeiling, 1],
  ])('a group takes fewer reads the larger a value may be: %s', async (_, maxValueBytes, readsMax) => {
    let open = 0;
    let most = 0;
    const read = async () => {
      most = Math.max(most, ++open);
      for (let i = 0; i < 10; i++) await new Promise(setImmediate);
      open--;
      return undefined;
    };
    const { port } = await start({
      store: { peek: () => undefined, get: read, write: () => Promise.resolve([]) },
      maxValueBytes,
    });
    const paths = Array.from({ length: 1_000 }, (__, i) => `k${i}`);
    expect(await batch(port, ...paths.map(get))).toHaveLength(paths.length);
    expect(most).toBeLessThanOrEqual(limits.batchGroupsMax * readsMax);
    expect(most).toBeGreaterThanOrEqual(readsMax);
  });

  it('a client that does not read is not read either', async () => {
    const { port, store } = await start({ maxValueBytes: 1_000_000 });
    const large = 'x'.repeat(900_000);
    await batch(port, put('large', large));
    const reads: KeyPath[] = [];
    let taken = 0;
    const { get: read } = store;
    Object.assign(store, {
      async get(path: KeyPath) {
        reads.push(path);
        const version = await read.call(store, path);
        return new Proxy(version ?? {}, {
          get: (target, name) => (name === 'data' && taken++, Reflect.get(target, name) as unknown),
        });
      },
    });
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    socket.pause();
    socket.write(
      'POST /kv/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 999999\r\n\r\n',
    );
    const line = `${JSON.stringify(get('large'))}\n`;
    socket.write(line.repeat(20_000));
    while (reads.length === 0) await new Promise(setImmediate);
    for (let seen = -1; seen !== reads.length + taken;) {
      seen = reads.length + taken;
      for (let i = 0; i < 20; i++) await rawRequest(port, 'GET /health/live');
    }
    expect(reads.length).toBeLessThanOrEqual(limits.batchGroupsMax * limits.batchReadsMax);
    // What the connection does not take yet stays a version, and becomes no text.
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(limits.batchReadsMax / 2);
  });

  it('the node turns read-only: the lines that are left are refused, and reads are answered', async () => {
    const { port, node } = await start();
    const client = new BatchClient(port);
    client.send(put('k', 1));
    expect(await client.next()).toMatchObject({ status: 201 });
    node.mode = 'read-only';
    client.send(put('k', 2), del('k'), get('k'));
    expect(await client.finish()).toMatchObject([
      { line: 2, status: 403, code: 'KVS_READ_ONLY' },
      { line: 3, status: 403, code: 'KVS_READ_ONLY' },
      { line: 4, status: 200, value: 1 },
    ]);
  });

  it('the node stops: lines are refused, and a client that sends none is told', async () => {
    const { port, node, closing } = await start();
    const client = new BatchClient(port);
    client.send(put('k', 1));
    await client.next();
    node.isReady = false;
    closing.abort();
    client.send(put('k', 2));
    expect(await client.next()).toMatchObject({ line: 2, status: 503, code: 'KVS_NOT_READY' });
    expect(await client.rest()).toMatchObject([{ line: 3, status: 503, code: 'KVS_NOT_READY' }]);
  });

  it('the store fails: each line says so, and the next ones are tried', async () => {
    const { port, store } = await start();
    const { write } = store;
    let fails = true;
    Object.assign(store, {
      write: (requests: readonly WriteRequest[]) =>
        fails ? Promise.reject(new Error('broken')) : write.call(store, requests),
    });
    const client = new BatchClient(port);
    client.send(put('k', 1));
    expect(await client.next()).toMatchObject({ line: 1, status: 500, code: 'KVS_INTERNAL' });
    fails = false;
    client.send(put('k', 1));
    expect(await client.finish()).toMatchObject([{ line: 2, status: 201 }]);
  });

  it('its client goes away: what the store took stays, and its place is free', async () => {
    const { port, calls, called, real } = await startHeld();
    const gone = Array.from({ length: limits.batchesMax }, () => new BatchClient(port));
    for (const client of gone) {
      client.request.on('error', () => undefined);
      client.send(put('kept', 1));
      client.request.write('{"op":"put","path":"lost","value":1');
    }
    await called(gone.length);
    for (const client of gone) client.request.destroy();
    for (const { proceed } of calls) proceed();
    const headers = ['Content-Type: application/x-ndjson', 'Content-Length: 0'];
    while ((await rawRequest(port, 'POST /kv/', headers)).status !== 200);
    expect(text(await real.get('kept' as KeyPath))).toBe('1');
    expect(await real.get('lost' as KeyPath)).toBeUndefined();
  });

  it('its client goes away: of the lines that came, no more values are read for it', async () => {
    const real = await makeApp();
    cleanups.push(real.close);
    const reads: (() => void)[] = [];
    const read = () => new Promise<undefined>((resolve) => reads.push(() => resolve(undefined)));
    const { app, close } = await makeApp({
      store: { peek: () => undefined, get: read, write: real.store.write.bind(real.store) },
    });
    cleanups.push(close);
    const under: { closed: Promise<unknown>; answered: unknown }[] = [];
    const fetch: typeof app.fetch = (request, env, context) => {
      const answered = app.fetch(request, env, context);
      under.push({ closed: once((env as HttpBindings).outgoing, 'close'), answered });
      return answered;
    };
    const server = await serve({ fetch } as typeof app);
    cleanups.push(() => server.close(0));
    const client = new BatchClient(server.port);
    client.request.write(`${JSON.stringify(get('k'))}\n`.repeat(10 * limits.batchReadsMax));
    const underWay = limits.batchGroupsMax * limits.batchReadsMax;
    while (reads.length < underWay) await new Promise(setImmediate);
    client.request.destroy();
    await under[0]?.closed;
    for (const settle of reads) settle();
    await under[0]?.answered;
    expect(reads).toHaveLength(underWay);
  });
});

describe('the time of a batch', () => {
  it('has no end while its lines come', async () => {
    const { port } = await start(
      { requestTimeoutMs: 2_000 },
      { requestTimeoutMs: 2_000, headerTimeoutMs: 2_000 },
    );
    const client = new BatchClient(port);
    const startedAt = performance.now();
    let line = 0;
    while (performance.now() - startedAt < 6_000) {
      client.send(put('k', ++line));
      expect(await client.next()).toMatchObject({ line });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // Blank lines say that the client is there.
    client.send('');
    client.send(put('k', 0));
    expect(await client.finish()).toMatchObject([{ line: line + 2, status: 200 }]);
  });

  it('is over when a line does not come whole, however slowly its bytes come', async () => {
    const { port } = await start(
      { requestTimeoutMs: 2_000 },
      { requestTimeoutMs: 2_000, headerTimeoutMs: 2_000 },
    );
    const client = new BatchClient(port);
    client.request.on('error', () => undefined);
    client.send(put('k', 1));
    expect(await client.next()).toMatchObject({ line: 1, status: 201 });
    const trickle = setInterval(() => client.request.write(' '), 20);
    onTestFinished(() => clearInterval(trickle));
    expect(await client.next()).toMatchObject({ line: 2, status: 408, code: 'KVS_REQUEST_TIMEOUT' });
    await once(client.request, 'close');
  });

  it('ends with the connection when what comes is no HTTP', async () => {
    const { port, stored } = await start();
    const socket = connect(port, '127.0.0.1');
    socket.setEncoding('utf8');
    let received = '';
    socket.on('data', (chunk: string) => (received += chunk));
    socket.on('error', () => undefined);
    const line = `${JSON.stringify(put('k', 1))}\n`;
    const head =
      'POST /kv/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n';
    socket.write(`${head}${line.length.toString(16)}\r\n${line}\r\n`);
    while (!received.includes('"status":201')) await once(socket, 'data');
    socket.write('nonsense\r\n');
    await once(socket, 'close');
    expect(received).not.toContain('400 Bad');
    expect(await stored('k')).toBe('1');
  });
});
