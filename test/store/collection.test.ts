import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import type { CollectResult, WriteRequest } from '../../src/core/ports.ts';
import type { Level } from '../../src/store/level.ts';
import type { OpenVersionStore } from '../../src/store/version-store.ts';
import { del, hourMs, openTestStore, path, put, text } from './harness.ts';

/** A level whose batches can be held up. */
class GatedLevel extends MemoryLevel<Uint8Array, Uint8Array> {
  gate: Promise<void> | undefined;
  batches = 0;

  constructor() {
    super({ storeEncoding: 'view' });
  }

  // oxlint-disable-next-line typescript/no-explicit-any
  async _batch(...args: any[]): Promise<void> {
    this.batches++;
    await this.gate;
    // @ts-expect-error: the private method of the base class has no type
    return super._batch(...args);
  }
}

/** Collects a retired tombstone of `k` that all claim, while a write of `k` is on its way to the disk. */
async function collectWhileWriting(
  requests: readonly WriteRequest[],
): Promise<{ readonly store: OpenVersionStore; readonly result: CollectResult }> {
  const level = new GatedLevel();
  const { store, clock } = await openTestStore(level as unknown as Level);
  await store.write([put('k', 'old'), del('k')]);
  clock.ms += 25 * hourMs;
  expect(await store.collect(0)).toEqual({ retired: 1, removed: 0, held: 1 });
  const { batches } = level;
  let open = (): void => undefined;
  level.gate = new Promise((resolve) => (open = resolve));
  const written = store.write(requests);
  while (level.batches === batches) await new Promise(setImmediate);
  // More is claimed than there is, so that nothing but its age can save what is written.
  const collected = store.collect(Number.MAX_SAFE_INTEGER);
  while (store.stats().pendingWrites === 0) await new Promise(setImmediate);
  open();
  await written;
  return { store, result: await collected };
}

describe('a collection that finds something else in the place of a retired tombstone', () => {
  it('leaves a value', async () => {
    const { store, result } = await collectWhileWriting([put('k', 'new')]);
    expect(result).toEqual({ retired: 0, removed: 0, held: 1 });
    expect(text(await store.get(path('k')))).toBe('new');
    await store.close();
  });

  it('leaves a tombstone that is not retired yet', async () => {
    const { store, result } = await collectWhileWriting([put('k', 'new'), del('k')]);
    expect(result).toEqual({ retired: 0, removed: 0, held: 1 });
    expect(await store.get(path('k'))).toMatchObject({ deleted: true, retired: false });
    await store.close();
  });
});
