import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import type { Version } from '../../src/core/version.ts';
import { PeerClient } from '../../src/http/peer/peer-client.ts';
import { batch } from './batch-client.ts';
import { makeApp, openSocket, rawRequest, startApp } from './harness.ts';
import { WatchReader } from './watch-reader.ts';

/** The same code with bounds so small that each of them is met with few requests. */
vi.mock('../../src/core/limits.ts', async (original) => {
  const module = await original<{ limits: Record<string, number> }>();
  const small = {
    headersMax: 10,
    requestsMax: 3,
    bodiesBytesMax: 2_000,
    peerIdleMsMax: 50,
    listsMax: 2,
    watchReadersMax: 3,
  };
  return { ...module, limits: { ...module.limits, ...small } };
});

describe('more requests than may wait', () => {
  it('are refused, on whatever connection they come, until one has its answer', async () => {
    const readers: ((version: Version | undefined) => void)[] = [];
    const get = () => new Promise<Version | undefined>((resolve) => readers.push(resolve));
    const { store } = await makeApp();
    onTestFinished(() => store.close());
    const {
      server: { port },
    } = await startApp({ store: { peek: () => undefined, get, write: store.write.bind(store) } });
    const pipelined = await openSocket(port);
    let answers = '';
    pipelined.on('data', (chunk: string) => (answers += chunk));
    pipelined.write('GET /kv/k HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(limits.requestsMax));
    while (readers.length < limits.requestsMax) await new Promise(setImmediate);
    const refused = await rawRequest(port, 'GET /health/live');
    expect(refused).toMatchObject({ status: 503, code: 'KVS_OVERLOADED' });
    expect(refused.head).toMatch(/^Retry-After: 1$/m);
    for (const settle of readers.splice(0)) settle(undefined);
    expect(await rawRequest(port, 'GET /health/live')).toMatchObject({ status: 200 });
    while (answers.split('KVS_KEY_NOT_FOUND').length <= limits.requestsMax) await once(pipelined, 'data');
  });
});

describe('more lists than may be answered at one time', () => {
  it('are refused, counts and recursive deletes too, until one has its end', async () => {
    const {
      server: { port },
      store,
    } = await startApp();
    const waiting: (() => void)[] = [];
    const count = vi.spyOn(store, 'count').mockImplementation(async () => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return 1;
    });
    const counts = Array.from({ length: limits.listsMax }, () => rawRequest(port, 'GET /kv/?count'));
    await vi.waitFor(() => expect(waiting).toHaveLength(limits.listsMax), { timeout: 20_000 });
    for (const line of ['GET /kv/', 'GET /kv/a/?count', 'GET /kv/a/:', 'DELETE /kv/a/?recursive']) {
      expect(await rawRequest(port, line)).toMatchObject({ status: 503, code: 'KVS_OVERLOADED' });
    }
    for (const resolve of waiting) resolve();
    await Promise.all(counts);
    count.mockRestore();
    expect(await rawRequest(port, 'GET /kv/')).toMatchObject({ status: 200 });
  });
});

describe('more bytes of bodies than may be on their way', () => {
  /** One that finds no room beside two bodies of which all but the last byte has come. */
  const small = (port: number) => rawRequest(port, 'PUT /kv/small', ['Content-Length: 3'], '111');
  const untilSmall = async (port: number, status: number) => {
    for (let answer = await small(port); answer.status !== status; answer = await small(port));
  };

  it('are refused with the answer in sight, and taken again when others have come whole or have ended', async () => {
    const {
      server: { port },
      store,
    } = await startApp();
    const head =
      'PUT /kv/large HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n';
    const slow = [await openSocket(port), await openSocket(port)];
    for (const socket of slow) socket.write(`${head}${'x'.repeat(999)}`);
    await untilSmall(port, 503);
    expect(await small(port)).toMatchObject({ code: 'KVS_OVERLOADED' });
    const late = await openSocket(port);
    late.write(`${head}${'x'.repeat(500)}`);
    const [refused] = (await once(late, 'data')) as [string];
    expect(refused).toMatch(/^HTTP\/1\.1 503 [^]*KVS_OVERLOADED/);
    // What is left of it is dropped, and the connection goes on.
    late.write(`${'x'.repeat(500)}GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n`);
    const [next] = (await once(late, 'data')) as [string];
    expect(next).toMatch(/^HTTP\/1\.1 200/);
    expect(store.sequence).toBe(0);

    slow[0]?.write('x');
    const [stored] = (await once(slow[0] as Socket, 'data')) as [string];
    expect(stored).toMatch(/^HTTP\/1\.1 201/);
    await untilSmall(port, 201);
    // Full again, until the one that is half there goes away.
    slow[0]?.write(`${head}${'x'.repeat(999)}`);
    await untilSmall(port, 503);
    slow[1]?.destroy();
    await untilSmall(port, 200);
  });
});

describe('a line of a batch that finds no room beside other bodies', () => {
  it('is refused, and the next one is taken', async () => {
    const {
      server: { port },
    } = await startApp();
    const line = { op: 'put', path: 'k', value: 'x'.repeat(900) };
    const spaces = ' '.repeat(limits.bodiesBytesMax);
    const results = await batch(port, line, `${JSON.stringify(line)}${spaces}`);
    expect(results).toMatchObject([
      { line: 1, status: 201 },
      { line: 2, status: 503, code: 'KVS_OVERLOADED' },
    ]);
    // All that was reserved is free again.
    for (let i = 0; i < 3; i++) {
      expect(await batch(port, line, line)).toMatchObject([{ status: 200 }, { status: 200 }]);
    }
  });
});

describe('more headers than a request may have', () => {
  it('are refused rather than left out', async () => {
    const {
      server: { port },
      store,
    } = await startApp();
    const filler = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: 1`);
    const put = (count: number) =>
      rawRequest(port, 'PUT /kv/k', [...filler(count - 4), 'Content-Length: 1', 'Content-Type: text/x'], '1');
    expect(await put(limits.headersMax + 1)).toMatchObject({ status: 431, code: 'KVS_HEADERS_TOO_LARGE' });
    expect(await put(limits.headersMax + 60)).toMatchObject({ status: 431, code: 'KVS_HEADERS_TOO_LARGE' });
    expect(store.sequence).toBe(0);
    expect(await put(limits.headersMax)).toMatchObject({ status: 201 });
    expect((await rawRequest(port, 'GET /kv/k')).head).toContain('Content-Type: text/x');
  });
});

describe('a connection to a peer', () => {
  it('that is idle for so long is closed', async () => {
    const server = createServer((socket) => {
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nr'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = new PeerClient();
    onTestFinished(() => void server.close());
    onTestFinished(() => client.close());
    const connecting = once(server, 'connection');
    const { port } = server.address() as AddressInfo;
    await client.send(`127.0.0.1:${port}`, new Uint8Array(1), { deadlineMs: 20_000 });
    const [socket] = (await connecting) as [Socket];
    await once(socket.resume(), 'close');
  });
});

describe('readers of watches', () => {
  it('find no place when there are too many, until one goes', async () => {
    const {
      server: { port },
    } = await startApp();
    const url = `http://127.0.0.1:${port}/kv/k`;
    const readers: WatchReader[] = [];
    for (let i = 0; i < limits.watchReadersMax; i++) readers.push(await WatchReader.open(`${url}?watch`));
    onTestFinished(() => readers.forEach((reader) => reader.close()));
    for (const query of ['?watch', '?watch=wait']) {
      expect(await rawRequest(port, `GET /kv/k${query}`)).toMatchObject({
        status: 503,
        code: 'KVS_OVERLOADED',
      });
    }
    readers[0]?.close();
    for (;;) {
      const { status } = await rawRequest(port, 'GET /kv/k?watch=wait&timeout=0');
      if (status === 200) break;
    }
  });
});
