import { createStorage, prefixStorage, type Storage } from 'unstorage';
import httpDriver from 'unstorage/drivers/http';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import { put } from '../store/harness.ts';
import { rawRequest, startApp, type StartedApp } from './harness.ts';

/** Values of any kind: the driver calls every string JSON, unless it is told otherwise. */
const asText = { 'content-type': 'text/plain' };

interface Stored extends StartedApp {
  readonly storage: Storage;
  /** The stock driver, over real sockets. */
  open(base: string, headers?: Record<string, string>): Storage;
}

async function start(base = 'app', headers: Record<string, string> = asText): Promise<Stored> {
  const started = await startApp();
  const open: Stored['open'] = (base, headers = asText) => {
    const driver = httpDriver({ base: `http://127.0.0.1:${started.server.port}/kv/${base}`, headers });
    const storage = createStorage({ driver });
    onTestFinished(() => storage.dispose());
    return storage;
  };
  return { ...started, storage: open(base, headers), open };
}

const sorted = (keys: string[]) => keys.toSorted();

describe("unstorage's stock driver http", () => {
  it('finds nothing where nothing is', async () => {
    const { storage } = await start();
    expect(await storage.hasItem('s1:a')).toBe(false);
    expect(await storage.getItem('s1:a')).toBeNull();
    expect(await storage.getKeys()).toEqual([]);
  });

  it.each([
    ['a text', 'a text, with "quotes"\nand lines'],
    ['no text', ''],
    ['a text in Chinese', '键值'],
    ['an object', { a: [1, { b: null }] }],
    ['a list', [1, 'two', null]],
    ['a number', 0],
    ['no', false],
    ['yes', true],
    ['null', null],
  ])('keeps %s, labelled as text', async (_, value) => {
    const { storage } = await start();
    await storage.setItem('a:b', value);
    expect(await storage.hasItem('a:b')).toBe(true);
    expect(await storage.getItem('a:b')).toEqual(value);
  });

  it('keeps what is JSON without any option, as JSON', async () => {
    const { storage, server } = await start('app', {});
    await storage.setItem('a:b', { c: 1 });
    await storage.setItem('n', 17);
    expect(await storage.getItem('a:b')).toEqual({ c: 1 });
    expect(await storage.getItem('n')).toBe(17);
    const answer = await fetch(`http://127.0.0.1:${server.port}/kv/app/a/b`);
    expect(answer.headers.get('Content-Type')).toBe('application/json');
    expect(await answer.json()).toEqual({ c: 1 });
  });

  it('gets a 400 for a text that it calls JSON, unless this one call says otherwise', async () => {
    const { storage } = await start('app', {});
    await expect(storage.setItem('t', 'no JSON')).rejects.toMatchObject({ status: 400 });
    expect(await storage.hasItem('t')).toBe(false);
    await storage.setItem('t', 'no JSON', { headers: asText });
    expect(await storage.getItem('t')).toBe('no JSON');
  });

  it.each([
    ['as what they are', {}],
    ['as text', asText],
  ])('keeps any bytes, labelled %s', async (_, headers) => {
    const { storage } = await start('app', headers);
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await storage.setItemRaw('raw.bin', bytes);
    const got = await storage.getItemRaw<ArrayBuffer>('raw.bin');
    expect(new Uint8Array(got ?? new ArrayBuffer())).toEqual(bytes);
  });

  it('writes and reads many items', async () => {
    const { storage } = await start();
    await storage.setItems([
      { key: 't:1', value: 'one' },
      { key: 't:2', value: '2' },
    ]);
    expect(await storage.getItems(['t:1', { key: 't:2' }, 't:3'])).toEqual([
      { key: 't:1', value: 'one' },
      { key: 't:2', value: 2 },
      { key: 't:3', value: null },
    ]);
  });

  it('reads when an item was written and how long it lives, and writes what else is to be known of it', async () => {
    const { storage, clock } = await start();
    await storage.setItem('a', 'lasts');
    expect(await storage.getMeta('a')).toEqual({ status: 200, mtime: new Date(clock.ms), ttl: undefined });
    await storage.setItem('a', 'ends', { ttl: 60 });
    clock.ms += 1_000;
    expect(await storage.getMeta('a')).toMatchObject({ ttl: 59 });
    await storage.setMeta('a', { owner: 'me' });
    expect(await storage.getMeta('a')).toMatchObject({ ttl: 59, owner: 'me' });
    expect(await storage.getKeys()).toEqual(['a']);
    clock.ms += 59_000;
    expect(await storage.getItem('a')).toBeNull();
  });

  it('lists the keys below its base, and below a part of it, relative to the base', async () => {
    const { storage, open } = await start();
    await open('other').setItem('x', '1');
    await open('app2').setItem('x', '1');
    const keys = ['s1:a', 's1:b:c', 's10:a', 's2:a', 'top'];
    for (const key of keys) await storage.setItem(key, 'text');
    expect(await storage.getKeys()).toEqual(keys);
    expect(await storage.getKeys('s1')).toEqual(['s1:a', 's1:b:c']);
    expect(await storage.getKeys('s1:b')).toEqual(['s1:b:c']);
    expect(await storage.getKeys('none')).toEqual([]);
    expect(await storage.getKeys(undefined, { maxDepth: 0 })).toEqual(['top']);
    expect(await storage.getKeys('s1', { maxDepth: 1 })).toEqual(['s1:a']);
    expect(await prefixStorage(storage, 's1').getKeys()).toEqual(['a', 'b:c']);
  });

  it('lists all of more keys than a page has, each once, in order', async () => {
    const { storage, store } = await start();
    const names = Array.from({ length: 2_500 }, (_, i) => `k${String(i).padStart(4, '0')}`);
    await store.write(names.map((name) => put(`app/deep/${name}`, '1')));
    expect(await storage.getKeys()).toEqual(names.map((name) => `deep:${name}`));
  });

  it('comes to the very items that it lists, whatever is in their names', async () => {
    const { storage } = await start();
    const names = ['%', 'a b', 'a%2Fb', '"', '#', '+', '&=', '[0]', '日本', '.hidden', '_ts', 'a.json'];
    for (const name of names) await storage.setItem(name, `text of ${name}`);
    const keys = await storage.getKeys();
    expect(sorted(keys)).toEqual(sorted(names));
    for (const key of keys) expect(await storage.getItem(key)).toBe(`text of ${key}`);
  });

  it('is not told of paths that have no name in unstorage, and clears them all the same', async () => {
    const { storage, store } = await start();
    await store.write(['app/a:b', 'app/c?d', 'app/e\\f', 'app/g'].map((path) => put(path, '1')));
    expect(await storage.getKeys()).toEqual(['g']);
    await storage.clear();
    expect((await store.list(undefined, { entriesMax: 10 })).entries).toEqual([]);
  });

  it('removes an item', async () => {
    const { storage } = await start();
    await storage.setItem('a:b', 'text');
    await storage.removeItem('a:b');
    expect(await storage.hasItem('a:b')).toBe(false);
  });

  it('gets a 404 for the removal of what is not there, and none where it prefers lenient handling', async () => {
    const { storage, open } = await start();
    await expect(storage.removeItem('none')).rejects.toMatchObject({ status: 404 });
    const lenient = open('app', { ...asText, prefer: 'respond-async, handling=lenient' });
    await lenient.removeItem('none');
    await lenient.setItem('a', 'text');
    await lenient.removeItem('a', { removeMeta: true });
    expect(await lenient.hasItem('a')).toBe(false);
  });

  it('clears what is below its base, or a part of it, and nothing else', async () => {
    const { storage, open, server } = await start();
    const other = open('other');
    await other.setItem('x', '1');
    for (const key of ['s1:a', 's1:b:c', 's10:a', 'top']) await storage.setItem(key, 'text');
    // A storage asks for this only where something is mounted there.
    await httpDriver({ base: `http://127.0.0.1:${server.port}/kv/app` }).clear?.('s1', {});
    expect(await storage.getKeys()).toEqual(['s10:a', 'top']);
    await storage.clear();
    await storage.clear();
    expect(await storage.getKeys()).toEqual([]);
    expect(await other.getKeys()).toEqual(['x']);
  });

  it('may be mounted beside others', async () => {
    const { open, server } = await start();
    const storage = createStorage();
    const base = `http://127.0.0.1:${server.port}/kv/app`;
    storage.mount('remote', httpDriver({ base, headers: asText }));
    await storage.setItem('remote:a:b', 'there');
    await storage.setItem('local', 'here');
    expect(sorted(await storage.getKeys())).toEqual(['local', 'remote:a:b']);
    expect(await storage.getKeys('remote:a')).toEqual(['remote:a:b']);
    expect(await open('app').getItem('a:b')).toBe('there');
  });

  it.each([
    ['several segments', 'apps/web', 'apps/web'],
    ['several segments, with slashes around', 'apps/web/', '/apps/web/'],
    ['what needs an encoding', 'apps/w%20b', 'apps/w%20b'],
    ['no segment', '', '/'],
  ])('has a base of %s where the header KVS-Base names it', async (_, base, named) => {
    const { storage, open } = await start(base, { ...asText, 'kvs-base': named });
    await storage.setItem('s1:a', 'text');
    expect(await storage.getKeys()).toEqual(['s1:a']);
    expect(await storage.getKeys('s1')).toEqual(['s1:a']);
    const encoded = base.replace(/\/$/, '');
    expect(await open(`${encoded === '' ? '' : `${encoded}/`}s1`).getItem('a')).toBe('text');
  });
});

describe('GET /kv/{base}/:', () => {
  it.each([
    ['is not what the path begins with', 'apps/we'],
    ['is no path', 'apps//web'],
  ])('is a 400 where KVS-Base %s', async (_, named) => {
    const { server } = await start();
    const answer = await rawRequest(server.port, 'GET /kv/apps/web/:', [`KVS-Base: ${named}`]);
    expect(answer).toMatchObject({ status: 400, code: 'KVS_BAD_REQUEST' });
  });

  it('is a JSON array, and a HEAD of it has no body', async () => {
    const { server, storage } = await start();
    await storage.setItem('a:b', 'text');
    const answer = await rawRequest(server.port, 'GET /kv/app/:');
    expect(answer.head).toMatch(/^Content-Type: application\/json$/m);
    expect(answer.body).toContain('["a:b"]');
    expect(await rawRequest(server.port, 'GET /kv/:')).toMatchObject({
      body: expect.stringContaining('["app:a:b"]') as string,
    });
    expect(await rawRequest(server.port, 'HEAD /kv/app/:')).toMatchObject({ status: 200, body: '' });
  });

  it('is a list of no value: none can be put there', async () => {
    const { server } = await start();
    const answer = await rawRequest(server.port, 'PUT /kv/app/:', ['Content-Length: 1'], '1');
    expect(answer).toMatchObject({ status: 400, code: 'KVS_BAD_PATH' });
    expect(await rawRequest(server.port, 'GET /kv/../:')).toMatchObject({ code: 'KVS_BAD_PATH' });
  });

  it('breaks off, and is not taken for whole, where the store fails on the way', async () => {
    const { storage, store } = await start();
    await store.write(Array.from({ length: 1_001 }, (_, i) => put(`app/${i}`, '1')));
    const list = store.list.bind(store);
    let calls = 0;
    vi.spyOn(store, 'list').mockImplementation(async (...call) => {
      if (++calls % 2 === 0) throw new KvsError('KVS_STORAGE_FAILED', 'The disk is gone');
      return list(...call);
    });
    await expect(storage.getKeys()).rejects.toThrow(/\/kv\/app\/:|terminated/);
    expect(calls).toBeGreaterThan(1);
  });
});

describe('DELETE /kv/{base}/:', () => {
  it('says how many it deleted, and is refused by a node that takes no writes', async () => {
    const { server, storage, node } = await start();
    await storage.setItem('a:b', 'text');
    node.mode = 'read-only';
    expect(await rawRequest(server.port, 'DELETE /kv/app/:')).toMatchObject({ code: 'KVS_READ_ONLY' });
    node.mode = 'normal';
    expect(await rawRequest(server.port, 'DELETE /kv/app/:')).toMatchObject({ body: '{"deleted":1}' });
  });
});
