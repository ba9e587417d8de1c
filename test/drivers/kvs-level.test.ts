import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { KvsClient } from '../../src/client/kvs-client.ts';
import { limits } from '../../src/core/limits.ts';
import { KvsLevel } from '../../src/drivers/kvs-level.ts';
import { startApp, type StartedApp } from '../http/harness.ts';

interface Started extends StartedApp {
  readonly client: KvsClient;
  readonly level: KvsLevel<Uint8Array, Uint8Array>;
}

const asBytes = { keyEncoding: 'view', valueEncoding: 'view' } as const;

async function start(base = 'level'): Promise<Started> {
  const started = await startApp({ maxValueBytes: 1_048_576 });
  const client = new KvsClient(`http://127.0.0.1:${started.server.port}`, { retries: 0 });
  return { ...started, client, level: new KvsLevel(client, base, asBytes) };
}

const bytes = (...values: number[]) => Uint8Array.from(values);
const value = bytes(7);
const compare = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b);
const put = (key: Uint8Array) => ({ type: 'put', key, value }) as const;

describe('a level in a cluster', () => {
  it('keeps each entry as a value below its base', async () => {
    const { client } = await start();
    const level = new KvsLevel(client, 'apps/shop');
    await level.put('a', 'text');
    const [entry] = (await client.page('apps/shop', { recursive: true, values: true })).entries;
    expect(entry).toMatchObject({ path: 'apps/shop/NF', contentType: 'application/octet-stream' });
    expect(await level.get('a')).toBe('text');
    expect(await new KvsLevel(client, 'apps').get('shop/a')).toBeUndefined();
  });

  it('has its keys in order, in any range, direction and number, from wherever a reader goes', async () => {
    const { level } = await start();
    const key = fc.uint8Array({ maxLength: 2, max: 2 });
    const bounds = fc.record({ gt: key, gte: key, lt: key, lte: key }, { requiredKeys: [] });
    const keys: Uint8Array[] = [bytes()];
    for (let a = 0; a < 3; a++) {
      keys.push(bytes(a));
      for (let b = 0; b < 3; b += 2) keys.push(bytes(a, b));
    }
    await level.batch(keys.map(put));
    const order = keys.toSorted(compare);
    const isWithin = (
      key: Uint8Array,
      { gt, gte, lt, lte }: { [name in 'gt' | 'gte' | 'lt' | 'lte']?: Uint8Array },
    ) =>
      (gte === undefined ? gt === undefined || compare(key, gt) > 0 : compare(key, gte) >= 0) &&
      (lte === undefined ? lt === undefined || compare(key, lt) < 0 : compare(key, lte) <= 0);
    await fc.assert(
      fc.asyncProperty(
        bounds,
        fc.boolean(),
        fc.integer({ min: -1, max: 6 }),
        fc.option(key, { nil: undefined }),
        async (range, reverse, limit, target) => {
          const iterator = level.keys({ ...range, reverse, limit });
          if (target !== undefined) iterator.seek(target);
          const found = await iterator.all();
          const inOrder = reverse ? order.toReversed() : order;
          const isAhead = (key: Uint8Array) =>
            target === undefined ||
            (isWithin(target, range) && (reverse ? compare(key, target) <= 0 : compare(key, target) >= 0));
          const expected = inOrder.filter((key) => isWithin(key, range) && isAhead(key));
          expect(found).toEqual(limit < 0 ? expected : expected.slice(0, limit));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('reads more than a page, and clears as much, in parts and at once', async () => {
    const { level } = await start();
    const keyOf = (i: number) => bytes(i >> 8, i & 255);
    await level.batch(Array.from({ length: 2_500 }, (_, i) => put(keyOf(i))));
    expect((await level.keys().all()).length).toBe(2_500);
    expect((await level.keys({ reverse: true, limit: 1_500 }).all()).at(-1)).toEqual(keyOf(1_000));
    await level.clear({ gte: keyOf(100), lt: keyOf(2_400) });
    expect(await level.keys({ gte: keyOf(99), limit: 2 }).all()).toEqual([keyOf(99), keyOf(2_400)]);
    await level.clear({ reverse: true, limit: 50 });
    expect((await level.keys().all()).length).toBe(150);
    await level.clear();
    expect(await level.keys().all()).toEqual([]);
  });

  it('reads the values of a large page as the node gives them, a mebibyte at a time', async () => {
    const { level, client } = await start();
    const large = new Uint8Array(400_000).fill(1);
    for (let i = 0; i < 4; i++) await level.put(bytes(i), large);
    const page = vi.spyOn(client, 'page');
    expect((await level.values().all()).map(({ length }) => length)).toEqual([1, 1, 1, 1].map(() => 400_000));
    expect(page.mock.calls.length).toBeGreaterThan(1);
  });

  it('asks for no more than it is to give', async () => {
    const { level, client } = await start();
    await level.batch([0, 1, 2, 3].map((i) => put(bytes(i))));
    const page = vi.spyOn(client, 'page');
    expect(await level.keys({ gt: bytes(0), limit: 2 }).all()).toEqual([bytes(1), bytes(2)]);
    expect(page.mock.calls).toHaveLength(1);
    expect(page.mock.calls[0]?.[1]).toMatchObject({ limit: 2, values: false });
  });

  it('takes keys up to its longest, and finds no longer one', async () => {
    const { level, client } = await start();
    const max = level.keyBytesMax;
    // Two bytes for what a list begins at; six bits of a key in each of the others.
    expect(max).toBe(Math.floor(((limits.pathBytesMax - 'level'.length - 2) * 6) / 8));
    const [longest, beyond] = [new Uint8Array(max).fill(255), new Uint8Array(max + 1).fill(255)];
    await level.batch([put(longest), put(bytes(255))]);
    expect(await level.get(longest)).toEqual(value);
    expect(await level.getMany([beyond, longest, bytes(1), bytes(255)])).toEqual([
      undefined,
      value,
      undefined,
      value,
    ]);
    expect([await level.get(beyond), await level.has(beyond)]).toEqual([undefined, false]);
    for (const write of [level.put(beyond, value), level.batch([put(bytes(1)), put(beyond)])]) {
      await expect(write).rejects.toMatchObject({ code: 'LEVEL_INVALID_KEY' });
    }
    expect(await level.has(bytes(1))).toBe(false);
    for (const [range, found] of [
      [{ gt: longest }, []],
      [{ gte: beyond }, []],
      [{ gte: longest }, [longest]],
      [{ lt: beyond, reverse: true, limit: 1 }, [longest]],
      [{ lte: longest, reverse: true, limit: 1 }, [longest]],
      [{ lt: longest, reverse: true }, [bytes(255)]],
    ] as const) {
      expect(await level.keys(range).all()).toEqual(found);
    }
    expect(() => new KvsLevel(client, 'x'.repeat(1_021))).toThrow(/no room/);
  });

  it('keeps to its longest key also where a base is as long as it may be', async () => {
    const { client } = await start();
    const level = new KvsLevel<Uint8Array, Uint8Array>(client, 'x'.repeat(1_020), asBytes);
    expect(level.keyBytesMax).toBe(1);
    await level.batch([bytes(), bytes(0), bytes(255)].map(put));
    expect(await level.keys({ gt: bytes(0) }).all()).toEqual([bytes(255)]);
    expect(await level.keys({ lt: bytes(255, 0), reverse: true }).all()).toEqual([
      bytes(255),
      bytes(0),
      bytes(),
    ]);
  });

  it('passes over what others have put below its base, until it is cleared as a whole', async () => {
    const { level, client } = await start();
    await level.put(bytes(1), value);
    for (const name of ['no key', 'z', '0', '-'.repeat(1_018), '-F/below'])
      await client.put(`level/${name}`, 1);
    expect(await level.keys().all()).toEqual([bytes(1)]);
    expect(await level.keys({ reverse: true }).all()).toEqual([bytes(1)]);
    await level.clear({ gte: bytes() });
    expect(await client.count('level')).toBe(0);
  });

  it('reads as bytes what others have written as JSON', async () => {
    const { level, client } = await start();
    const text = '[9007199254740993]';
    await client.putBytes('level/-F', text, { contentType: 'application/json' });
    const [[key, found] = []] = await level.iterator().all();
    expect([key, await level.getMany([bytes(1)])]).toEqual([bytes(1), [found]]);
    expect(new TextDecoder().decode(found)).toBe(text);
  });

  it('says how many operations of a batch failed, when all have been tried', async () => {
    const { level } = await start();
    const large = new Uint8Array(1_100_000);
    const batch = level.batch([
      { type: 'put', key: bytes(1), value: large },
      put(bytes(2)),
      { type: 'put', key: bytes(3), value: large },
      { type: 'del', key: bytes(4) },
    ]);
    await expect(batch).rejects.toMatchObject({
      code: 'KVS_VALUE_TOO_LARGE',
      message: expect.stringMatching(/^level\/.*and 1 more failed$/) as string,
    });
    expect(await level.keys().all()).toEqual([bytes(2)]);
  });

  it('opens without a node, and fails as the client does', async () => {
    const { level, server } = await start();
    await server.close(0);
    await level.open();
    await expect(level.get(bytes(1))).rejects.toMatchObject({ code: 'KVS_UNREACHABLE' });
    await expect(level.keys().next()).rejects.toMatchObject({ code: 'KVS_UNREACHABLE' });
  });

  it.each(['', '/a', 'a//b', 'a/'])('is not made with %j as its base', (base) => {
    expect(() => new KvsLevel(new KvsClient('http://127.0.0.1:1'), base)).toThrow(TypeError);
  });
});
