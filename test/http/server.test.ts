import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Hono } from 'hono';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { KeyPath } from '../../src/core/key-path.ts';
import { limits } from '../../src/core/limits.ts';
import type { KvsEnv } from '../../src/http/context.ts';
import { RecordingLogger } from '../store/harness.ts';
import { exchange, openSocket, rawRequest, serve, startApp } from './harness.ts';

describe('what nobody foresaw', () => {
  it.each([
    ['/health', /^HTTP\/1\.1 500 [^]*"code":"KVS_INTERNAL"/],
    ['/kv/k', /^$/],
  ])('is logged, and ends one request of %s and not the node', async (target, answer) => {
    const app = new Hono<KvsEnv>();
    app.fetch = () => {
      throw new Error('out of order');
    };
    const logger = new RecordingLogger();
    const server = await serve(app, { logger });
    onTestFinished(() => server.close(0));
    for (let i = 1; i <= 2; i++) {
      const bytes = `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
      expect(await exchange(server.port, bytes)).toMatch(answer);
      expect(logger.lines.map(({ level }) => level)).toEqual(Array.from({ length: i }, () => 'error'));
    }
  });
});

describe('what is not a good request', () => {
  it.each([
    ['is not HTTP', 'hello\r\n\r\n', 400, 'KVS_BAD_REQUEST'],
    [
      'has two lengths',
      'PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
      'KVS_BAD_REQUEST',
    ],
    [
      'has a length that is no number',
      'PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n',
      400,
      'KVS_BAD_REQUEST',
    ],
    [
      'has headers beyond the bound',
      `GET /kv/k HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(limits.headerBytesMax)}\r\n\r\n`,
      431,
      'KVS_HEADERS_TOO_LARGE',
    ],
  ])('gets a problem and a closed connection when it %s', async (_, bytes, status, code) => {
    const { server } = await startApp();
    const answer = await exchange(server.port, bytes);
    expect(answer).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status} [^]*application/problem\\+json[^]*"code":"${code}"`),
    );
  });

  it.each([
    ['headers', 'GET /kv/k HTTP/1.1\r\nHost:'],
    ['a body', 'PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"1'],
  ])('gets 408 when %s do not come in time', async (_, bytes) => {
    const { server, store } = await startApp({}, { requestTimeoutMs: 300, headerTimeoutMs: 200 });
    expect(await exchange(server.port, bytes)).toMatch(/^(?:HTTP\/1\.1 408 [^]*KVS_REQUEST_TIMEOUT|$)/);
    expect(store.sequence).toBe(0);
  });

  it('gets a problem when its Host is no name, whatever it asks for', async () => {
    const { server } = await startApp();
    for (const target of ['/health', '/members', '/openapi.json', '/nothing']) {
      const answer = await exchange(
        server.port,
        `GET ${target} HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*application\/problem\+json[^]*"code":"KVS_BAD_REQUEST"/);
    }
  });

  it('gets 404 for a route that there is not', async () => {
    const { server } = await startApp();
    for (const target of ['/', '/nothing', '/kvx', '/members/x', '/health/x', '/debug/nothing']) {
      expect(await rawRequest(server.port, `GET ${target}`)).toMatchObject({
        status: 404,
        code: 'KVS_ROUTE_NOT_FOUND',
      });
    }
  });
});

describe('a request of HTTP/1.0, which names no host', () => {
  it('is answered as any other, but for debugging, which nobody foreign may see', async () => {
    const { server } = await startApp();
    const statusOf = async (target: string) =>
      (await exchange(server.port, `GET ${target} HTTP/1.0\r\n\r\n`)).slice(9, 12);
    expect(await statusOf('/health')).toBe('200');
    expect(await statusOf('/health/live')).toBe('200');
    expect(await statusOf('/members')).toBe('200');
    expect(await statusOf('/openapi.json')).toBe('200');
    expect(await statusOf('/debug/actors')).toBe('403');
  });
});

describe('a failure that nothing could answer', () => {
  it.each([
    ['at once', () => () => assert.fail('broken')],
    ['later', () => () => Promise.reject(new Error('broken'))],
  ])('ends one connection, and not the server, when it comes %s', async (_, makeFetch) => {
    const { app } = await startApp();
    let isBroken = true;
    const fetch = makeFetch();
    const sometimes = {
      fetch: (...args: Parameters<typeof app.fetch>) => (isBroken ? fetch() : app.fetch(...args)),
    };
    const server = await serve(sometimes as typeof app);
    onTestFinished(() => server.close(0));
    const failed = await rawRequest(server.port, 'GET /kv/a').catch(
      (error: NodeJS.ErrnoException) => error.code,
    );
    expect(['ECONNRESET', expect.objectContaining({ body: '' })]).toContainEqual(failed);
    isBroken = false;
    expect((await rawRequest(server.port, 'GET /kv/a')).status).toBe(404);
  });
});

describe('connections', () => {
  it('are limited in number', async () => {
    const { server } = await startApp({}, { connectionsMax: 2 });
    const kept = [await openSocket(server.port), await openSocket(server.port)];
    const refused = connect(server.port, '127.0.0.1');
    refused.on('error', () => undefined);
    await once(refused, 'close');
    kept[0]?.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
    const [answer] = (await once(kept[0] as Socket, 'data')) as [string];
    expect(answer).toMatch(/^HTTP\/1\.1 200/);
  });

  it('are closed when idle for longer than the keep-alive time', async () => {
    const { server } = await startApp({}, { keepAliveTimeoutMs: 50 });
    const socket = await openSocket(server.port);
    socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
  });

  it('of a client that does not read its answers are cut', async () => {
    const { server } = await startApp({ maxValueBytes: 8_000_000 }, { requestTimeoutMs: 500 });
    const big = 'x'.repeat(4_000_000);
    await fetch(`http://127.0.0.1:${server.port}/kv/k`, {
      method: 'PUT',
      body: big,
      headers: { 'Content-Type': 'text/plain' },
    });
    const socket = await openSocket(server.port);
    socket.pause();
    socket.write('GET /kv/k HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10));
    // The server counts its sockets; ours does not learn of the cut before it reads.
    await server.close(20_000);
  });
});

describe('answers behind another one on the same connection', () => {
  const watch = 'GET /kv/none?watch HTTP/1.1\r\nHost: x\r\n\r\n';
  const line = '{"op":"get","path":"large"}\n';
  it.each([
    [
      'lists',
      limits.listsMax,
      'GET /kv/?recursive&values HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n',
    ],
    [
      'batches',
      limits.batchesMax,
      'POST /kv/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n' +
        `Content-Length: ${line.length}\r\n\r\n${line}`,
    ],
  ])('end with it, so that %s give back their places', async (_, count, waiting) => {
    // Node reads no more of a connection whose answers wait, and sees its end only when that has taken too long.
    const { server, store } = await startApp({ maxValueBytes: 100_000 }, { requestTimeoutMs: 2_500 });
    await store.write([
      { kind: 'put', path: 'large' as KeyPath, contentType: 'text/plain', data: Buffer.alloc(100_000, 'x') },
    ]);
    const request = waiting.slice(0, waiting.indexOf(' HTTP'));
    const ask = async () => {
      const socket = await openSocket(server.port);
      socket.resume();
      socket.write(watch + waiting.repeat(count));
      return socket;
    };
    const isFull = async (): Promise<boolean> => {
      const headers = request.startsWith('POST') ? ['Content-Type: application/x-ndjson'] : [];
      return (await rawRequest(server.port, request, headers)).code === 'KVS_OVERLOADED';
    };
    let socket = await ask();
    // A slow machine may cut it before all of them have begun.
    while (!(await isFull())) if (socket.destroyed) socket = await ask();
    socket.destroy();
    while (await isFull());
  });
});

describe('closing', () => {
  it('lets a request finish that is under way, and takes no new connection', async () => {
    const { server } = await startApp();
    const socket = await openSocket(server.port);
    let received = '';
    socket.on('data', (chunk: string) => (received += chunk));
    socket.write(
      'PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n"a',
    );
    // A round trip on another connection, so that the server has seen the start of the request.
    await rawRequest(server.port, 'GET /health/live');
    const closing = server.close(10_000);
    const late = connect(server.port, '127.0.0.1');
    const [refused] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    expect(refused.code).toBe('ECONNREFUSED');
    socket.write('"');
    await once(socket, 'close');
    expect(received).toMatch(/^HTTP\/1\.1 201/);
    await closing;
  });

  it('cuts what does not finish within the grace', async () => {
    const { server } = await startApp();
    const socket = await openSocket(server.port);
    socket.write('PUT /kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"a');
    await rawRequest(server.port, 'GET /health/live');
    const closed = once(socket, 'close');
    await server.close(50);
    await closed;
  });
});
