import { expect, it, onTestFinished } from 'vitest';
import type { WriteRequest } from '../../src/core/ports.ts';
import { memoryLevel, openTestStore, path, put, text } from './harness.ts';

async function open() {
  const { store, clock } = await openTestStore(memoryLevel());
  onTestFinished(() => store.close());
  return { store, clock };
}

const only = (request: WriteRequest, ...uuids: string[]): WriteRequest => ({
  ...request,
  condition: { ifMatch: uuids },
});

it('decides a condition against what stands before it in the same commit', async () => {
  const { store } = await open();
  const absent = { ifNoneMatch: '*' } as const;
  const requests = ['1', '2', '3'].map((value) => ({ ...put('k', value), condition: absent }));
  const results = await store.write(requests);
  expect(results.map(({ outcome }) => outcome)).toEqual(['created', 'unmet', 'unmet']);
  expect(results[2]).toMatchObject({ current: { uuid: (await store.get(path('k')))?.uuid } });
  expect(text(await store.get(path('k')))).toBe('1');
  expect(store.stats().commitWrites).toBe(1);
});

it('lets one of two writers through who saw the same version', async () => {
  const { store } = await open();
  await store.write([put('k', '0')]);
  const seen = (await store.get(path('k')))?.uuid ?? '';
  const results = await Promise.all(['1', '2'].map((value) => store.write([only(put('k', value), seen)])));
  expect(results.flat().map(({ outcome }) => outcome)).toEqual(['replaced', 'unmet']);
  expect(text(await store.get(path('k')))).toBe('1');
});

it('takes an expired version for none', async () => {
  const { store, clock } = await open();
  await store.write([put('k', '0', clock.ms + 1)]);
  const seen = (await store.get(path('k')))?.uuid ?? '';
  clock.ms += 1;
  expect(await store.write([only(put('k', '1'), seen)])).toEqual([{ outcome: 'unmet', current: undefined }]);
  const [created] = await store.write([{ ...put('k', '1'), condition: { ifNoneMatch: [seen] } }]);
  expect(created?.outcome).toBe('created');
});

it('writes nothing and moves no sequence when no condition of a commit is met', async () => {
  const { store } = await open();
  await store.write([only(put('k', '1'), 'x'), only(put('l', '1'), 'x')]);
  expect([store.sequence, await store.get(path('k'))]).toEqual([0, undefined]);
});
