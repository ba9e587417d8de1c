import { gunzipSync } from 'node:zlib';
import { request, type Dispatcher } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyPath } from '../../src/core/key-path.ts';
import type { Version } from '../../src/core/version.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { GzipPacker } from '../../src/store/gzip-packer.ts';
import type { Level } from '../../src/store/level.ts';
import type { OpenVersionStore } from '../../src/store/version-store.ts';
import { foreign, memoryLevel, openTestStore } from '../store/harness.ts';
import { makeApp, serve, type HttpUnderTest } from './harness.ts';
import { WatchReader } from './watch-reader.ts';

const bytesMin = 4_096;
const bytesMax = 1_024 * 1_024;

let level: Level;
let store: OpenVersionStore;
let under: HttpUnderTest;
let server: HttpServer;
beforeEach(async () => {
  level = memoryLevel();
  await open(new GzipPacker(bytesMin));
});
afterEach(close);

async function open(packer: GzipPacker | undefined): Promise<void> {
  ({ store } = await openTestStore(level, { packer }));
  under = await makeApp({
    store,
    storeView: store,
    events: store,
    maxValueBytes: bytesMax,
    debugAccess: 'on',
  });
  server = await serve(under.app, { maxValueBytes: bytesMax });
}

async function close(): Promise<void> {
  await server.close(0);
  await under.close();
  await store.close();
}

type Answer = Pick<Dispatcher.ResponseData, 'headers'> & { readonly status: number; readonly body: Buffer };

async function ask(
  method: Dispatcher.HttpMethod,
  headers: Record<string, string> = {},
  body: Uint8Array | null = null,
): Promise<Answer> {
  const answer = await request(`http://127.0.0.1:${server.port}/kv/key`, { method, headers, body });
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  return { status: answer.statusCode, headers: answer.headers, body: bytes };
}

const put = (value: Uint8Array, type = 'application/json') => ask('PUT', { 'Content-Type': type }, value);
const acceptGzip = { 'Accept-Encoding': 'gzip' };

/** JSON of exactly so many bytes, that shrinks. */
function jsonOf(length: number): Buffer {
  return Buffer.from(`"${'abc 123, '.repeat(length).slice(0, length - 2)}"`);
}

/** The headers without those of the connection. */
function ofTheValue({ headers }: Answer): Answer['headers'] {
  return { ...headers, date: '', connection: '', 'keep-alive': '' };
}

async function storedVersion(): Promise<Version | undefined> {
  return store.get('key' as KeyPath);
}

describe('a value that is stored in gzip', () => {
  it.each([bytesMin, bytesMin + 1, 65_536, 65_537, bytesMax])(
    'comes back as it was sent, to whoever does not take gzip: %d bytes',
    async (length) => {
      const value = jsonOf(length);
      expect((await put(value)).status).toBe(201);
      const stored = await storedVersion();
      expect(stored?.encoding).toBe('gzip');
      expect(stored?.data.length).toBeLessThan(length / 8);
      for (const headers of [
        {},
        { 'Accept-Encoding': 'br, gzip;q=0' },
        { 'Accept-Encoding': 'identity;q=0' },
      ]) {
        const got = await ask('GET', headers);
        expect(got.body.equals(value)).toBe(true);
        expect(got.headers).toMatchObject({
          'content-type': 'application/json',
          'content-length': String(length),
          etag: `"${stored?.uuid}"`,
          vary: 'Accept-Encoding',
        });
        expect(got.headers).not.toHaveProperty('content-encoding');
      }
    },
  );

  it('goes out as it is to whoever takes gzip, with an ETag of its own', async () => {
    const value = jsonOf(50_000);
    await put(value);
    const stored = await storedVersion();
    const got = await ask('GET', acceptGzip);
    expect(got.body.equals(stored?.data ?? Buffer.alloc(0))).toBe(true);
    expect(gunzipSync(got.body).equals(value)).toBe(true);
    expect(got.headers).toMatchObject({
      'content-type': 'application/json',
      'content-encoding': 'gzip',
      'content-length': String(stored?.data.length),
      etag: `"${stored?.uuid}-gzip"`,
      vary: 'Accept-Encoding',
    });
  });

  it.each([{}, acceptGzip])('has the headers of GET for HEAD too: %j', async (headers) => {
    await put(jsonOf(100_000));
    const got = await ask('GET', headers);
    const head = await ask('HEAD', headers);
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect(ofTheValue(head)).toEqual(ofTheValue(got));
  });

  it('is read by many at one time', async () => {
    const value = jsonOf(300_000);
    await put(value);
    const all = await Promise.all(Array.from({ length: 40 }, () => ask('GET')));
    expect(all.every(({ body }) => body.equals(value))).toBe(true);
  });

  it('says when it ends, as any other does', async () => {
    await ask('PUT', { 'KVS-TTL': '60' }, jsonOf(5_000));
    for (const headers of [{}, acceptGzip]) {
      expect((await ask('GET', headers)).headers).toMatchObject({ 'kvs-ttl': '60' });
    }
  });

  it('is there after a restart, also of a node that compresses nothing', async () => {
    const value = jsonOf(20_000);
    await put(value);
    await close();
    await open(undefined);
    expect((await ask('GET')).body.equals(value)).toBe(true);
    expect((await ask('GET', acceptGzip)).headers).toHaveProperty('content-encoding', 'gzip');
    await put(value);
    expect(await storedVersion()).toMatchObject({ encoding: undefined });
  });

  it('counts in the cache, and against the bounds of the store, with what it takes', async () => {
    const before = store.stats().cacheBytes;
    await put(jsonOf(100_000));
    expect(store.stats().cacheBytes - before).toBeLessThan(10_000);
  });

  it('shows both lengths under /debug', async () => {
    await put(jsonOf(10_000));
    const answer = await under.app.request('/debug/keys/version?path=key');
    const stored = await storedVersion();
    expect(await answer.json()).toMatchObject({
      version: { bytes: 10_000, stored_bytes: stored?.data.length },
    });
  });

  it('is a 500 when it is damaged, and takes nothing else with it', async () => {
    for (const [index, length] of [5_000, 100_000].entries()) {
      await put(jsonOf(length));
      const { data = Buffer.alloc(0), timestamp = 0 } = (await storedVersion()) ?? {};
      const damaged = Uint8Array.from(data);
      damaged.fill(0, 20, 30);
      await store.merge([
        {
          path: 'key' as KeyPath,
          version: foreign({ timestamp: timestamp + 1 + index, data: damaged, encoding: 'gzip' }),
        },
      ]);
      const got = await ask('GET');
      expect([got.status, JSON.parse(got.body.toString())]).toEqual([
        500,
        expect.objectContaining({ code: 'KVS_STORAGE_FAILED' }),
      ]);
    }
    expect((await put(jsonOf(10))).status).toBe(200);
    expect((await ask('GET')).status).toBe(200);
  });
});

describe('a value that is stored as it came', () => {
  it.each([
    ['it is short', jsonOf(bytesMin - 1), 'application/json'],
    ['its type is compressed already', jsonOf(10_000), 'image/png'],
  ])('since %s, goes out so to everybody, and depends on no header', async (_, value, type) => {
    await put(value, type);
    const got = await ask('GET', acceptGzip);
    expect(got.body.equals(value)).toBe(true);
    expect(got.headers).not.toHaveProperty('content-encoding');
    expect(got.headers).not.toHaveProperty('vary');
  });
});

describe('a body with a Content-Encoding', () => {
  it.each(['gzip', 'br', 'identity, gzip'])('of %s is refused, and nothing is stored', async (encoding) => {
    const refused = await ask('PUT', { 'Content-Encoding': encoding }, jsonOf(10));
    expect([refused.status, refused.headers['accept-encoding']]).toEqual([415, 'identity']);
    expect(JSON.parse(refused.body.toString())).toMatchObject({ code: 'KVS_ENCODING_NOT_SUPPORTED' });
    expect(await storedVersion()).toBeUndefined();
  });

  it('of identity is taken', async () => {
    expect((await ask('PUT', { 'Content-Encoding': 'Identity' }, jsonOf(10))).status).toBe(201);
  });
});

describe('a value that is stored in gzip', () => {
  const value = jsonOf(20_000);

  it('is listed, watched and read in a batch as it was sent', async () => {
    await put(value);
    const url = `http://127.0.0.1:${server.port}/kv/`;
    const listed = (await (await fetch(`${url}?values`)).json()) as { children: Record<string, unknown>[] };
    expect(listed.children).toMatchObject([{ bytes: value.length, value: JSON.parse(value.toString()) }]);

    const reader = await WatchReader.open(`${url}?watch`);
    await put(value);
    await reader.until(() => reader.events.length === 1);
    expect(reader.events[0]?.data.value).toEqual(JSON.parse(value.toString()));
    reader.response.destroy();

    const batch = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-ndjson' },
      body: '{"op":"get","path":"key"}\n',
    });
    expect(await batch.json()).toMatchObject({ status: 200, value: JSON.parse(value.toString()) });
  });

  it('has the same version under both of its tags', async () => {
    await put(value);
    const plain = String((await ask('GET')).headers['etag']);
    const packed = String((await ask('GET', acceptGzip)).headers['etag']);
    expect(packed).not.toBe(plain);
    for (const tag of [plain, packed]) {
      expect(await ask('GET', { 'If-None-Match': tag })).toMatchObject({
        status: 304,
        headers: { etag: plain },
      });
      const answer = await ask('GET', { 'If-None-Match': tag, ...acceptGzip });
      expect(answer).toMatchObject({ status: 304, headers: { etag: packed, vary: 'Accept-Encoding' } });
      expect((await ask('GET', { 'If-Match': tag })).status).toBe(200);
    }
    expect((await ask('PUT', { 'If-Match': packed }, value)).status).toBe(200);
    expect((await ask('PUT', { 'If-Match': packed }, value)).status).toBe(412);
  });
});
