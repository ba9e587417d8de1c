import { describe, expect, it } from 'vitest';
import { KvsClient, KvsClientError } from '../../src/client/client.ts';
import { collect } from './collect.ts';
import { startApp, type StartedApp } from '../http/harness.ts';
import { ScriptedServer, value, valueHeaders, written } from './scripted-server.ts';

async function start(): Promise<StartedApp & { readonly client: KvsClient; readonly url: string }> {
  const under = await startApp({ maxValueBytes: 1_048_576 }, { maxValueBytes: 1_048_576 });
  const url = `http://127.0.0.1:${under.server.port}`;
  return { ...under, url, client: new KvsClient(url) };
}

describe('A client of one node', () => {
  it('reads what it wrote as JSON, with all that the node knows of it', async () => {
    const { client, clock } = await start();
    const first = await client.put('users/john', { name: 'John', tags: ['ä', null] }, { ttlSeconds: 90 });
    expect(first).toEqual({
      uuid: expect.any(String) as string,
      timestamp: clock.ms,
      created: true,
      expiresAt: clock.ms + 90_000,
    });
    const meta = {
      path: 'users/john',
      uuid: first.uuid,
      timestamp: first.timestamp,
      contentType: 'application/json',
      expiresAt: first.expiresAt,
    };
    expect(await client.get('users/john')).toEqual({ ...meta, value: { name: 'John', tags: ['ä', null] } });
    expect(await client.has('users/john')).toEqual(meta);
    expect(await client.put('users/john', 1)).toMatchObject({ created: false });
    expect(await client.get('users/john')).not.toHaveProperty('expiresAt');
  });

  it.each([0, false, null, '', 'text', [], 1.5])('reads %j as it was written', async (value) => {
    const { client } = await start();
    await client.put('a', value);
    expect(await client.get('a')).toMatchObject({ value });
  });

  it('reads and writes bytes of any type, an empty value and a large one in gzip included', async () => {
    const { client } = await start();
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await client.putBytes('a', bytes);
    expect(await client.getBytes('a')).toMatchObject({
      contentType: 'application/octet-stream',
      value: bytes,
    });
    await client.putBytes('a', 'grüße');
    expect(await client.getBytes('a')).toMatchObject({
      contentType: 'text/plain;charset=UTF-8',
      value: new TextEncoder().encode('grüße'),
    });
    await client.putBytes('a', new Uint8Array(), { contentType: 'image/png' });
    expect(await client.getBytes('a')).toMatchObject({ contentType: 'image/png', value: new Uint8Array() });
    const { uuid } = await client.put('a', 'x'.repeat(100_000));
    expect(await client.get('a')).toMatchObject({ uuid, value: 'x'.repeat(100_000) });
    expect((await client.has('a'))?.uuid).toBe(uuid);
  });

  it('keeps the digits of a number that JavaScript has none for, as bytes', async () => {
    const { client } = await start();
    await client.putBytes('a', '12345678901234567890', { contentType: 'application/json' });
    const entry = await client.getBytes('a');
    expect(new TextDecoder().decode(entry?.value)).toBe('12345678901234567890');
  });

  it('says that a value is not JSON rather than to guess', async () => {
    const { client } = await start();
    await client.putBytes('a', '1', { contentType: 'text/plain' });
    await expect(client.get('a')).rejects.toMatchObject({ code: 'KVS_NOT_JSON' });
  });

  it('has undefined, and false, for a key that is not there', async () => {
    const { client } = await start();
    expect(await client.get('a')).toBeUndefined();
    expect(await client.getBytes('a')).toBeUndefined();
    expect(await client.has('a')).toBeUndefined();
    expect(await client.delete('a')).toBe(false);
    await client.put('a', 1);
    expect(await client.delete('a')).toBe(true);
    expect(await client.get('a')).toBeUndefined();
  });

  it.each([
    'a b',
    '100%',
    'a%2Fb',
    'what?',
    '#1',
    'a+b&c=d',
    '_ts:',
    '!',
    'grüße/日本/🤖',
    '~%7E',
    'a:b/c;d',
  ])('uses the path "%s" as it is, in every call', async (path) => {
    const { client, store } = await start();
    await client.put(path, 1);
    expect(await client.get(path)).toMatchObject({ path, value: 1 });
    expect(await client.has(path)).toMatchObject({ path });
    expect(await collect(client.list('', { recursive: true }))).toMatchObject([{ path }]);
    await client.put(`${path}/below`, 2);
    expect(await collect(client.list(path))).toMatchObject([{ path: `${path}/below`, name: 'below' }]);
    expect(await client.count(path)).toBe(1);
    expect(await client.deleteAll(path)).toBe(1);
    expect(await client.delete(path)).toBe(true);
    expect(await store.count(undefined, () => true)).toBe(0);
  });

  it('writes and deletes on a condition, and has the code of one that is not met', async () => {
    const { client } = await start();
    const { uuid } = await client.put('a', 1, { ifNoneMatch: '*' });
    const unmet = { code: 'KVS_PRECONDITION_FAILED', status: 412 };
    await expect(client.put('a', 2, { ifNoneMatch: '*' })).rejects.toMatchObject(unmet);
    const second = await client.put('a', 2, { ifMatch: uuid });
    await expect(client.put('a', 3, { ifMatch: uuid })).rejects.toMatchObject(unmet);
    await expect(client.put('b', 3, { ifMatch: '*' })).rejects.toMatchObject(unmet);
    await expect(client.delete('a', { ifMatch: uuid })).rejects.toMatchObject(unmet);
    expect(await client.delete('a', { ifMatch: second.uuid })).toBe(true);
  });

  it('lists page after page, in whatever order, depth and number is asked for', async () => {
    const { client } = await start();
    const operations = Array.from({ length: 2_500 }, (_, i) => ({
      op: 'put' as const,
      path: `k/${String(i).padStart(4, '0')}`,
      value: i,
    }));
    await collect(client.batch(operations));
    const paths = operations.map(({ path }) => path);
    const listed = async (options: Parameters<KvsClient['list']>[1]) =>
      (await collect(client.list('', options))).map(({ path }) => path);
    expect(await listed({ recursive: true })).toEqual(paths);
    expect(await listed({ recursive: true, reverse: true })).toEqual(paths.toReversed());
    expect(await listed({ recursive: true, limit: 1_700 })).toEqual(paths.slice(0, 1_700));
    expect(await listed({})).toEqual(['k']);
    expect(await listed({ depth: 2 })).toEqual(['k', ...paths]);
    expect(await client.count('')).toBe(2_500);
    const page = await client.page('k/', { limit: 2, values: true });
    expect(page.entries).toMatchObject([
      { name: '0000', hasChildren: false, contentType: 'application/json', bytes: 1, value: 0 },
      { name: '0001', value: 1 },
    ]);
    const next = await client.page('k', { limit: 1, cursor: page.next });
    expect(next.entries).toMatchObject([{ path: 'k/0002' }]);
    expect((await client.page('nothing')).next).toBeUndefined();
  });

  it('stops to ask for pages when its reader stops', async () => {
    const server = await ScriptedServer.start((response) =>
      response.end('{"prefix":"","keys":[{"path":"a"},{"path":"b"}],"next":"YQ"}'),
    );
    for await (const { path } of new KvsClient(server.url).list('', { recursive: true })) {
      if (path === 'b') break;
    }
    expect(server.asked).toEqual(['GET /kv/?recursive=true&limit=1000']);
  });

  it('lists values with their types, whatever these are', async () => {
    const { client } = await start();
    await client.put('a', { x: 1 });
    await client.putBytes('b', new Uint8Array([0, 255]));
    expect(await collect(client.list('', { values: true, recursive: true }))).toMatchObject([
      { path: 'a', value: { x: 1 } },
      { path: 'b', contentType: 'application/octet-stream', data: new Uint8Array([0, 255]) },
    ]);
  });

  it.each([0.1 + 0.2, 1e-7, 90, 3_155_760_000])(
    'writes a time to live of %d s so that nodes read it',
    async (ttlSeconds) => {
      const { client, clock } = await start();
      const { expiresAt } = await client.put('a', 1, { ttlSeconds });
      expect(expiresAt).toBe(clock.ms + Math.ceil(ttlSeconds * 1_000));
    },
  );

  it.each([0, -1, NaN, Infinity])('is told by the node that %d is no time to live', async (ttlSeconds) => {
    const { client } = await start();
    await expect(client.put('a', 1, { ttlSeconds })).rejects.toMatchObject({ code: 'KVS_BAD_REQUEST' });
  });

  it('asks for the members and the health of a node', async () => {
    const { client } = await start();
    expect(await client.members()).toMatchObject([{ id: 'node1', joinedTimestamp: 1, state: 'alive' }]);
    expect(await client.health()).toEqual({ status: 'ok', mode: 'normal', memberCount: 1, nodeId: 'node1' });
    await expect(client.forget('nobody')).rejects.toMatchObject({
      code: 'KVS_MEMBER_NOT_FOUND',
      status: 404,
    });
  });

  it('tells what the node says is wrong, with its code and its words', async () => {
    const { client } = await start();
    const error: unknown = await client.put('a'.repeat(1_025), 1).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(KvsClientError);
    expect(error).toMatchObject({
      name: 'KvsClientError',
      code: 'KVS_BAD_PATH',
      status: 400,
      detail: expect.stringContaining('1024 bytes') as string,
    });
  });

  it('sends nothing with a header that can have no such value, and says so', async () => {
    const server = await ScriptedServer.start(value('1'));
    const client = new KvsClient(server.url);
    const put = client.putBytes('a', new Uint8Array(1), { contentType: 'text/plain\nX: 1' });
    await expect(put).rejects.toMatchObject({ code: 'KVS_BAD_REQUEST', status: 400 });
    expect(server.received).toEqual([]);
  });

  it('can be used through a URL with a path, as behind a proxy, and sends its headers along', async () => {
    const server = await ScriptedServer.start(value('1'));
    const client = new KvsClient(`${server.url}/kvs/`, { headers: { Authorization: 'Bearer a' } });
    await client.get('a');
    expect(server.received).toMatchObject([{ url: '/kvs/kv/a', headers: { authorization: 'Bearer a' } }]);
  });

  it('uses the fetch that it is given', async () => {
    const asked: unknown[] = [];
    const client = new KvsClient('http://nowhere.invalid', {
      fetch: async (input) => {
        asked.push(input);
        return new Response('1', { headers: valueHeaders });
      },
    });
    expect(await client.get('a')).toMatchObject({ value: 1 });
    expect(asked).toEqual(['http://nowhere.invalid/kv/a']);
  });

  it.each([undefined, () => 1, Symbol('a')])('refuses to write what JSON has no form for', async (value) => {
    const server = await ScriptedServer.start(written);
    await expect(new KvsClient(server.url).put('a', value)).rejects.toThrow(TypeError);
    expect(server.received).toEqual([]);
  });

  it.each([
    [[]],
    ['not a url'],
    ['ftp://node'],
    ['http://user:password@node'],
    ['http://node/?a'],
    ['http://node/#a'],
  ])('is not made for %j', (urls) => {
    expect(() => new KvsClient(urls)).toThrow(TypeError);
  });
});

describe('A client of a node that keeps earlier versions', () => {
  const uuid = '0d5fa7ba-5a92-4b9d-8f5a-3a9d9c8f2a10';

  it('asks for a revision, and for the version of a quorum', async () => {
    const server = await ScriptedServer.start(value('1'));
    const client = new KvsClient(server.url);
    await client.get('a', { revision: uuid });
    await client.getBytes('a', { consistency: 'quorum' });
    expect(server.asked).toEqual([`GET /kv/a?revision=${uuid}`, 'GET /kv/a?consistency=quorum']);
  });

  it('lists the revisions of a key', async () => {
    const revision = {
      uuid,
      timestamp: 1,
      content_type: 'application/json',
      bytes: 2,
      deleted: false,
      current: true,
      origin: 'node1',
      expires_at: 3,
    };
    const server = await ScriptedServer.start((response) =>
      response.end(JSON.stringify({ path: 'a', revisions: [revision] })),
    );
    expect(await new KvsClient(server.url).revisions('a')).toEqual([
      {
        uuid,
        timestamp: 1,
        contentType: 'application/json',
        bytes: 2,
        deleted: false,
        current: true,
        origin: 'node1',
        expiresAt: 3,
      },
    ]);
    expect(server.asked).toEqual(['GET /kv/a?revisions']);
  });

  it('restores a revision, on a condition if there is one', async () => {
    const server = await ScriptedServer.start(written);
    expect(await new KvsClient(server.url).restore('a', uuid, { ifMatch: 'b' })).toMatchObject({
      created: true,
    });
    expect(server.received).toMatchObject([
      { method: 'POST', url: `/kv/a?restore=${uuid}`, headers: { 'if-match': '"b"' } },
    ]);
  });
});
