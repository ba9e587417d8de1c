import { Keyv, type KeyvOptions, type KeyvStoreAdapter } from 'keyv';
import { describe, expect, it } from 'vitest';
import { KvsClient } from '../../src/client/kvs-client.ts';
import { KeyvStore, type KeyvStoreOptions } from '../../src/drivers/keyv-store.ts';
import { startApp, type StartedApp } from '../http/harness.ts';

interface Started extends Omit<StartedApp, 'store'> {
  readonly client: KvsClient;
  readonly store: KeyvStore;
}

async function start(options: KeyvStoreOptions = {}): Promise<Started> {
  const started = await startApp({ maxValueBytes: 100_000 });
  const client = new KvsClient(`http://127.0.0.1:${started.server.port}`, { retries: 0 });
  return { ...started, client, store: new KeyvStore(client, options) };
}

async function all(entries: AsyncIterable<unknown> | undefined): Promise<unknown[]> {
  const got: unknown[] = [];
  for await (const entry of entries ?? []) got.push(entry);
  return got;
}

/** A Keyv that says what goes wrong. */
const keyvOf = (store: KeyvStore, options: KeyvOptions = {}) =>
  new Keyv(store, { throwOnErrors: true, ...options });

describe('a store of Keyv', () => {
  it('is what Keyv takes for one', async () => {
    const adapter: KeyvStoreAdapter = (await start()).store;
    expect(new Keyv(adapter).store).toBe(adapter);
  });

  it('keeps a value where its key says, below the base, with a directory for the namespace', async () => {
    const { client, store } = await start({ base: 'apps/web' });
    await keyvOf(store, { namespace: 'users' }).set('ann', { age: 30 });
    const entry = await client.getBytes('apps/web/users/ann');
    expect(entry?.contentType).toBe('text/plain;charset=UTF-8');
    expect(JSON.parse(new TextDecoder().decode(entry?.value))).toEqual({ value: { age: 30 } });
  });

  it('keeps keys of any characters apart', async () => {
    const { store } = await start();
    const keyv = keyvOf(store, { namespace: 'n' });
    const keys = [
      'a/b',
      'a:b',
      'a~002fb',
      '',
      ':',
      '.',
      '..',
      'a b',
      '%2F',
      '?',
      '#',
      'ü',
      '\0',
      '\ud800',
      'n:a',
    ];
    for (const key of keys) await keyv.set(key, `value of ${key}`);
    for (const key of keys) expect(await keyv.get(key)).toBe(`value of ${key}`);
    const listed = (await all(keyv.iterator?.(undefined))) as [string, string][];
    expect(new Set(listed.map(([, value]) => value))).toEqual(new Set(keys.map((key) => `value of ${key}`)));
  });

  it('reads, writes, finds and deletes many keys with one request', async () => {
    const { store } = await start();
    const keyv = keyvOf(store);
    const entries = Array.from({ length: 300 }, (_, i) => ({ key: `k${i}`, value: { i } }));
    expect(await keyv.setMany(entries)).toEqual(entries.map(() => true));
    expect(await keyv.getMany(['k0', 'none', 'k299'])).toEqual([{ i: 0 }, undefined, { i: 299 }]);
    expect(await keyv.has(['k0', 'none'])).toEqual([true, false]);
    expect(await keyv.delete(['k0', 'none'])).toBe(true);
    expect(await keyv.delete(['k0', 'none'])).toBe(false);
    expect(await all(keyv.iterator?.(undefined))).toHaveLength(299);
    expect([await store.getMany([]), await store.deleteMany([])]).toEqual([[], false]);
    await store.setMany([]);
  });

  it('lets values end at the node, to the ms', async () => {
    const { client, clock, store } = await start();
    await store.set('n:a', 'text', 1_500);
    await store.setMany([
      { key: 'n:b', value: 'text', ttl: 0.5 },
      { key: 'n:c', value: 'text' },
    ]);
    expect((await client.has('keyv/n/a'))?.expiresAt).toBe(clock.ms + 1_500);
    expect((await client.has('keyv/n/b'))?.expiresAt).toBe(clock.ms + 1);
    expect((await client.has('keyv/n/c'))?.expiresAt).toBeUndefined();
    clock.ms += 1_500;
    expect(await store.getMany(['n:a', 'n:b', 'n:c'])).toEqual([undefined, undefined, 'text']);
  });

  it('keeps nothing whose time is over already', async () => {
    const { store } = await start();
    await store.set('a', 'text');
    await store.set('a', 'text', -1);
    await store.set('b', 'text');
    await store.setMany([{ key: 'b', value: 'text', ttl: 0 }]);
    expect(await store.hasMany(['a', 'b'])).toEqual([false, false]);
  });

  it('keeps text to the last character, and bytes as bytes', async () => {
    const { store } = await start();
    const values = ['\ufefftext', '9007199254740993', '', Uint8Array.of(0, 255, 10), new Uint8Array(0)];
    for (const [i, value] of values.entries()) await store.set(`k:${i}`, value);
    const keys = values.map((_, i) => `k:${i}`);
    expect(await Promise.all(keys.map((key) => store.get(key)))).toEqual(values);
    expect(await store.getMany(keys)).toEqual(values);
    expect(await all(store.iterator('k'))).toEqual(keys.map((key, i) => [key, values[i]]));
  });

  it('refuses a value that nobody has serialized', async () => {
    const { store } = await start();
    const keyv = keyvOf(store, { serialize: undefined } as unknown as KeyvOptions);
    await expect(keyv.set('a', { b: 1 })).rejects.toThrow(/serializer/);
    await expect(keyv.setMany([{ key: 'a', value: { b: 1 } }])).rejects.toThrow(/serializer/);
  });

  it('reads what others have written as JSON, with all its digits', async () => {
    const { client, store } = await start();
    const text = '{"value":9007199254740993}';
    await client.putBytes('keyv/n/a', text, { contentType: 'application/json' });
    expect(await store.get('n:a')).toBe(text);
    expect(await store.getMany(['n:a'])).toEqual([text]);
    expect(await all(store.iterator('n'))).toEqual([['n:a', text]]);
  });

  it('lists no path that no key has', async () => {
    const { client, store } = await start();
    await client.putBytes('keyv/n/a~b', 'x');
    await store.set('n:b', 'text');
    expect(await all(store.iterator())).toEqual([['n:b', 'text']]);
  });

  it('clears a namespace and no other, one in another too; and everything without a namespace', async () => {
    const { client, store } = await start();
    for (const key of ['a:x', 'a:b:x', 'ab:x', 'a']) await store.set(key, 'text');
    await client.put('other', 1);
    store.namespace = 'a:b';
    await store.clear();
    expect(await store.hasMany(['a:x', 'a:b:x', 'ab:x', 'a'])).toEqual([true, false, true, true]);
    store.namespace = 'a';
    await store.clear();
    expect(await store.hasMany(['a:x', 'ab:x', 'a'])).toEqual([false, true, true]);
    store.namespace = undefined;
    await store.clear();
    expect(await all(client.list('', { recursive: true }))).toMatchObject([{ path: 'other' }]);
  });

  it('iterates over more than a page, of one namespace', async () => {
    const { store } = await start();
    const keyv = keyvOf(store, { namespace: 'n' });
    await store.set('m:x', 'text');
    await keyv.setMany(Array.from({ length: 1_200 }, (_, i) => ({ key: String(i), value: i })));
    const values = (await all(keyv.iterator?.(undefined))) as [string, number][];
    expect(values.map(([key]) => Number(key)).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 1_200 }, (_, i) => i),
    );
    expect(values.every(([key, value]) => key === String(value))).toBe(true);
  });

  it('tells of every failure by the event error, also where Keyv throws nothing', async () => {
    const { server, node, store } = await start();
    const errors: unknown[] = [];
    const keyv = new Keyv(store);
    keyv.on('error', (error) => errors.push(error));
    node.mode = 'read-only';
    expect(await keyv.set('a', 1)).toBe(false);
    expect(await keyv.setMany([{ key: 'a', value: 1 }])).toEqual([false]);
    expect(await keyv.delete('a')).toBe(false);
    await keyv.clear();
    expect(errors).toMatchObject(Array.from({ length: 4 }, () => ({ code: 'KVS_READ_ONLY' })));
    await server.close(0);
    expect(await keyv.get('a')).toBeUndefined();
    expect(errors[4]).toMatchObject({ code: 'KVS_UNREACHABLE' });
  });

  it('tells which of many writes failed, when all have been tried', async () => {
    const { store } = await start();
    const entries = ['x'.repeat(2_000), 'b', 'y'.repeat(2_000)].map((key) => ({ key, value: 'text' }));
    await expect(store.setMany(entries)).rejects.toMatchObject({
      code: 'KVS_BAD_PATH',
      message: expect.stringMatching(/^keyv\/x.*and 1 more failed$/) as string,
    });
    expect(await store.get('b')).toBe('text');
    await expect(store.getMany(['x'.repeat(2_000)])).rejects.toMatchObject({ code: 'KVS_BAD_PATH' });
  });

  it.each(['', '/a', 'a//b', 'a/'])('is not made with %j as its base', (base) => {
    expect(() => new KeyvStore(new KvsClient('http://127.0.0.1:1'), { base })).toThrow(TypeError);
  });
});
