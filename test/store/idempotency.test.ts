import { expect, it, onTestFinished, vi } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import type { WriteRequest } from '../../src/core/ports.ts';
import { idempotencyRange } from '../../src/store/keyspace.ts';
import type { asBytes, Level } from '../../src/store/level.ts';
import { FixedClock, memoryLevel, openTestStore, path, put, text } from './harness.ts';

/** The same code with so few entries that the bound is met with few writes. */
vi.mock('../../src/core/limits.ts', async (original) => {
  const module = await original<{ limits: Record<string, number> }>();
  return { ...module, limits: { ...module.limits, idempotencyEntriesMax: 3 } };
});

async function open(level: Level = memoryLevel(), clock = new FixedClock()) {
  const { store } = await openTestStore(level, { clock });
  let isOpen = true;
  const close = async () => {
    if (isOpen) await store.close();
    isOpen = false;
  };
  onTestFinished(close);
  return { store, level, clock, close };
}

const once = (key: string, value: string, idempotencyKey: string): WriteRequest => ({
  kind: 'put',
  path: path(key),
  contentType: 'application/json',
  data: Buffer.from(value),
  idempotency: { key: idempotencyKey, fingerprint: Buffer.alloc(32, value) },
});

async function entriesIn(level: Level): Promise<number> {
  return (await level.keys<Uint8Array>({ keyEncoding: 'view', ...idempotencyRange }).all()).length;
}

it('is remembered across a restart', async () => {
  const before = await open();
  const [first] = await before.store.write([once('k', '1', 'a')]);
  await before.store.write([put('k', '2')]);
  await before.close();
  const { store } = await open(before.level, before.clock);
  const version = first !== undefined && 'version' in first ? first.version : undefined;
  expect(await store.write([once('k', '1', 'a'), once('k', '3', 'a')])).toMatchObject([
    {
      outcome: 'repeated',
      first: { outcome: 'created', uuid: version?.uuid, timestamp: version?.timestamp },
    },
    { outcome: 'mismatched' },
  ]);
  expect(text(await store.get(path('k')))).toBe('2');
});

it('is written in the same batch as the write that it is about', async () => {
  const { store, level } = await open();
  const batches: number[] = [];
  const { batch } = level;
  Object.assign(level, {
    batch: (operations: { key: Uint8Array }[], options: typeof asBytes) => {
      batches.push(operations.filter(({ key }) => key[0] === idempotencyRange.gte[0]).length);
      return Reflect.apply(batch, level, [operations, options]) as Promise<void>;
    },
  });
  await store.write([once('k', '1', 'a')]);
  expect(batches).toEqual([1]);
});

it('is not remembered when the write failed, nor is what it would have displaced forgotten', async () => {
  const { store, level } = await open();
  await store.write(['a', 'b', 'c'].map((key) => once('k', '1', key)));
  const { batch } = level;
  Object.assign(level, {
    batch: async () => {
      Object.assign(level, { batch });
      throw new KvsError('KVS_STORAGE_FULL', 'No space is left');
    },
  });
  await expect(store.write([once('k', '2', 'd')])).rejects.toThrow('No space is left');
  expect(await entriesIn(level)).toBe(3);
  const results = await store.write(['a', 'd'].map((key) => once('k', key === 'a' ? '1' : '2', key)));
  expect(results.map(({ outcome }) => outcome)).toEqual(['repeated', 'replaced']);
});

it('is decided in the order of the writes of one call', async () => {
  const { store } = await open();
  const results = await store.write([once('k', '1', 'a'), put('k', '2'), once('k', '1', 'a')]);
  expect(results.map(({ outcome }) => outcome)).toEqual(['created', 'replaced', 'repeated']);
  expect(text(await store.get(path('k')))).toBe('2');
});

it('is forgotten after its time', async () => {
  const { store, level, clock } = await open();
  await store.write([once('k', '1', 'a')]);
  clock.ms += limits.idempotencyMs - 1;
  expect(await store.write([once('k', '1', 'a')])).toMatchObject([{ outcome: 'repeated' }]);
  clock.ms += 1;
  expect(await store.write([once('k', '2', 'a')])).toMatchObject([{ outcome: 'replaced' }]);
  clock.ms += limits.idempotencyMs;
  await store.write([once('k', '3', 'b')]);
  expect(await entriesIn(level)).toBe(1);
});

it('gives its place to a newer one when there are too many, also after a restart', async () => {
  const before = await open();
  for (const key of ['c', 'b', 'a']) {
    before.clock.ms++;
    await before.store.write([once('k', '1', key)]);
  }
  await before.close();
  const { store, level } = await open(before.level, before.clock);
  await store.write([once('k', '1', 'd')]);
  expect(await entriesIn(level)).toBe(limits.idempotencyEntriesMax);
  const results = await store.write(['b', 'a', 'd', 'c'].map((key) => once('k', '1', key)));
  expect(results.map(({ outcome }) => outcome)).toEqual(['repeated', 'repeated', 'repeated', 'replaced']);
});
