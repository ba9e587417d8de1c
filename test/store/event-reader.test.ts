import fc from 'fast-check';
import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import type { EventPage, EventPosition } from '../../src/core/key-events.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import { limits } from '../../src/core/limits.ts';
import type { Level } from '../../src/store/level.ts';
import type { OpenVersionStore } from '../../src/store/version-store.ts';
import { del, memoryLevel, openTestStore, put } from './harness.ts';

const everything = () => true;

function positionOf(store: OpenVersionStore, expiredMs: number): EventPosition {
  return { sequence: store.sequence, entries: 0, expiredMs, expiredPath: undefined };
}

async function pageOf(
  store: OpenVersionStore,
  ...between: Parameters<OpenVersionStore['eventsAfter']>
): Promise<EventPage> {
  const page = await store.eventsAfter(...between);
  if (page === null) throw new Error('The log does not reach back');
  return page;
}

/** All events between two positions, page by page. */
async function allBetween(
  store: OpenVersionStore,
  from: EventPosition,
  until: EventPosition,
  selects: (path: KeyPath) => boolean = everything,
): Promise<{ readonly told: string[]; readonly pages: EventPage[] }> {
  const pages: EventPage[] = [];
  let position = from;
  for (;;) {
    const page = await pageOf(store, position, until, selects);
    pages.push(page);
    if (page.position === position) break;
    ({ position } = page);
  }
  expect(position).toEqual(until);
  const told = pages.flatMap(({ events }) => events.map(({ event }) => `${event.kind} ${event.path}`));
  return { told, pages };
}

describe('Events after a position', () => {
  it('come in the order of the commits, each key with the version that stands', async () => {
    const { store, clock } = await openTestStore(memoryLevel());
    const from = positionOf(store, clock.ms);
    await store.write([put('a', '1'), put('b', '1'), put('c', '1')]);
    await store.write([put('a', '2'), del('b')]);
    await store.write([put('b/c', '1')]);
    const { told } = await allBetween(store, from, positionOf(store, clock.ms));
    expect(told).toEqual(['put c', 'put a', 'delete b', 'put b/c']);
    await store.close();
  });

  it('have so many bytes on a page, and the event that exceeds them', async () => {
    const { store, clock } = await openTestStore(memoryLevel());
    const from = positionOf(store, clock.ms);
    const value = JSON.stringify('x'.repeat(limits.watchPageBytesMax / 8));
    for (let i = 0; i < 40; i++) await store.write([put(`k${i}`, value)]);
    await store.write([put('large', JSON.stringify('x'.repeat(3 * limits.watchPageBytesMax)))]);
    const until = positionOf(store, clock.ms);
    const { told, pages } = await allBetween(store, from, until);
    expect(told).toHaveLength(41);
    for (const { events } of pages) {
      const bytes = events
        .slice(0, -1)
        .map(({ event }) => (event.kind === 'put' ? event.version.data.length : 0));
      expect(bytes.reduce((sum, one) => sum + one, 0)).toBeLessThan(limits.watchPageBytesMax);
    }
    await store.close();
  });

  it('are looked for in so many entries of the log at a time, however few are wanted', async () => {
    const { store, clock } = await openTestStore(memoryLevel());
    const from = positionOf(store, clock.ms);
    for (let i = 0; i < 50; i++)
      await store.write(Array.from({ length: 100 }, (_, k) => put(`k${i}-${k}`, '1')));
    await store.write([put('wanted', '1')]);
    const until = positionOf(store, clock.ms);
    const { told, pages } = await allBetween(store, from, until, (path) => path === 'wanted');
    expect(told).toEqual(['put wanted']);
    expect(pages.length).toBeGreaterThan(3);
    await store.close();
  });

  it('are read with so many versions at one time', async () => {
    const asked: number[] = [];
    class CountingLevel extends MemoryLevel<Uint8Array, Uint8Array> {
      // oxlint-disable-next-line typescript/no-explicit-any
      async _getMany(keys: Uint8Array[], options: any): Promise<any> {
        asked.push(keys.length);
        // @ts-expect-error: the private method of the base class has no type
        return super._getMany(keys, options);
      }
    }
    const level = new CountingLevel({ storeEncoding: 'view' }) as unknown as Level;
    const { store, clock } = await openTestStore(level, { cacheBytes: 1 });
    const from = positionOf(store, clock.ms);
    await store.write(Array.from({ length: 200 }, (_, k) => put(`k${k}`, '1')));
    asked.length = 0;
    await allBetween(store, from, positionOf(store, clock.ms));
    expect(Math.max(...asked)).toBe(16);
    await store.close();
  });

  it('wait for a commit under way that has replaced a version on the disk, but may come to nothing', async () => {
    const levelOf = () => {
      let hold: Promise<void> | undefined;
      class HeldLevel extends MemoryLevel<Uint8Array, Uint8Array> {
        // oxlint-disable-next-line typescript/no-explicit-any
        async _batch(...args: any[]): Promise<void> {
          // @ts-expect-error: the private method of the base class has no type
          await super._batch(...args);
          await hold;
        }
      }
      return {
        level: new HeldLevel({ storeEncoding: 'view' }) as unknown as Level,
        hold: (until: Promise<void> | undefined) => {
          hold = until;
        },
      };
    };
    const { level, hold } = levelOf();
    const { store, clock } = await openTestStore(level, { cacheBytes: 1 });
    const from = positionOf(store, clock.ms);
    await store.write([put('a', '1'), put('b', '1')]);
    const until = positionOf(store, clock.ms);
    let release = (): void => undefined;
    hold(new Promise((resolve) => (release = resolve)));
    const writing = store.write([put('b', '2')]);
    let stuck: EventPage;
    do stuck = await pageOf(store, from, until, everything);
    while (stuck.events.length > 1);
    expect(stuck.events.map(({ event }) => event.path)).toEqual(['a']);
    expect(await store.eventsAfter(stuck.position, until, everything)).toEqual({
      events: [],
      position: stuck.position,
    });
    release();
    hold(undefined);
    await writing;
    const { told } = await allBetween(store, stuck.position, positionOf(store, clock.ms));
    expect(told).toEqual(['put b']);
    await store.close();
  });

  it('tell of an expiry once, to whoever has heard of its commit and to whoever has not', async () => {
    const { store, clock } = await openTestStore(memoryLevel());
    const from = positionOf(store, clock.ms);
    await store.write([put('a', '1', clock.ms + 1)]);
    clock.ms += 1;
    // The instant is told before the commit is.
    const early = { ...from, expiredMs: clock.ms };
    expect((await allBetween(store, from, early)).told).toEqual([]);
    const until = positionOf(store, clock.ms);
    expect((await allBetween(store, early, until)).told).toEqual(['expire a']);
    expect((await allBetween(store, from, until)).told).toEqual(['put a', 'expire a']);
    await store.close();
  });

  it('are of the right key also when another one is not wanted any more while they are read', async () => {
    const { store, clock } = await openTestStore(memoryLevel());
    const from = positionOf(store, clock.ms);
    await store.write([put('a', '1', clock.ms + 1), put('b', '1', clock.ms + 1)]);
    clock.ms += 1;
    const leaving = () => {
      let asked = 0;
      return (path: KeyPath) => path !== 'a' || ++asked === 1;
    };
    const until = positionOf(store, clock.ms);
    const committed = { ...until, expiredMs: from.expiredMs };
    const uuid = (await store.get('b' as KeyPath))?.uuid;
    const puts = await pageOf(store, from, until, leaving());
    const expiries = await pageOf(store, committed, until, leaving());
    const told = [...puts.events, ...expiries.events].map(({ event }) => event);
    const ofB = told.filter(({ path }) => path === 'b');
    expect(ofB.map((event) => (event.kind === 'put' ? event.version.uuid : event.uuid))).toEqual([
      uuid,
      uuid,
    ]);
    await store.close();
  });

  it('tell of thousands that expired at one instant, page by page', async () => {
    const { store, clock } = await openTestStore(memoryLevel());
    const soon = clock.ms + 1_000;
    const keys = Array.from({ length: 2_500 }, (_, i) => `k${String(i).padStart(4, '0')}`);
    await store.write(keys.map((key) => put(key, '1', soon)));
    const from = positionOf(store, clock.ms);
    clock.ms = soon;
    expect(await store.nextDeathAfter(from.expiredMs)).toBe(soon);
    expect(await store.nextDeathAfter(soon)).toBeUndefined();
    const { told } = await allBetween(store, from, positionOf(store, soon));
    expect(told).toEqual(keys.map((key) => `expire ${key}`));
    await store.close();
  });
});

describe('Whoever goes on from any position, as often as may be', () => {
  const key = fc.constantFrom('a', 'b', 'a/b', 'a-b', '\uffee', '\u{1f600}');
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('put' as const),
      keys: fc.array(key, { minLength: 1, maxLength: 4 }),
      ttl: fc.option(fc.integer({ min: 0, max: 3 })),
    }),
    fc.record({ kind: fc.constant('delete' as const), keys: fc.array(key, { minLength: 1, maxLength: 2 }) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ kind: fc.constant('read' as const), events: fc.integer({ min: 0, max: 3 }) }),
  );

  it('knows at the end what is there and what is not, and was told no version twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { store, clock } = await openTestStore(memoryLevel());
        const reader = new ModelReader(store, positionOf(store, clock.ms));
        for (const one of steps) {
          if (one.kind === 'pass') clock.ms += one.ms;
          else if (one.kind === 'read') await reader.read(clock.ms, one.events);
          else if (one.kind === 'delete') await store.write(one.keys.map((name) => del(name)));
          else {
            const expiresAt = one.ttl === null ? undefined : clock.ms + one.ttl;
            await store.write(one.keys.map((name) => put(name, '1', expiresAt)));
          }
        }
        await reader.read(clock.ms, Infinity);
        for (const [name, uuid] of Object.entries(reader.alive)) {
          const version = await store.get(name as KeyPath);
          expect([name, version?.uuid]).toEqual([name, uuid]);
        }
        for (const { path } of await store.newest(1_000)) {
          const version = await store.get(path);
          const isAlive = version?.deleted === false && (version.expiresAt ?? Infinity) > clock.ms;
          expect([path, reader.alive[path]]).toEqual([path, isAlive ? version.uuid : undefined]);
        }
        await store.close();
      }),
      { numRuns: 300 },
    );
  });
});

/** Reads so many events and forgets all but the position that the last one had. */
class ModelReader {
  readonly alive: Record<string, string> = {};
  readonly #told = new Set<string>();
  readonly #store: OpenVersionStore;
  #position: EventPosition;

  constructor(store: OpenVersionStore, position: EventPosition) {
    this.#store = store;
    this.#position = position;
  }

  async read(nowMs: number, eventsMax: number): Promise<void> {
    const until = positionOf(this.#store, nowMs);
    let left = eventsMax;
    for (;;) {
      const page = await pageOf(this.#store, this.#position, until, everything);
      const isEnd = page.position === this.#position;
      for (const { event, after } of page.events) {
        if (left-- <= 0) return;
        this.#position = after;
        const uuid = event.kind === 'put' ? event.version.uuid : event.uuid;
        const name = `${event.kind} ${uuid}`;
        expect(this.#told.has(name)).toBe(false);
        this.#told.add(name);
        if (event.kind === 'put') this.alive[event.path] = uuid;
        else delete this.alive[event.path];
      }
      if (isEnd) return;
      this.#position = page.position;
    }
  }
}
