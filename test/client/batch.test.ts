import { describe, expect, it } from 'vitest';
import { KvsClient, type BatchResult, type ClientOptions, type Operation } from '../../src/client/client.ts';
import { startApp, type StartedApp } from '../http/harness.ts';
import { collect } from './collect.ts';
import { EagerServer } from './eager-server.ts';
import { deadUrl, problem, ScriptedServer } from './scripted-server.ts';

interface Started extends StartedApp {
  readonly url: string;
  readonly client: KvsClient;
}

async function start(options: ClientOptions, deps: Parameters<typeof startApp>[0] = {}): Promise<Started> {
  const under = await startApp({ maxValueBytes: 1_048_576, ...deps });
  const url = `http://127.0.0.1:${under.server.port}`;
  return { ...under, url, client: new KvsClient(url, options) };
}

const puts = (count: number, value: unknown = 1): Operation[] =>
  Array.from({ length: count }, (_, i) => ({ op: 'put', path: `k${i}`, value }));

const ndjson = { 'Content-Type': 'application/x-ndjson' };

describe.each([
  ['that streams', true],
  ['in pieces', false],
])('A batch %s', (_, streamsBatches) => {
  it('gives the result of each operation, in order', async () => {
    const { client, clock } = await start({ streamsBatches });
    const bytes = new Uint8Array([0, 255]);
    const operations: Operation[] = [
      { op: 'put', path: 'a b/ü', value: { x: null }, ttlSeconds: 0.1 + 0.2 },
      { op: 'put', path: 'png', data: bytes, contentType: 'image/png' },
      { op: 'put', path: 'bytes', data: bytes },
      { op: 'put', path: 'geo', value: [1], contentType: 'application/geo+json' },
      { op: 'get', path: 'a b/ü' },
      { op: 'get', path: 'png' },
      { op: 'get', path: 'bytes' },
      { op: 'get', path: 'geo' },
      { op: 'delete', path: 'png' },
      { op: 'get', path: 'png' },
      { op: 'put', path: 'a//b', value: 1 },
    ];
    const results = await collect(client.batch(operations));
    expect(results.map(({ line }) => line)).toEqual(operations.map((_, i) => i + 1));
    expect(results.map(({ path }) => path)).toEqual(operations.map(({ path }) => path));
    const expiresAt = clock.ms + 301;
    expect(results).toMatchObject([
      { status: 201, uuid: expect.any(String) as string, timestamp: clock.ms, expiresAt },
      { status: 201 },
      { status: 201 },
      { status: 201 },
      { status: 200, uuid: results[0]?.uuid, contentType: 'application/json', value: { x: null }, expiresAt },
      { status: 200, contentType: 'image/png', data: bytes },
      { status: 200, contentType: 'application/octet-stream', data: bytes },
      { status: 200, contentType: 'application/geo+json', value: [1] },
      { status: 204 },
      { status: 404, code: 'KVS_KEY_NOT_FOUND', detail: expect.any(String) as string },
      { status: 400, code: 'KVS_BAD_PATH' },
    ]);
  });

  it('carries out thousands, of whatever size', async () => {
    const { client, store } = await start({ streamsBatches });
    const operations = [
      ...puts(3_000),
      { op: 'put', path: 'large', value: 'x'.repeat(500_000) } as const,
      ...puts(10),
    ];
    const results = await collect(client.batch(operations));
    expect(results.map(({ line }) => line)).toEqual(operations.map((_, i) => i + 1));
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set([200, 201]));
    expect(await store.count(undefined, () => true)).toBe(3_001);
  });

  it('carries out none where there is none', async () => {
    const { client } = await start({ streamsBatches });
    expect(await collect(client.batch([]))).toEqual([]);
  });

  it('takes operations that come of the results of others', async () => {
    const { client } = await start({ streamsBatches });
    let onResult: (result: BatchResult) => void = () => undefined;
    async function* operations(): AsyncGenerator<Operation> {
      for (let i = 0; i < 5; i++) {
        const result = new Promise<BatchResult>((resolve) => (onResult = resolve));
        yield { op: 'put', path: `k${i}`, value: i };
        expect(await result).toMatchObject({ line: i + 1, status: 201 });
      }
    }
    let count = 0;
    for await (const result of client.batch(operations())) {
      count++;
      onResult(result);
    }
    expect(count).toBe(5);
  });

  it('takes no more operations than the node has results for, and some', async () => {
    const { client } = await start({ streamsBatches });
    let taken = 0;
    function* endless(): Generator<Operation> {
      for (;;) yield { op: 'get', path: `k${taken++}` };
    }
    const batch = client.batch(endless());
    await batch.next();
    for (let before = -1; before !== taken;) {
      before = taken;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(taken).toBeLessThan(20_000);
    await batch.return();
  });

  it('lets go of the operations and the connection when its reader stops', async () => {
    let onClosed: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => (onClosed = resolve));
    const server = await EagerServer.start(async (response) => {
      response.on('close', onClosed).writeHead(200, ndjson).flushHeaders();
      await server.hasReceived('"k1"');
      // The first line of a stream is blank.
      for (const line of streamsBatches ? [2, 3] : [1, 2]) response.write(`{"line":${line},"status":204}\n`);
    });
    let onReturned: () => void = () => undefined;
    const returned = new Promise<void>((resolve) => (onReturned = resolve));
    async function* operations(): AsyncGenerator<Operation> {
      try {
        for (let i = 0; ; i++) yield { op: 'delete', path: `k${i}` };
      } finally {
        onReturned();
      }
    }
    const client = new KvsClient(server.url, { streamsBatches });
    for await (const { line } of client.batch(operations())) if (line === 1) break;
    await Promise.all([returned, closed]);
  });

  it('throws what the operations throw', async () => {
    const { client } = await start({ streamsBatches });
    const failure = new Error('No more');
    async function* operations(): AsyncGenerator<Operation> {
      yield { op: 'put', path: 'a', value: 1 };
      throw failure;
    }
    await expect(collect(client.batch(operations()))).rejects.toBe(failure);
    const unwritable = [{ op: 'put', path: 'a', value: undefined }] as const;
    await expect(collect(client.batch(unwritable))).rejects.toThrow(TypeError);
  });

  it('ends with its signal', async () => {
    const { client } = await start({ streamsBatches });
    const ending = new AbortController();
    const reason = new Error('Enough');
    async function* operations(): AsyncGenerator<Operation> {
      yield { op: 'put', path: 'a', value: 1 };
      await new Promise(() => undefined);
    }
    const batch = client.batch(operations(), { signal: ending.signal });
    expect(await batch.next()).toMatchObject({ value: { line: 1, status: 201 } });
    const coming = batch.next();
    ending.abort(reason);
    await expect(coming).rejects.toBe(reason);
  });

  it('goes to another node when one does not take it, and has sent it nothing that counts', async () => {
    const busy = await EagerServer.start(problem(503, 'KVS_OVERLOADED'));
    const { url } = await start({ streamsBatches });
    const client = new KvsClient([await deadUrl(), busy.url, url], { streamsBatches, retries: 0 });
    const results = await collect(client.batch(puts(100)));
    expect(results.map(({ status }) => status)).toEqual(puts(100).map(() => 201));
  });

  it('fails with the code of a node that does not take it', async () => {
    const { client, node } = await start({ streamsBatches, retries: 0 });
    node.mode = 'read-only';
    await expect(collect(client.batch(puts(1)))).rejects.toMatchObject({
      code: 'KVS_READ_ONLY',
      status: 403,
    });
  });

  it('says which operations have no result when its connection breaks, and sends none again', async () => {
    const server = await EagerServer.start(async (response) => {
      response.writeHead(200, ndjson).flushHeaders();
      await server.hasReceived('"k2"');
      const first = streamsBatches ? 2 : 1;
      response.write(`{"line":${first},"status":201,"uuid":"a","timestamp":1}\n`, () =>
        response.socket?.destroy(),
      );
    });
    const client = new KvsClient(server.url, { streamsBatches });
    const batch = client.batch(puts(3));
    expect(await batch.next()).toMatchObject({ value: { line: 1, status: 201 } });
    await expect(batch.next()).rejects.toMatchObject({
      code: 'KVS_UNREACHABLE',
      detail: expect.stringMatching(/2 operations, from line 2 on, have no result/) as string,
    });
    expect(server.requests).toBe(1);
  });

  it('does not take an answer for whole that ends too early', async () => {
    const server = await EagerServer.start((response) => response.writeHead(200, ndjson).end());
    const client = new KvsClient(server.url, { streamsBatches });
    await expect(collect(client.batch(puts(3)))).rejects.toMatchObject({ code: 'KVS_UNREACHABLE' });
  });

  it('fails when the results of what was sent don’t come', async () => {
    const server = await EagerServer.start((response) => response.writeHead(200, ndjson).flushHeaders());
    const client = new KvsClient(server.url, { streamsBatches, timeoutMs: 500 });
    await expect(collect(client.batch(puts(3)))).rejects.toMatchObject({ code: 'KVS_TIMEOUT' });
  });

  it('fails when the answer has no end', async () => {
    const server = await EagerServer.start(async (response) => {
      response.writeHead(200, ndjson).flushHeaders();
      await server.hasReceived('"k2"');
      const lines = streamsBatches ? [2, 3, 4] : [1, 2, 3];
      for (const line of lines) response.write(`{"line":${line},"status":204}\n`);
    });
    const client = new KvsClient(server.url, { streamsBatches, timeoutMs: 500 });
    await expect(collect(client.batch(puts(3)))).rejects.toMatchObject({ code: 'KVS_TIMEOUT' });
  });

  it.each([
    ['no JSON', '{"line":'],
    ['no result', '[]'],
    ['the result of something else', '{"line":77,"status":200}'],
  ])('fails when a line of the answer is %s', async (_, line) => {
    const server = await EagerServer.start((response) => response.writeHead(200, ndjson).end(`${line}\n`));
    const client = new KvsClient(server.url, { streamsBatches });
    await expect(collect(client.batch(puts(3)))).rejects.toMatchObject({ code: 'KVS_BAD_ANSWER' });
  });
});

describe('A batch that streams', () => {
  it('is kept alive while there is nothing to send', async () => {
    const { client } = await start({ streamsBatches: true }, { requestTimeoutMs: 3_000 });
    async function* operations(): AsyncGenerator<Operation> {
      yield { op: 'put', path: 'a', value: 1 };
      await new Promise((resolve) => setTimeout(resolve, 4_500));
      yield { op: 'put', path: 'b', value: 2 };
    }
    const results = await collect(client.batch(operations()));
    expect(results).toMatchObject([
      { line: 1, status: 201 },
      { line: 2, path: 'b', status: 201 },
    ]);
  });

  it('goes to another node when one does not answer, and takes no operation before one does', async () => {
    const hanging = await EagerServer.start(() => undefined);
    const { url } = await start({});
    const client = new KvsClient([hanging.url, url], { streamsBatches: true, timeoutMs: 500 });
    const results = await collect(client.batch(puts(10)));
    expect(results.map(({ line, status }) => [line, status])).toEqual(puts(10).map((_, i) => [i + 1, 201]));
    expect(hanging.receivedText).toBe('\n'.repeat(hanging.requests));
  });

  it('is told when the node stops in the middle of it', async () => {
    const { client, closing } = await start({ streamsBatches: true });
    async function* operations(): AsyncGenerator<Operation> {
      yield* puts(3);
      await new Promise(() => undefined);
    }
    const batch = client.batch(operations());
    for (let i = 0; i < 3; i++) await batch.next();
    const rest = collect(batch);
    closing.abort();
    await expect(rest).rejects.toMatchObject({ code: 'KVS_NOT_READY', status: 503 });
  });
});

describe('A batch in pieces', () => {
  it('is cut into requests of a bounded size; a longer operation goes alone', async () => {
    const server = await ScriptedServer.start((response, { body }) => {
      const lines = body.trimEnd().split('\n');
      response.writeHead(200, ndjson).end(lines.map((_, i) => `{"line":${i + 1},"status":204}\n`).join(''));
    });
    const client = new KvsClient(server.url, { streamsBatches: false });
    const operations = [
      ...puts(5_000),
      { op: 'put', path: 'large', value: 'x'.repeat(70_000) } as const,
      ...puts(5_000),
    ];
    const results = await collect(client.batch(operations));
    expect(results.map(({ line }) => line)).toEqual(operations.map((_, i) => i + 1));
    const bodies = server.received.map(({ body }) => body);
    expect(bodies.filter((body) => body.length > 65_536).map((body) => body.split('\n').length)).toEqual([2]);
    expect(bodies.length).toBeLessThan(30);
  });
});
