import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Mode } from '../../src/core/ports.ts';
import { GzipPacker } from '../../src/store/gzip-packer.ts';
import { foreign, memoryLevel, openTestStore, path, testUuid } from '../store/harness.ts';
import { rawRequest, startApp, type StartedApp } from './harness.ts';

let under: StartedApp;
let url: string;
beforeEach(async () => {
  under = await startApp();
  url = `http://127.0.0.1:${under.server.port}/kv/`;
});

interface Listed {
  readonly uuid: string;
  readonly timestamp: number;
  readonly content_type: string;
  readonly bytes: number;
  readonly deleted: boolean;
  readonly current: boolean;
  readonly origin: string;
  readonly expires_at?: number;
}

async function put(target: string, body: string | Buffer = '1', type = 'application/json'): Promise<string> {
  const answer = await fetch(url + target, { method: 'PUT', body, headers: { 'Content-Type': type } });
  expect(answer.ok).toBe(true);
  return ((await answer.json()) as { uuid: string }).uuid;
}

const get = (target: string, headers: Record<string, string> = {}) => fetch(url + target, { headers });
const remove = (target: string) => fetch(url + target, { method: 'DELETE' });
const restore = (target: string, uuid: string, headers: Record<string, string> = {}) =>
  fetch(`${url}${target}?restore=${uuid}`, { method: 'POST', headers });

async function revisionsOf(target: string): Promise<Listed[]> {
  const answer = await get(`${target}?revisions`);
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { revisions: Listed[] }).revisions;
}

async function problemOf(answer: Response): Promise<{ status: number; code: string }> {
  const { code } = (await answer.json()) as { code: string };
  return { status: answer.status, code };
}

describe('GET ?revisions', () => {
  it('lists the versions of a key that are kept, newest first, with all that is known of them but their values', async () => {
    const expiresAt = under.clock.ms + 60_000;
    const first = await put('a/b?ttl=60', '[1, 2]');
    under.clock.ms += 5;
    await remove('a/b');
    const last = await put('a/b', 'ü', 'text/plain');
    const answer = await get('a/b?revisions');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
    const common = { timestamp: under.clock.ms, origin: 'node1' };
    expect(await answer.json()).toEqual({
      path: 'a/b',
      revisions: [
        { ...common, uuid: last, content_type: 'text/plain', bytes: 2, deleted: false, current: true },
        {
          ...common,
          uuid: expect.any(String) as string,
          content_type: '',
          bytes: 0,
          deleted: true,
          current: false,
        },
        {
          uuid: first,
          timestamp: under.clock.ms - 5,
          content_type: 'application/json',
          bytes: 6,
          deleted: false,
          current: false,
          origin: 'node1',
          expires_at: expiresAt,
        },
      ],
    });
  });

  it('answers also for a key that is deleted or has expired, and 404 for one that never was', async () => {
    await put('k?ttl=1');
    under.clock.ms += 2_000;
    expect(await revisionsOf('k')).toMatchObject([{ current: true, deleted: false }]);
    await put('k');
    await remove('k');
    expect(await revisionsOf('k')).toMatchObject([{ current: true, deleted: true }, {}, {}]);
    expect(await problemOf(await get('none?revisions'))).toEqual({ status: 404, code: 'KVS_KEY_NOT_FOUND' });
  });

  it('tells the length of a value as it was sent, and answers HEAD without a body', async () => {
    const { store } = await openTestStore(memoryLevel(), { packer: new GzipPacker(1) });
    onTestFinished(() => store.close());
    const { server } = await startApp({ store, storeView: store, maxValueBytes: 100_000 });
    url = `http://127.0.0.1:${server.port}/kv/`;
    const value = `"${'long '.repeat(1_000)}"`;
    await put('k', value);
    expect(await revisionsOf('k')).toMatchObject([{ bytes: value.length }]);
    const head = await fetch(`${url}k?revisions`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('is for keys, not for prefixes', async () => {
    for (const target of ['a/?revisions', '?revisions']) {
      expect(await problemOf(await get(target))).toEqual({ status: 400, code: 'KVS_BAD_PATH' });
    }
    expect(await problemOf(await get('k?revisions=maybe'))).toEqual({ status: 400, code: 'KVS_BAD_REQUEST' });
    await put('k');
    expect(await (await get('k?revisions=false')).text()).toBe('1');
  });
});

describe('GET ?revision', () => {
  it('answers with the value of that version as GET does of the present one, conditions included', async () => {
    const bytes = Buffer.from([0, 255, 10, 13]);
    const uuid = await put('k', bytes, 'image/png');
    under.clock.ms += 1_000;
    await put('k');
    const answer = await get(`k?revision=${uuid}`);
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': '4',
      etag: `"${uuid}"`,
      'kvs-timestamp': String(under.clock.ms - 1_000),
      'x-content-type-options': 'nosniff',
    });
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
    const head = await fetch(`${url}k?revision=${uuid.toUpperCase()}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([200, `"${uuid}"`, '']);
    const known = await get(`k?revision=${uuid}`, { 'If-None-Match': `"${uuid}"` });
    expect(known.status).toBe(304);
    const other = await get(`k?revision=${uuid}`, { 'If-Match': `"${testUuid(999)}"` });
    expect(other.status).toBe(412);
  });

  it('answers with the present version by its uuid too', async () => {
    await put('k', '1');
    const uuid = await put('k', '2');
    expect(await (await get(`k?revision=${uuid}`)).text()).toBe('2');
  });

  it('answers with a value in gzip to whoever takes it so, and decompressed to others', async () => {
    const { store } = await openTestStore(memoryLevel(), { packer: new GzipPacker(1) });
    onTestFinished(() => store.close());
    const { server } = await startApp({ store, storeView: store, maxValueBytes: 100_000 });
    url = `http://127.0.0.1:${server.port}/kv/`;
    const value = `"${'long '.repeat(1_000)}"`;
    const uuid = await put('k', value);
    await put('k');
    const plain = await get(`k?revision=${uuid}`, { 'Accept-Encoding': 'identity' });
    expect([plain.headers.get('etag'), await plain.text()]).toEqual([`"${uuid}"`, value]);
    const packed = await rawRequest(server.port, `GET /kv/k?revision=${uuid}`, ['Accept-Encoding: gzip']);
    expect(packed.head).toContain(`ETag: "${uuid}-gzip"`);
    expect(packed.head).toContain('Content-Encoding: gzip');
    const [, restored] = [await restore('k', uuid), await store.get(path('k'))];
    expect(restored?.encoding).toBe('gzip');
    expect(gunzipSync(restored?.data ?? '').toString()).toBe(value);
  });

  it('answers with a value that has expired, and says when that was, but no time to live', async () => {
    const uuid = await put('k?ttl=10', '"brief"');
    const alive = await get(`k?revision=${uuid}`);
    expect(alive.headers.get('kvs-ttl')).toBe('10');
    under.clock.ms += 10_000;
    const answer = await get(`k?revision=${uuid}`);
    expect([answer.status, answer.headers.get('kvs-expires-at'), answer.headers.get('kvs-ttl')]).toEqual([
      200,
      String(under.clock.ms),
      null,
    ]);
    expect((await get('k')).status).toBe(404);
  });

  it('finds no deletion, no version of another key, none that is given up, and none where there is no key', async () => {
    const uuid = await put('k');
    const other = await put('other');
    await remove('k');
    const [deletion] = await revisionsOf('k');
    for (const [target, asked] of [
      ['k', deletion?.uuid],
      ['k', other],
      ['k', testUuid(999)],
      ['none', uuid],
    ]) {
      const answer = await get(`${target}?revision=${asked}`);
      expect(await problemOf(answer)).toEqual({ status: 404, code: 'KVS_REVISION_NOT_FOUND' });
    }
    expect((await get(`k?revision=${uuid}`)).status).toBe(200);
    await put('k');
    await put('k');
    expect((await get(`k?revision=${uuid}`)).status).toBe(404);
  });

  it.each(['', 'nope', `"${testUuid(1)}"`, testUuid(1).slice(1)])(
    'refuses %j, which is no UUID',
    async (text) => {
      await put('k');
      for (const answer of [
        await get(`k?revision=${encodeURIComponent(text)}`),
        await fetch(`${url}k?restore=${encodeURIComponent(text)}`, { method: 'POST' }),
      ]) {
        expect(await problemOf(answer)).toEqual({ status: 400, code: 'KVS_BAD_REQUEST' });
      }
    },
  );
});

describe('POST ?restore', () => {
  it('writes the value of a revision anew, of any type and of any bytes, and keeps what was there', async () => {
    const bytes = Buffer.from([0, 255, 10, 13]);
    const old = await put('k', bytes, 'image/png');
    const replaced = await put('k', '2');
    under.clock.ms += 1_000;
    const answer = await restore('k', old);
    const body = (await answer.json()) as { uuid: string; timestamp: number };
    expect([answer.status, answer.headers.get('etag')]).toEqual([200, `"${body.uuid}"`]);
    expect(body).toEqual({ uuid: expect.any(String) as string, timestamp: under.clock.ms });
    expect([old, replaced]).not.toContain(body.uuid);
    const now = await get('k');
    expect(now.headers.get('content-type')).toBe('image/png');
    expect(Buffer.from(await now.arrayBuffer())).toEqual(bytes);
    expect((await revisionsOf('k')).map(({ uuid }) => uuid)).toEqual([body.uuid, replaced, old]);
  });

  it('brings back what was deleted, with 201', async () => {
    const uuid = await put('k', '"precious"');
    await remove('k');
    expect((await restore('k', uuid)).status).toBe(201);
    expect(await (await get('k')).text()).toBe('"precious"');
    expect(await revisionsOf('k')).toMatchObject([{ deleted: false }, { deleted: true }, { uuid }]);
  });

  it('takes the condition of a PUT: of If-Match and If-None-Match', async () => {
    const first = await put('k', '1');
    const second = await put('k', '2');
    const refused = await restore('k', first, { 'If-Match': `"${first}"` });
    expect([refused.status, refused.headers.get('etag')]).toEqual([412, `"${second}"`]);
    expect((await restore('k', first, { 'If-None-Match': '*' })).status).toBe(412);
    expect(await (await get('k')).text()).toBe('2');
    expect((await restore('k', first, { 'If-Match': `"${second}"` })).status).toBe(200);
    await remove('k');
    expect((await restore('k', second, { 'If-None-Match': '*' })).status).toBe(201);
  });

  it('lets a time to live go on that is not over, and gives none where it is', async () => {
    const uuid = await put('k?ttl=10', '"brief"');
    await put('k');
    under.clock.ms += 4_000;
    expect(await (await restore('k', uuid)).json()).toMatchObject({ expires_at: under.clock.ms + 6_000 });
    expect((await get('k')).headers.get('kvs-ttl')).toBe('6');
    under.clock.ms += 6_000;
    expect((await get('k')).status).toBe(404);
    const answer = await restore('k', uuid);
    expect(answer.status).toBe(201);
    expect(await answer.json()).not.toHaveProperty('expires_at');
    expect((await get('k')).headers.get('kvs-expires-at')).toBeNull();
  });

  it('lives as long as the request says, whatever the revision did', async () => {
    const lasting = await put('k');
    await put('k?ttl=10');
    await restore('k', lasting, { 'KVS-TTL': '60' });
    expect((await get('k')).headers.get('kvs-ttl')).toBe('60');
    expect((await restore('k', lasting, { 'KVS-TTL': '0' })).status).toBe(400);
  });

  it('finds nothing to restore in a deletion, or where there is no such revision, and changes nothing', async () => {
    const uuid = await put('k');
    await remove('k');
    const [deletion] = await revisionsOf('k');
    const { sequence } = under.store;
    for (const [target, asked = ''] of [
      ['k', deletion?.uuid],
      ['k', testUuid(999)],
      ['none', uuid],
    ] as const) {
      const answer = await restore(target, asked);
      expect(await problemOf(answer)).toEqual({ status: 404, code: 'KVS_REVISION_NOT_FOUND' });
    }
    expect(under.store.sequence).toBe(sequence);
  });

  it.each([
    ['read-only', 403, 'KVS_READ_ONLY'],
    ['syncing', 503, 'KVS_SYNCING'],
  ] as const)('is refused in mode %s, in which revisions can be read', async (mode: Mode, status, code) => {
    const uuid = await put('k');
    under.node.mode = mode;
    expect(await problemOf(await restore('k', uuid))).toEqual({ status, code });
    expect(await revisionsOf('k')).toHaveLength(1);
    expect((await get(`k?revision=${uuid}`)).status).toBe(200);
    under.node.mode = 'normal';
    under.node.isReady = false;
    expect(await problemOf(await restore('k', uuid))).toEqual({ status: 503, code: 'KVS_NOT_READY' });
  });

  it('is for keys, and without it a POST is as good as any other method that is not allowed', async () => {
    const uuid = await put('k');
    expect(await problemOf(await restore('a/', uuid))).toEqual({ status: 400, code: 'KVS_BAD_PATH' });
    for (const target of ['k', 'k?restored=1']) {
      const answer = await fetch(url + target, { method: 'POST', body: '1' });
      expect(answer.headers.get('allow')).toBe('GET, HEAD, PUT, DELETE');
      expect(await problemOf(answer)).toEqual({ status: 405, code: 'KVS_METHOD_NOT_ALLOWED' });
    }
  });

  it.each(['revision', 'restore'])('of a key named by %s is no write of the whole key', async (name) => {
    const uuid = await put('k', '1');
    const { sequence } = under.store;
    for (const method of ['PUT', 'DELETE']) {
      const answer = await fetch(`${url}k?${name}=${uuid}`, {
        method,
        ...(method === 'PUT' ? { body: '2' } : {}),
      });
      expect(await problemOf(answer)).toEqual({ status: 400, code: 'KVS_BAD_REQUEST' });
    }
    const lines = { method: 'POST', headers: { 'Content-Type': 'application/x-ndjson' } };
    const batch = await fetch(`${url}?${name}=${uuid}`, { ...lines, body: '{"op":"delete","path":"k"}' });
    expect(await problemOf(batch)).toEqual({ status: 400, code: 'KVS_BAD_REQUEST' });
    expect(under.store.sequence).toBe(sequence);
  });

  it('is told to watchers as the write that it is', async () => {
    const uuid = await put('k', '1');
    await put('k', '2');
    const seen = (await (await get('k?watch=wait&timeout=0')).json()) as { index: string };
    const restored = (await (await restore('k', uuid)).json()) as { uuid: string };
    const told = await (await get(`k?watch=wait&index=${seen.index}`)).json();
    expect(told).toMatchObject({ events: [{ event: 'put', path: 'k', uuid: restored.uuid, value: 1 }] });
  });

  it('takes a version that lost to another one, and so makes it the one that stands', async () => {
    await put('k', '"mine"');
    const late = foreign({ timestamp: under.clock.ms - 1, uuid: testUuid(500), data: Buffer.from('"late"') });
    await under.store.merge([{ path: path('k'), version: late }]);
    expect(await revisionsOf('k')).toMatchObject([{ origin: 'node1' }, { origin: 'node2', uuid: late.uuid }]);
    expect((await restore('k', late.uuid)).status).toBe(200);
    expect(await (await get('k')).text()).toBe('"late"');
  });
});
