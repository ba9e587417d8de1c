import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyPath } from '../../src/core/key-path.ts';
import { KvsError } from '../../src/core/errors.ts';
import { hourMs } from '../store/harness.ts';
import { exchange, makeApp, rawRequest, startApp, type HttpUnderTest, type StartedApp } from './harness.ts';

const json = { 'Content-Type': 'application/json' };
const uuidShape = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

describe('/kv', () => {
  let under: HttpUnderTest;
  beforeEach(async () => {
    under = await makeApp();
  });
  afterEach(() => under.close());

  const put = (
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = json,
  ) => under.app.request(`/kv/${path}`, { method: 'PUT', body, headers });

  it('answers 201 for a new key and 200 for a replaced one, with uuid, timestamp and ETag', async () => {
    const created = await put('users/john', '{"a":1}');
    expect(created.status).toBe(201);
    const body = (await created.json()) as { uuid: string; timestamp: number };
    expect(body.uuid).toMatch(uuidShape);
    expect(body.timestamp).toBe(under.clock.ms);
    expect(created.headers.get('ETag')).toBe(`"${body.uuid}"`);
    expect((await put('users/john', '{"a":2}')).status).toBe(200);
  });

  it('gives back the bytes as they were sent, with everything that describes them', async () => {
    const bytes = ' { "ü" :\n[1, 2.50, 1e3] }';
    const { uuid } = (await (await put('k', bytes)).json()) as { uuid: string };
    const got = await under.app.request('/kv/k');
    expect(got.status).toBe(200);
    expect(await got.text()).toBe(bytes);
    expect(Object.fromEntries(got.headers)).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(bytes)),
      etag: `"${uuid}"`,
      'last-modified': new Date(under.clock.ms).toUTCString(),
      'kvs-timestamp': String(under.clock.ms),
      'x-content-type-options': 'nosniff',
    });
  });

  it('answers HEAD as GET without the body', async () => {
    await put('k', '{"a":1}');
    const got = await under.app.request('/kv/k', { method: 'HEAD' });
    expect([got.status, await got.text(), got.headers.get('Content-Length')]).toEqual([200, '', '7']);
    expect((await under.app.request('/kv/none', { method: 'HEAD' })).status).toBe(404);
  });

  it('answers 204 to a delete, and 404 where there is no such key', async () => {
    await put('k', '1');
    const deleted = await under.app.request('/kv/k', { method: 'DELETE' });
    expect([deleted.status, await deleted.text()]).toEqual([204, '']);
    for (const method of ['DELETE', 'GET']) {
      const missing = await under.app.request('/kv/k', { method });
      expect([missing.status, missing.headers.get('Content-Type')]).toEqual([
        404,
        'application/problem+json',
      ]);
      expect(await missing.json()).toMatchObject({
        status: 404,
        code: 'KVS_KEY_NOT_FOUND',
        type: 'about:blank',
      });
    }
  });

  it('treats an expired key as absent', async () => {
    const expiresAt = under.clock.ms + hourMs;
    const data = Buffer.from('1');
    await under.store.write([
      { kind: 'put', path: 'k' as KeyPath, contentType: 'application/json', data, expiresAt },
    ]);
    expect((await under.app.request('/kv/k')).status).toBe(200);
    under.clock.ms = expiresAt;
    expect((await under.app.request('/kv/k')).status).toBe(404);
    expect((await put('k', '2')).status).toBe(201);
  });

  it.each([
    ['not JSON', 'hello'],
    ['truncated JSON', '{"a":'],
    ['empty', ''],
    ['only white space', '  '],
    ['two values', '1 2'],
    ['not UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
  ])('refuses a body that is %s, and changes nothing', async (_, body) => {
    await put('k', '"before"');
    const refused = await put('k', body);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ code: 'KVS_BAD_BODY' });
    expect(await (await under.app.request('/kv/k')).text()).toBe('"before"');
  });

  it.each([
    ['no type at all', undefined, 'application/json'],
    ["curl's own type", 'application/x-www-form-urlencoded', 'application/json'],
    ['a JSON type of its own', 'application/vnd.shop+json; v=2', 'application/vnd.shop+json; v=2'],
  ])('checks a body with %s as JSON', async (_, type, stored) => {
    const headers: Record<string, string> = type === undefined ? {} : { 'Content-Type': type };
    expect((await put('k', Buffer.from('nope'), headers)).status).toBe(400);
    expect((await put('k', Buffer.from('[1]'), headers)).status).toBe(201);
    expect((await under.app.request('/kv/k')).headers.get('Content-Type')).toBe(stored);
  });

  it('stores any other type as it came', async () => {
    const bytes = new Uint8Array([0, 255, 10]);
    expect((await put('k', bytes, { 'Content-Type': 'image/x-tiny' })).status).toBe(201);
    const got = await under.app.request('/kv/k');
    expect(new Uint8Array(await got.arrayBuffer())).toEqual(bytes);
    expect(got.headers.get('Content-Type')).toBe('image/x-tiny');
  });

  it('refuses a content type beyond its bound', async () => {
    const refused = await put('k', '1', { 'Content-Type': `text/${'x'.repeat(256)}` });
    expect(await refused.json()).toMatchObject({ status: 400, code: 'KVS_BAD_REQUEST' });
  });

  it('takes a value of exactly the limit and refuses one byte more', async () => {
    const largest = `"${'x'.repeat(1022)}"`;
    expect((await put('k', largest)).status).toBe(201);
    const refused = await put('k2', `${largest} `);
    expect(await refused.json()).toMatchObject({ status: 413, code: 'KVS_VALUE_TOO_LARGE' });
    expect((await under.app.request('/kv/k2')).status).toBe(404);
  });

  it.each([
    ['read-only', 403, 'KVS_READ_ONLY', null],
    ['syncing', 503, 'KVS_SYNCING', '1'],
  ] as const)('refuses writes in mode %s, and serves reads', async (mode, status, code, retryAfter) => {
    await put('k', '1');
    under.node.mode = mode;
    for (const method of ['PUT', 'DELETE']) {
      const refused = await under.app.request('/kv/k', {
        method,
        ...(method === 'PUT' ? { body: '2' } : {}),
      });
      expect([refused.status, refused.headers.get('Retry-After')]).toEqual([status, retryAfter]);
      expect(await refused.json()).toMatchObject({ code });
    }
    expect(await (await under.app.request('/kv/k')).text()).toBe('1');
  });

  it('refuses writes while the node starts or stops', async () => {
    under.node.isReady = false;
    const refused = await put('k', '1');
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([503, '1']);
  });

  it.each([
    ['KVS_OVERLOADED', 503],
    ['KVS_STORAGE_FULL', 507],
    ['KVS_STORAGE_FAILED', 500],
  ] as const)('tells a client when the store says %s', async (code, status) => {
    const { app, close } = await makeApp({
      store: {
        peek: () => null,
        get: async () => undefined,
        write: () => Promise.reject(new KvsError(code, 'because')),
      },
    });
    const refused = await app.request('/kv/k', { method: 'PUT', body: '1', headers: json });
    expect(await refused.json()).toMatchObject({ status, code, detail: 'because' });
    await close();
  });

  it('never shows what went wrong inside', async () => {
    const { app, logger, close } = await makeApp({
      store: {
        peek: () => undefined,
        get: () => Promise.reject(new Error('secret')),
        write: () => Promise.reject(new Error('x')),
      },
    });
    const failed = await app.request('/kv/k');
    expect(failed.status).toBe(500);
    expect(await failed.text()).not.toMatch(/secret|at .*\(/);
    expect(logger.lines).toContainEqual({ level: 'error', message: 'A request failed unexpectedly' });
    await close();
  });

  it.each(['POST', 'PATCH'])('answers %s with 405 and what is allowed', async (method) => {
    const refused = await under.app.request('/kv/k', { method });
    expect([refused.status, refused.headers.get('Allow')]).toEqual([405, 'GET, HEAD, PUT, DELETE']);
    expect(await refused.json()).toMatchObject({ code: 'KVS_METHOD_NOT_ALLOWED' });
  });

  it('answers OPTIONS with what is allowed', async () => {
    const answer = await under.app.request('/kv/k', { method: 'OPTIONS' });
    expect([answer.status, answer.headers.get('Allow')]).toEqual([204, 'GET, HEAD, PUT, DELETE']);
  });
});

describe('/kv on a socket', () => {
  let under: StartedApp;
  beforeEach(async () => {
    under = await startApp();
  });

  const putRaw = (target: string | Buffer) =>
    rawRequest(
      under.server.port,
      Buffer.concat([Buffer.from('PUT '), Buffer.from(target)]),
      ['Content-Length: 1'],
      '1',
    );

  it.each([
    ['empty', '/kv/'],
    ['without even the slash', '/kv'],
    ['with an empty segment', '/kv/a//b'],
    ['with a leading slash', '/kv//a'],
    ['with a trailing slash', '/kv/a/'],
    ['with ..', '/kv/a/../b'],
    ['with .', '/kv/./a'],
    ['with an encoded ..', '/kv/a/%2e%2e/b'],
    ['with %00', '/kv/a%00b'],
    ['with a control character', '/kv/a%0Ab'],
    ['with %2F', '/kv/a%2Fb'],
    ['with %zz', '/kv/a%zzb'],
    ['with broken UTF-8', '/kv/%ff'],
    ['with a lone :', '/kv/a/:/b'],
    ['of 1,025 bytes', `/kv/${'x'.repeat(1025)}`],
    ['of 1,025 bytes once decoded', `/kv/x${'%C3%BC'.repeat(512)}`],
  ])('refuses a path %s, for every method', async (_, target) => {
    expect(await putRaw(target)).toMatchObject({ status: 400, code: 'KVS_BAD_PATH' });
    // With a slash at its end a path names what is below it, which a GET lists.
    const isPrefix = target === '/kv/' || target === '/kv/a/';
    for (const method of isPrefix ? ['DELETE'] : ['GET', 'DELETE']) {
      const line = Buffer.concat([Buffer.from(`${method} `), Buffer.from(target)]);
      expect(await rawRequest(under.server.port, line)).toMatchObject({ status: 400, code: 'KVS_BAD_PATH' });
    }
  });

  it('refuses raw bytes beyond ASCII on the request line: nobody can tell their encoding', async () => {
    expect((await putRaw(Buffer.from('/kv/ü'))).status).toBe(400);
    expect(under.store.sequence).toBe(0);
  });

  it.each([
    ['_ts:', '/kv/_ts:', '_ts:'],
    ['what looks like an index', '/kv/_ts:1672531200000:users/john', '_ts:1672531200000:users/john'],
    ['!', '/kv/!', '!'],
    ['emoji', '/kv/%F0%9F%A7%A6/%C3%BC', '🧦/ü'],
    ['a percent sign', '/kv/100%25', '100%'],
    ['1,024 bytes', `/kv/${'x'.repeat(1024)}`, 'x'.repeat(1024)],
    ['a query, which is not part of it', '/kv/a?b=/../c', 'a'],
    ['the absolute form of a proxy', 'http://elsewhere/kv/a/b?x', 'a/b'],
  ])('takes a path with %s', async (_, target, path) => {
    expect((await putRaw(target)).status).toBe(201);
    expect(Buffer.from((await under.store.get(path as KeyPath))?.data ?? []).toString()).toBe('1');
    expect(await rawRequest(under.server.port, `GET ${target}`)).toMatchObject({ status: 200, body: '1' });
  });

  it('keeps a connection for many requests, pipelined ones too, and answers in order', async () => {
    await putRaw('/kv/a');
    const get = 'GET /kv/a HTTP/1.1\r\nHost: x\r\n\r\n';
    const last = 'GET /kv/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const received = await exchange(under.server.port, get.repeat(20) + last);
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual([
      ...Array.from({ length: 20 }, () => 'HTTP/1.1 200'),
      'HTTP/1.1 404',
    ]);
  });

  it('answers a body that is declared too large before it comes', async () => {
    const answer = await rawRequest(under.server.port, 'PUT /kv/k', [
      'Content-Type: application/json',
      'Content-Length: 1025',
    ]);
    expect(answer).toMatchObject({ status: 413, code: 'KVS_VALUE_TOO_LARGE' });
  });

  it('answers a chunked body that grows too large, and stores nothing', async () => {
    const chunk = `400\r\n${'1'.repeat(1024)}\r\n`;
    const answer = await rawRequest(
      under.server.port,
      'PUT /kv/k',
      ['Transfer-Encoding: chunked'],
      `${chunk}${chunk}0\r\n\r\n`,
    );
    expect(answer).toMatchObject({ status: 413, code: 'KVS_VALUE_TOO_LARGE' });
    expect(await under.store.get('k' as KeyPath)).toBeUndefined();
  });

  it('says no to Expect: 100-continue with too much to come, and yes otherwise', async () => {
    const expecting = ['Expect: 100-continue', 'Content-Type: application/json'];
    const no = await exchange(
      under.server.port,
      `PUT /kv/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${expecting.join('\r\n')}\r\nContent-Length: 9999\r\n\r\n`,
    );
    expect(no).toMatch(/^HTTP\/1\.1 413 /);
    const yes = await rawRequest(under.server.port, 'PUT /kv/k', [...expecting, 'Content-Length: 1'], '1');
    expect(yes.head).toMatch(/^HTTP\/1\.1 100 Continue/);
    expect(yes.body).toContain('201 Created');
  });

  it('stores nothing when the client goes away in the middle of a body', async () => {
    const { connect } = await import('node:net');
    const request = 'PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"12';
    await new Promise<void>((resolve) => {
      const socket = connect(under.server.port, '127.0.0.1', () =>
        socket.end(request, () => socket.resetAndDestroy()),
      );
      socket.on('close', () => resolve());
      socket.on('error', () => undefined);
    });
    // Another request on another connection comes after the first has been dealt with.
    await rawRequest(under.server.port, 'GET /health/live');
    expect(await under.store.get('k' as KeyPath)).toBeUndefined();
  });

  it('takes what follows a body that is longer than it said for another request', async () => {
    const answer = await exchange(
      under.server.port,
      'PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n12 nonsense\r\n\r\n',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 (?:201|400) /);
    const stored = await under.store.get('k' as KeyPath);
    expect(stored === undefined || Buffer.from(stored.data).toString() === '1').toBe(true);
  });
});
