import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { KvsClient, KvsClientError, type ClientOptions } from '../../src/client/client.ts';
import { startApp } from '../http/harness.ts';
import { DroppingProxy } from './dropping-proxy.ts';
import {
  deadUrl,
  hang,
  problem,
  raw,
  reset,
  ScriptedServer,
  value,
  valueHeaders,
  written,
  type Reply,
} from './scripted-server.ts';

/** What a server that hangs is given; whatever answers has time enough, also on a busy machine. */
const hurried = { timeoutMs: 300 } satisfies ClientOptions;
const head = Object.entries({ ...valueHeaders, 'X-A': '1' })
  .map(([name, text]) => `${name}: ${text}\r\n`)
  .join('');

/** Ways not to answer a GET; each is over by itself. */
const faults: readonly (readonly [string, Reply])[] = [
  ['resets the connection', reset],
  ['ends the connection without an answer', (response) => response.socket?.end()],
  ['breaks off in its head', raw('HTTP/1.1 200 OK\r\nContent-Ty')],
  ['is no HTTP', raw('SSH-2.0-OpenSSH_9.2\r\n')],
  ['breaks off in its body', raw(`HTTP/1.1 200 OK\r\n${head}Content-Length: 100\r\n\r\n{"a":`)],
  [
    'resets the connection in its body',
    (response) => {
      response.writeHead(200, { ...valueHeaders, 'Content-Length': '100' });
      response.write('{"a":', () => response.socket?.resetAndDestroy());
    },
  ],
  [
    'breaks off between two chunks',
    raw(`HTTP/1.1 200 OK\r\n${head}Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n`),
  ],
  ['has a body longer than it says', raw(`HTTP/1.1 200 OK\r\n${head}Content-Length: 5\r\n\r\n{"a":1}`)],
  ['is no JSON', value('{"a":')],
  [
    'has nothing of a value but its status',
    (response) => response.writeHead(200).end('<html>Welcome</html>'),
  ],
  ['is 503 with a code', problem(503, 'KVS_NOT_READY')],
  ['is 500 with a code', problem(500, 'KVS_INTERNAL')],
  ['is 502 of somebody between', (response) => response.writeHead(502).end('<html>Bad gateway</html>')],
  ['is 429', (response) => response.writeHead(429).end()],
];

describe('A read', () => {
  it.each(faults)('is tried again when the answer %s', async (_, fault) => {
    const server = await ScriptedServer.start(fault, value('{"a":1}'));
    expect(await new KvsClient(server.url).get('k')).toMatchObject({ value: { a: 1 } });
    expect(server.received.length).toBe(2);
  });

  it.each(faults)('is another node’s turn when the answer %s', async (_, fault) => {
    const [broken, whole] = [await ScriptedServer.start(fault), await ScriptedServer.start(value('1'))];
    const client = new KvsClient([broken.url, whole.url], { retries: 0 });
    expect(await client.get('k')).toMatchObject({ value: 1 });
    expect(broken.received.length).toBe(1);
    // It stays with the one that answers.
    await client.get('k');
    expect([broken.received.length, whole.received.length]).toEqual([1, 2]);
  });

  it.each(faults)('fails with a code, and soon, when every answer %s', async (_, fault) => {
    const server = await ScriptedServer.start(fault);
    const got = new KvsClient(server.url, { retries: 1 }).get('k');
    const error: unknown = await got.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(KvsClientError);
    const { code, detail } = error as KvsClientError;
    expect(code).toMatch(/^KVS_(?:UNREACHABLE|BAD_ANSWER|NOT_READY|INTERNAL)$/);
    if (code === 'KVS_UNREACHABLE' || code === 'KVS_BAD_ANSWER') expect(detail).toContain(server.url);
    else expect(detail).toBe(`It is ${code}`);
    expect(server.received.length).toBe(2);
  });

  it('is another node’s turn when one hangs, and fails with KVS_TIMEOUT when all do', async () => {
    const [hanging, whole] = [await ScriptedServer.start(hang), await ScriptedServer.start(value('1'))];
    expect(await new KvsClient([hanging.url, whole.url], hurried).get('k')).toMatchObject({ value: 1 });
    const before = hanging.received.length;
    const alone = new KvsClient(hanging.url, { ...hurried, retries: 1 });
    await expect(alone.get('k')).rejects.toMatchObject({ code: 'KVS_TIMEOUT', status: 0 });
    expect(hanging.received.length - before).toBe(2);
  });

  it('does not wait for ever for the rest of a body', async () => {
    const server = await ScriptedServer.start((response) => {
      response.writeHead(200, { ...valueHeaders, 'Content-Length': '100' });
      response.write('{');
    }, value('1'));
    expect(await new KvsClient(server.url, hurried).get('k')).toMatchObject({ value: 1 });
  });

  it('takes as long as it gets on', async () => {
    const server = await ScriptedServer.start((response) => {
      response.writeHead(200, { ...valueHeaders, 'Content-Length': '12' });
      let sent = 0;
      const timer = setInterval(() => {
        response.write(' ');
        if (++sent < 11) return;
        clearInterval(timer);
        response.end('1');
      }, 100);
    });
    const client = new KvsClient(server.url, { timeoutMs: 1_000 });
    expect(await client.get('k')).toMatchObject({ value: 1 });
  });

  it('asks every node once, and one that is there at the end of a long list', async () => {
    const urls = await Promise.all(Array.from({ length: 6 }, deadUrl));
    const server = await ScriptedServer.start(value('1'));
    const client = new KvsClient([...urls, server.url], { retries: 0 });
    expect(await client.get('k')).toMatchObject({ value: 1 });
  });

  it('says of each node what was wrong when none answers', async () => {
    const [dead, hanging] = [await deadUrl(), await ScriptedServer.start(hang)];
    const client = new KvsClient([dead, hanging.url], { ...hurried, retries: 0 });
    const error: unknown = await client.get('k').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'KVS_TIMEOUT', cause: { code: 'KVS_TIMEOUT' } });
    expect((error as Error).message).toContain(`${dead}: connect ECONNREFUSED`);
    expect((error as Error).message).toContain(`${hanging.url}: Nothing came within 300 ms`);
  });

  it('asks again only when Retry-After says so', async () => {
    const server = await ScriptedServer.start(
      problem(503, 'KVS_SYNCING', { 'Retry-After': '1' }),
      value('1'),
    );
    expect(await new KvsClient(server.url).get('k')).toMatchObject({ value: 1 });
    const [first, second] = server.received;
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it('understands a Retry-After that is a date', async () => {
    const date = new Date(Date.now() + 120_000).toUTCString();
    const server = await ScriptedServer.start(problem(503, 'KVS_SYNCING', { 'Retry-After': date }));
    const error: unknown = await new KvsClient(server.url).get('k').catch((thrown: unknown) => thrown);
    expect((error as { retryAfterSeconds: number }).retryAfterSeconds).toBeGreaterThan(60);
  });

  it('tells its caller rather than to wait for longer than half a minute', async () => {
    const server = await ScriptedServer.start(problem(503, 'KVS_OVERLOADED', { 'Retry-After': '31' }));
    await expect(new KvsClient(server.url).get('k')).rejects.toMatchObject({
      code: 'KVS_OVERLOADED',
      status: 503,
      retryAfterSeconds: 31,
    });
    expect(server.received.length).toBe(1);
  });

  it.each([
    [400, 'KVS_BAD_REQUEST'],
    [403, 'KVS_FORBIDDEN'],
    [431, 'KVS_HEADERS_TOO_LARGE'],
  ])('is not tried again after a %d, which would be the same anywhere', async (status, code) => {
    const servers = [
      await ScriptedServer.start(problem(status, code)),
      await ScriptedServer.start(value('1')),
    ];
    const client = new KvsClient(servers.map(({ url }) => url));
    await expect(client.get('k')).rejects.toMatchObject({ code, status, detail: `It is ${code}` });
    expect(servers.map(({ received }) => received.length)).toEqual([1, 0]);
  });

  it('does not take the 404 of somebody between for a key that is not there', async () => {
    const server = await ScriptedServer.start((response) =>
      response.writeHead(404).end('<html>Not found</html>'),
    );
    const client = new KvsClient(server.url);
    await expect(client.get('k')).rejects.toMatchObject({ code: 'KVS_BAD_ANSWER', status: 404 });
    await expect(client.has('k')).rejects.toMatchObject({ code: 'KVS_BAD_ANSWER', status: 404 });
    await expect(client.delete('k')).rejects.toMatchObject({ code: 'KVS_BAD_ANSWER', status: 404 });
  });

  it.each([301, 302, 303, 307, 308])('is not led elsewhere by a %d', async (status) => {
    const elsewhere = await ScriptedServer.start(value('1'));
    const server = await ScriptedServer.start((response) =>
      response.writeHead(status, { Location: `${elsewhere.url}/kv/k` }).end('moved'),
    );
    const client = new KvsClient(server.url);
    const refusal = {
      code: 'KVS_BAD_ANSWER',
      status,
      detail: expect.stringContaining(elsewhere.url) as string,
    };
    await expect(client.get('k')).rejects.toMatchObject(refusal);
    await expect(client.put('k', 1)).rejects.toMatchObject(refusal);
    expect([server.received.length, elsewhere.received.length]).toEqual([2, 0]);
  });

  it('goes back to the first node when that one is back for a minute', async () => {
    const first = await ScriptedServer.start(problem(503, 'KVS_NOT_READY'), value('"first"'));
    const second = await ScriptedServer.start(value('"second"'));
    const client = new KvsClient([first.url, second.url]);
    expect(await client.get('k')).toMatchObject({ value: 'second' });
    const now = Date.now();
    const clock = vi.spyOn(Date, 'now').mockReturnValue(now + 61_000);
    onTestFinished(() => clock.mockRestore());
    // It is asked beside the call, which it does not hold up.
    expect(await client.get('k')).toMatchObject({ value: 'second' });
    await first.has(2);
    expect(first.asked).toEqual(['GET /kv/k', 'GET /health/ready']);
    await vi.waitFor(async () => expect(await client.get('k')).toMatchObject({ value: 'first' }), 30_000);
  });
});

describe('The signal of a call', () => {
  it('ends it while it waits for an answer, and between two attempts', async () => {
    const hanging = await ScriptedServer.start(hang);
    const ending = new AbortController();
    const got = new KvsClient(hanging.url).get('k', { signal: ending.signal });
    await hanging.has(1);
    const reason = new Error('Not wanted any more');
    ending.abort(reason);
    await expect(got).rejects.toBe(reason);

    const busy = await ScriptedServer.start(problem(503, 'KVS_SYNCING', { 'Retry-After': '20' }));
    const again = new AbortController();
    const waiting = new KvsClient(busy.url).get('k', { signal: again.signal });
    await busy.has(1);
    again.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  it('keeps a call from being made when it is over already', async () => {
    const server = await ScriptedServer.start(value('1'));
    const options = { signal: AbortSignal.abort() };
    await expect(new KvsClient(server.url).get('k', options)).rejects.toMatchObject({ name: 'AbortError' });
    expect(server.received).toEqual([]);
  });

  it('is the end of a call as a whole, however many attempts it has', async () => {
    const server = await ScriptedServer.start(reset);
    const client = new KvsClient(server.url, { retries: 1_000 });
    const options = { signal: AbortSignal.timeout(500) };
    await expect(client.get('k', options)).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('is let go of when the call is over', async () => {
    const server = await ScriptedServer.start(reset, value('1'));
    const { signal } = new AbortController();
    const listeners = new Set<unknown>();
    vi.spyOn(signal, 'addEventListener').mockImplementation((_, listener) => void listeners.add(listener));
    vi.spyOn(signal, 'removeEventListener').mockImplementation(
      (_, listener) => void listeners.delete(listener),
    );
    await new KvsClient(server.url).get('k', { signal });
    expect(listeners.size).toBe(0);
  });
});

describe('A PUT whose answer is lost', () => {
  it('is sent again and writes once', async () => {
    const { server, store } = await startApp();
    const proxy = await DroppingProxy.start(server.port);
    proxy.answersToDrop = 2;
    const client = new KvsClient(proxy.url);
    const answer = await client.put('k', { n: 1 });
    expect(proxy.dropped).toBe(2);
    expect(store.stats().localWrites).toBe(1);
    expect(await client.get('k')).toMatchObject({ uuid: answer.uuid, timestamp: answer.timestamp });
    expect(answer.created).toBe(true);
  });

  it('writes once also with a condition that its first attempt has made untrue', async () => {
    const { server, store } = await startApp();
    const proxy = await DroppingProxy.start(server.port);
    proxy.answersToDrop = 1;
    const first = await new KvsClient(proxy.url).put('k', 1, { ifNoneMatch: '*' });
    proxy.answersToDrop = 1;
    await new KvsClient(proxy.url).put('k', 2, { ifMatch: first.uuid });
    expect(store.stats().localWrites).toBe(2);
  });

  it('does not undo what others have written since', async () => {
    const { server } = await startApp();
    const url = `http://127.0.0.1:${server.port}`;
    const proxy = await DroppingProxy.start(server.port);
    proxy.answersToDrop = 1;
    proxy.beforeDrop = async () => void (await new KvsClient(url).put('k', 'others'));
    await new KvsClient(proxy.url).put('k', 'mine');
    expect(await new KvsClient(url).get('k')).toMatchObject({ value: 'others' });
  });

  it('is never sent to another node, where it would be another version', async () => {
    const { server, store } = await startApp();
    const proxy = await DroppingProxy.start(server.port);
    const other = await ScriptedServer.start(written);
    proxy.answersToDrop = 4;
    const client = new KvsClient([proxy.url, other.url]);
    await expect(client.put('k', 1)).rejects.toMatchObject({ code: 'KVS_UNREACHABLE' });
    expect(proxy.dropped).toBe(4);
    expect(store.stats().localWrites).toBe(1);
    expect(other.received).toEqual([]);
  });

  it('has a key of its own, which all its attempts share', async () => {
    const server = await ScriptedServer.start(reset, written, reset, written);
    const client = new KvsClient(server.url);
    await client.put('k', 1);
    await client.putBytes('k', 'a');
    const keys = server.received.map(({ headers }) => headers['idempotency-key']);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(keys).toEqual([keys[0], keys[0], keys[2], keys[2]]);
    expect(keys[0]).not.toBe(keys[2]);
  });

  it('is not sent again, and needs no key, where there are no retries', async () => {
    const server = await ScriptedServer.start(reset);
    await expect(new KvsClient(server.url, { retries: 0 }).put('k', 1)).rejects.toMatchObject({
      code: 'KVS_UNREACHABLE',
    });
    expect(server.received.length).toBe(1);
    expect(server.received[0]?.headers).not.toHaveProperty('idempotency-key');
  });

  it.each([
    ['hangs', hang],
    ['resets the connection', reset],
    ['answers with no JSON', value('{')],
    ['answers 500', problem(500, 'KVS_STORAGE_FAILED')],
    ['answers 502', (response: Parameters<Reply>[0]) => response.writeHead(502).end()],
    ['answers 503 by somebody between', (response: Parameters<Reply>[0]) => response.writeHead(503).end()],
  ] as const)('may have been done when a node %s: then no other is asked', async (_, fault) => {
    const [first, second] = [await ScriptedServer.start(fault), await ScriptedServer.start(written)];
    const client = new KvsClient([first.url, second.url], { ...hurried, retries: 1 });
    await expect(client.put('k', 1)).rejects.toThrow('KVS_');
    expect([first.received.length, second.received.length]).toEqual([2, 0]);
  });
});

describe('A PUT that no node has done', () => {
  it.each([
    ['is dead', undefined],
    ['is syncing', problem(503, 'KVS_SYNCING')],
    ['is overloaded', problem(503, 'KVS_OVERLOADED')],
    ['has no space left', problem(507, 'KVS_STORAGE_FULL')],
  ] as const)('goes to another one when the first %s', async (_, reply) => {
    const first = reply === undefined ? await deadUrl() : (await ScriptedServer.start(reply)).url;
    const second = await ScriptedServer.start(written);
    const client = new KvsClient([first, second.url], { retries: 0 });
    expect(await client.put('k', 1)).toMatchObject({ created: true });
  });

  it('goes to no other one with a condition, which only one node can decide', async () => {
    const second = await ScriptedServer.start(written, value('1'), written);
    const first = await deadUrl();
    const client = new KvsClient([first, second.url], { retries: 1 });
    const unreachable = { code: 'KVS_UNREACHABLE' };
    await expect(client.put('k', 1, { ifNoneMatch: '*' })).rejects.toMatchObject(unreachable);
    await expect(client.put('k', 1, { ifMatch: 'a' })).rejects.toMatchObject(unreachable);
    await expect(client.delete('k', { ifMatch: 'a' })).rejects.toMatchObject(unreachable);
    await expect(client.restore('k', 'a', { ifMatch: 'a' })).rejects.toMatchObject(unreachable);
    expect(second.received).toEqual([]);
    // Not even where the other one is asked for all else.
    await client.put('k', 1);
    await expect(client.put('k', 1, { ifNoneMatch: '*' })).rejects.toMatchObject(unreachable);
    expect(second.received.length).toBe(1);
  });

  it('is told that a node takes no writes rather than sent elsewhere', async () => {
    const servers = [
      await ScriptedServer.start(problem(403, 'KVS_READ_ONLY')),
      await ScriptedServer.start(written),
    ];
    const client = new KvsClient(servers.map(({ url }) => url));
    await expect(client.put('k', 1)).rejects.toMatchObject({ code: 'KVS_READ_ONLY' });
    expect(servers.map(({ received }) => received.length)).toEqual([1, 0]);
  });
});

describe('Other writes whose answers are lost', () => {
  it('are sent again where they delete', async () => {
    const deleted: Reply = (response) => response.writeHead(204).end();
    const [first, second] = [await ScriptedServer.start(reset), await ScriptedServer.start(deleted)];
    expect(await new KvsClient([first.url, second.url], { retries: 0 }).delete('k')).toBe(true);
    expect(second.asked).toEqual(['DELETE /kv/k']);
  });

  it('are not sent again where they restore: each time would be another version', async () => {
    const [first, second] = [await ScriptedServer.start(reset), await ScriptedServer.start(written)];
    const client = new KvsClient([first.url, second.url]);
    await expect(client.restore('k', 'a')).rejects.toMatchObject({ code: 'KVS_UNREACHABLE' });
    expect([first.received.length, second.received.length]).toEqual([1, 0]);
  });
});
