import { describe, expect, it } from 'vitest';
import type { KeyPath } from '../../src/core/key-path.ts';
import { packEntries } from '../../src/core/leaf-entries.ts';
import { limits } from '../../src/core/limits.ts';
import { ChangedKeys } from '../../src/peers/changed-keys.ts';

const pathsFrom = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => `k${from + i}` as KeyPath);
const entriesOf = (paths: readonly KeyPath[]) =>
  packEntries(paths.map((path) => ({ path, timestamp: 1, counter: 0, uuid: '', votes: 0 })));

const emptyStore = {
  sequence: 0,
  changesSince: () => Promise.resolve([]),
  entriesOf: () => Promise.resolve({ paths: [], packed: new Uint8Array() }),
};
/** One that must not be asked for its changes. */
const silentStore = {
  ...emptyStore,
  changesSince: () => Promise.reject(new Error('the own changes are not even looked at')),
};

describe('changed keys', () => {
  it('are no more than are worth comparing one by one, however long a log goes on', async () => {
    const changedKeys = new ChangedKeys({
      store: silentStore,
      ask: async (since) => {
        const paths = pathsFrom(since, limits.commitWritesMax);
        return { paths, entries: entriesOf(paths), next: since + paths.length };
      },
      theirs: 0,
      own: 0,
    });
    let count = 0;
    for (let page = await changedKeys.next(); page !== null; page = await changedKeys.next()) {
      count += page.wanted.length;
    }
    expect(count).toBe(limits.changedKeysMax);
  });

  it('are looked for in a bounded number of rounds, and in no more after one that finds nothing', async () => {
    let paths = pathsFrom(0, 3);
    const changedKeys = new ChangedKeys({
      store: emptyStore,
      ask: async () => ({ paths, entries: entriesOf(paths), next: null }),
      theirs: 0,
      own: 0,
    });
    const read = async () => {
      let count = 0;
      while (changedKeys.isUnderWay) count += (await changedKeys.next())?.wanted.length ?? 0;
      return count;
    };
    const counts = [await read()];
    while (changedKeys.goOn(counts.length)) counts.push(await read());
    expect(counts).toEqual(Array(limits.changeRoundsMax).fill(3));

    const others = new ChangedKeys({
      store: emptyStore,
      ask: async () => ({ paths, entries: entriesOf(paths), next: null }),
      theirs: 0,
      own: 0,
    });
    while (others.isUnderWay) await others.next();
    paths = [];
    expect(others.goOn(3)).toBe(true);
    while (others.isUnderWay) await others.next();
    expect(others.goOn(3)).toBe(false);
  });

  it('are not asked for again and again where a peer stays at one place', async () => {
    const changedKeys = new ChangedKeys({
      store: emptyStore,
      ask: async () => ({ paths: [], entries: new Uint8Array(), next: 7 }),
      theirs: 0,
      own: 0,
    });
    await changedKeys.next();
    await expect(changedKeys.next()).rejects.toMatchObject({ code: 'KVS_PEER_FAILED' });
  });

  it.each([1, 2])(
    'end at page %i where the log of a peer does not reach back to it, the own ones too',
    async (gone) => {
      let pages = 0;
      const changedKeys = new ChangedKeys({
        store: silentStore,
        ask: async (since) => {
          if (++pages === gone) return null;
          const paths = pathsFrom(since, 3);
          return { paths, entries: entriesOf(paths), next: since + paths.length };
        },
        theirs: 7,
        own: 7,
      });
      for (let page = 1; page < gone; page++) expect((await changedKeys.next())?.wanted).toHaveLength(3);
      expect(await changedKeys.next()).toBeNull();
      expect(await changedKeys.next()).toBeNull();
      expect(pages).toBe(gone);
    },
  );
});
