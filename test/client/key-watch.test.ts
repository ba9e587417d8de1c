import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { KvsClient, type ClientOptions, type Watch, type WatchEvent } from '../../src/client/client.ts';
import { Link } from '../cluster/link.ts';
import { startApp, type StartedApp } from '../http/harness.ts';
import { runNode } from '../running-node.ts';
import { collect } from './collect.ts';
import { deadUrl, problem, ScriptedServer, type Received, type Reply } from './scripted-server.ts';

interface Watched extends StartedApp {
  readonly link: Link;
  readonly client: KvsClient;
  watch(...args: Parameters<KvsClient['watch']>): Watch;
}

/** A node, a link to it, and a client that reaches it over the link. */
async function start(options: ClientOptions = {}): Promise<Watched> {
  const under = await startApp();
  const link = await Link.open(under.server.port);
  onTestFinished(() => link.close());
  const client = new KvsClient(`http://${link.address}`, options);
  return { ...under, link, client, watch: (...args) => ended(client.watch(...args)) };
}

/** A watch that is ended with the test. */
function ended(watch: Watch): Watch {
  onTestFinished(async () => void (await watch.return()));
  return watch;
}

async function next(watch: Watch): Promise<WatchEvent> {
  const { done, value } = await watch.next();
  if (done === true) throw new Error('The watch has ended');
  return value;
}

async function take(watch: Watch, count: number): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  while (events.length < count) events.push(await next(watch));
  return events;
}

const streamHeaders = { 'Content-Type': 'text/event-stream' };
const begin = (response: ServerResponse, id: string): ServerResponse => {
  response.writeHead(200, streamHeaders).write(`: connected\nid: ${id}\n\n`);
  return response;
};
/** A stream that begins, and then sends something more, or nothing. */
const stream =
  (id: string, more = ''): Reply =>
  (response) =>
    begin(response, id).write(more === '' ? ':\n' : more);
const put = (id: string, path: string) =>
  `id: ${id}\nevent: put\ndata: {"path":"${path}","uuid":"a","timestamp":1,"content_type":"application/json","value":1}\n\n`;

describe('A watch', () => {
  it('tells of everything that happens below a prefix, with all that is known of it', async () => {
    const { client, watch, clock } = await start();
    const watched = watch('users/');
    await watched.open();
    const first = await client.put('users/a', { x: 1 }, { ttlSeconds: 60 });
    await client.put('other', 1);
    await client.putBytes('users/b', new Uint8Array([0, 255]), { contentType: 'image/png' });
    await client.delete('users/b');
    const [json, bytes, deleted] = await take(watched, 3);
    expect(json).toEqual({
      event: 'put',
      id: expect.any(String) as string,
      path: 'users/a',
      uuid: first.uuid,
      timestamp: first.timestamp,
      contentType: 'application/json',
      expiresAt: first.expiresAt,
      value: { x: 1 },
    });
    expect(bytes).toMatchObject({
      path: 'users/b',
      contentType: 'image/png',
      data: new Uint8Array([0, 255]),
    });
    expect(bytes).not.toHaveProperty('value');
    expect(deleted).toMatchObject({ event: 'delete', path: 'users/b', timestamp: clock.ms });
  });

  it('tells of the end of a value', async () => {
    const { client, watch, clock } = await start();
    const watched = watch('a');
    await watched.open();
    const { uuid, expiresAt } = await client.put('a', 1, { ttlSeconds: 1 });
    await next(watched);
    clock.ms += 2_000;
    expect(await next(watched)).toMatchObject({ event: 'expire', path: 'a', uuid, expiresAt });
  });

  it('of a key tells of that key alone, and of an empty path of all', async () => {
    const { client, watch } = await start();
    const [one, all] = [watch('a b/c'), watch('')];
    await Promise.all([one.open(), all.open()]);
    for (const path of ['a b', 'a b/c/d', 'a b/c']) await client.put(path, 1);
    expect((await take(one, 1)).map((event) => 'path' in event && event.path)).toEqual(['a b/c']);
    expect((await take(all, 3)).map((event) => 'path' in event && event.path)).toEqual([
      'a b',
      'a b/c/d',
      'a b/c',
    ]);
  });

  it('misses nothing from the moment on at which it is open, whenever it is read', async () => {
    const { client, watch } = await start();
    await client.put('a', 0);
    const watched = watch('');
    await watched.open();
    const before = await collect(client.list('', { values: true }));
    await client.put('a', 1);
    expect(before).toMatchObject([{ value: 0 }]);
    expect(await next(watched)).toMatchObject({ value: 1 });
  });

  it('goes on behind the event that it is given', async () => {
    const { client, watch } = await start();
    const first = watch('');
    await first.open();
    for (const i of [1, 2, 3]) await client.put(`k${i}`, i);
    const { id } = await next(first);
    await first.return();
    expect(await take(watch('', { after: id }), 2)).toMatchObject([{ path: 'k2' }, { path: 'k3' }]);
  });

  it('goes on behind the last event when its connection breaks, and tells nothing twice', async () => {
    const { watch, link, server } = await start();
    const writer = new KvsClient(`http://127.0.0.1:${server.port}`);
    const watched = watch('');
    await watched.open();
    const paths: string[] = [];
    for (let round = 0; round < 4; round++) {
      await writer.put(`k${round}-a`, round);
      const event = await next(watched);
      if ('path' in event) paths.push(event.path);
      link.cut('refuse');
      await writer.put(`k${round}-b`, round);
      link.mend();
      const missed = await next(watched);
      if ('path' in missed) paths.push(missed.path);
    }
    expect(paths).toEqual([0, 1, 2, 3].flatMap((round) => [`k${round}-a`, `k${round}-b`]));
  });

  it('outlives a node that is away for longer than any call is tried', async () => {
    const { watch, link, server } = await start({ retries: 0 });
    const writer = new KvsClient(`http://127.0.0.1:${server.port}`);
    const watched = watch('');
    await watched.open();
    link.cut('refuse');
    const coming = next(watched);
    await writer.put('a', 1);
    const calls = [0, 1, 2].map(() => new KvsClient(`http://${link.address}`, { retries: 0 }).get('a'));
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'rejected',
    ]);
    link.mend();
    expect(await coming).toMatchObject({ path: 'a' });
  });

  it('takes a connection on which nothing comes for dead, and comes back with the last id', async () => {
    const server = await ScriptedServer.start(stream('1', put('2', 'a')), stream('3', put('4', 'b')));
    const watched = ended(new KvsClient(server.url, { silenceMs: 300 }).watch(''));
    expect(await take(watched, 2)).toMatchObject([{ path: 'a' }, { path: 'b' }]);
    expect(server.received.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '2']);
  });

  it('lives on heartbeats, whose ids it comes back with', async () => {
    let beats = 0;
    const beating: Reply = (response) => {
      begin(response, '0');
      const timer = setInterval(() => {
        response.write(`: still here\nid: ${++beats}\n\n`);
        if (beats < 8) return;
        clearInterval(timer);
        response.socket?.destroySoon();
      }, 250);
    };
    const server = await ScriptedServer.start(beating, stream('8', put('9', 'a')));
    const watched = ended(new KvsClient(server.url, { silenceMs: 1_900 }).watch(''));
    expect(await next(watched)).toMatchObject({ path: 'a' });
    expect(server.received[1]?.headers['last-event-id']).toBe('8');
  });

  it('takes no time that its reader takes for silence', async () => {
    let response: ServerResponse | undefined;
    const server = await ScriptedServer.start((opened) => (response = begin(opened, '1')));
    const watched = ended(new KvsClient(server.url, { silenceMs: 500 }).watch(''));
    await watched.open();
    const first = next(watched);
    response?.write(put('2', 'a'));
    expect(await first).toMatchObject({ path: 'a' });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    response?.write(put('3', 'b'));
    expect(await next(watched)).toMatchObject({ path: 'b' });
    expect(server.received.length).toBe(1);
  });

  it('has what is listed anew come from the node that tells what follows, also where its own is back', async () => {
    const list: Reply = (response) => response.end('{"prefix":"","keys":[],"next":null}');
    const isWatch = ({ url }: Received) => url.endsWith('?watch');
    let watches = 0;
    const first = await ScriptedServer.start((response, received) => {
      if (!isWatch(received)) return list(response, received);
      return ++watches === 1 ? begin(response, 'a').end() : problem(503, 'KVS_OVERLOADED')(response);
    });
    const told = stream('b', 'id: b\nevent: reset\ndata: {"reason":"another store"}\n\n');
    const second = await ScriptedServer.start((response, received) =>
      isWatch(received) ? told(response, received) : list(response, received),
    );
    const client = new KvsClient([first.url, second.url]);
    const watched = ended(client.watch(''));
    const coming = next(watched);
    await first.has(2);
    const now = Date.now();
    const clock = vi.spyOn(Date, 'now').mockReturnValue(now + 6_000);
    onTestFinished(() => clock.mockRestore());
    expect(await coming).toMatchObject({ event: 'reset' });
    await collect(client.list('', { recursive: true }));
    expect(second.asked).toEqual(['GET /kv/?watch', 'GET /kv/?recursive=true&limit=1000']);
  });

  it('goes to another node when its own is gone for seconds, and says that it can’t know what was missed', async () => {
    const [first, second] = [await runNode(), await runNode({ node_id: 'node2' })];
    const client = new KvsClient([first.url, second.url]);
    const watched = ended(client.watch(''));
    await watched.open();
    await client.put('a', 1);
    expect(await next(watched)).toMatchObject({ path: 'a' });
    await new KvsClient(second.url).put('b', 2);
    await first.stop();
    const told = await next(watched);
    expect(told).toMatchObject({ event: 'reset', reason: expect.any(String) as string });
    // What is listed anew comes from the node that tells what follows.
    expect(await collect(client.list(''))).toMatchObject([{ path: 'b' }]);
    await client.put('c', 3);
    expect(await next(watched)).toMatchObject({ path: 'c', value: 3 });
  });

  it('says that it can’t know also when its connection broke before the node could say so', async () => {
    const server = await ScriptedServer.start(
      (response) => begin(response, 'ours').end(),
      (response) => begin(response, 'theirs').end(),
      stream('theirs', 'id: theirs\nevent: reset\ndata: {"reason":"another store"}\n\n'),
    );
    const watched = ended(new KvsClient(server.url).watch(''));
    expect(await next(watched)).toEqual({ event: 'reset', id: 'theirs', reason: 'another store' });
    expect(server.received.map(({ headers }) => headers['last-event-id'])).toEqual([
      undefined,
      'ours',
      'ours',
    ]);
  });

  it('begins at whatever node answers', async () => {
    const { server } = await startApp();
    const url = `http://127.0.0.1:${server.port}`;
    const client = new KvsClient([await deadUrl(), url], { retries: 0 });
    const watched = ended(client.watch(''));
    await watched.open();
    await client.put('a', 1);
    expect(await next(watched)).toMatchObject({ event: 'put', path: 'a' });
  });

  it('fails like any call when no node answers at its beginning', async () => {
    const watched = new KvsClient(await deadUrl(), { retries: 1 }).watch('');
    await expect(watched.open()).rejects.toMatchObject({ code: 'KVS_UNREACHABLE' });
    await expect(watched.next()).rejects.toMatchObject({ code: 'KVS_UNREACHABLE' });
    expect(await watched.next()).toEqual({ done: true, value: undefined });
  });

  it('fails when the node says what is wrong', async () => {
    const { watch } = await start();
    await expect(watch('', { after: 'nonsense' }).next()).rejects.toMatchObject({ code: 'KVS_BAD_REQUEST' });
    expect(() => watch('a//b')).toThrow('KVS_BAD_PATH');
  });

  it('fails when what comes is no stream of events', async () => {
    const server = await ScriptedServer.start((response) =>
      response.end('{"prefix":"","children":[],"next":null}'),
    );
    const watched = new KvsClient(server.url, { retries: 1 }).watch('');
    await expect(watched.next()).rejects.toMatchObject({ code: 'KVS_BAD_ANSWER' });
    expect(server.received.length).toBe(2);
  });

  it('fails when it can’t read an event, however often', async () => {
    const server = await ScriptedServer.start(stream('1', 'id: 2\nevent: put\ndata: {"path":\n\n'));
    const watched = new KvsClient(server.url, { retries: 2 }).watch('');
    await expect(watched.next()).rejects.toMatchObject({ code: 'KVS_BAD_ANSWER' });
    expect(server.received.length).toBe(3);
  });

  it('waits as long as a node asks it to that takes no more watches', async () => {
    const server = await ScriptedServer.start(
      (response) => begin(response, '1').end(),
      problem(503, 'KVS_OVERLOADED', { 'Retry-After': '1' }),
      stream('1', put('2', 'a')),
    );
    expect(await next(ended(new KvsClient(server.url).watch('')))).toMatchObject({ path: 'a' });
    const [, second, third] = server.received;
    expect((third?.atMs ?? 0) - (second?.atMs ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it('passes over events of a kind that it does not know', async () => {
    const server = await ScriptedServer.start(
      stream('1', `id: 2\nevent: moved\ndata: {}\n\n${put('3', 'a')}`),
    );
    expect(await next(ended(new KvsClient(server.url).watch('')))).toMatchObject({ event: 'put', id: '3' });
  });

  it('holds the node back while it is not read, and loses nothing', async () => {
    const count = 2_000;
    let sent = 0;
    const server = await ScriptedServer.start(async (response) => {
      begin(response, '0');
      for (; sent < count; sent++) {
        const event = put(String(sent), `k${sent}`).replace('"value":1', `"value":"${'x'.repeat(32_768)}"`);
        if (!response.write(event)) await once(response, 'drain');
      }
    });
    const watched = ended(new KvsClient(server.url).watch(''));
    expect(await next(watched)).toMatchObject({ path: 'k0' });
    for (let before = -1; before !== sent;) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(sent).toBeLessThan(count / 2);
    const rest = await take(watched, count - 1);
    expect(rest.map(({ id }) => Number(id))).toEqual(Array.from({ length: count - 1 }, (_, i) => i + 1));
  });
});

describe('The end of a watch', () => {
  /** A stream without events; `closed` settles when its reader has gone. */
  async function quiet(): Promise<{ readonly server: ScriptedServer; readonly closed: Promise<unknown> }> {
    let onClosed: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => (onClosed = resolve));
    const server = await ScriptedServer.start((response) => begin(response, '1').on('close', onClosed));
    return { server, closed };
  }

  it('comes with its signal, whose reason it throws, and closes the connection', async () => {
    const { server, closed } = await quiet();
    const ending = new AbortController();
    const watched = new KvsClient(server.url).watch('', { signal: ending.signal });
    const coming = watched.next();
    await server.has(1);
    const reason = new Error('Enough');
    ending.abort(reason);
    await expect(coming).rejects.toBe(reason);
    await closed;
    expect(await watched.next()).toEqual({ done: true, value: undefined });
  });

  it('comes with return, also while an event is waited for', async () => {
    const { server, closed } = await quiet();
    const watched = new KvsClient(server.url).watch('');
    await watched.open();
    const coming = watched.next();
    expect(await watched.return()).toEqual({ done: true, value: undefined });
    expect(await coming).toEqual({ done: true, value: undefined });
    await closed;
  });

  it('comes with return where nothing was read', async () => {
    const { server, closed } = await quiet();
    const watched = new KvsClient(server.url).watch('');
    await watched.open();
    await watched.return();
    await closed;
    await expect(new KvsClient(server.url).watch('').return()).resolves.toMatchObject({ done: true });
  });

  it('comes when its reader leaves the loop', async () => {
    let isClosed: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => (isClosed = resolve));
    const server = await ScriptedServer.start((response) => {
      begin(response, '1').on('close', isClosed).write(put('2', 'a'));
    });
    for await (const { id } of new KvsClient(server.url).watch('')) if (id === '2') break;
    await closed;
  });

  it('comes while it waits for a node that is gone', async () => {
    const server = await ScriptedServer.start(
      (response) => begin(response, '1').end(),
      problem(503, 'KVS_NOT_READY'),
    );
    const ending = new AbortController();
    const coming = new KvsClient(server.url).watch('', { signal: ending.signal }).next();
    await server.has(3);
    ending.abort();
    await expect(coming).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('comes before its beginning with a signal that is over', async () => {
    const { server } = await quiet();
    const watched = new KvsClient(server.url).watch('', { signal: AbortSignal.abort() });
    await expect(watched.open()).rejects.toMatchObject({ name: 'AbortError' });
    await expect(watched.next()).rejects.toMatchObject({ name: 'AbortError' });
    expect(server.received).toEqual([]);
  });
});
