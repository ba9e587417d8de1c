import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventPage } from '../../src/core/key-events.ts';
import { limits } from '../../src/core/limits.ts';
import { KeyFeed } from '../../src/http/watch/key-feed.ts';
import type { WatchAnswer } from '../../src/http/watch/watcher.ts';
import type { OpenVersionStore } from '../../src/store/version-store.ts';
import {
  foreign,
  hourMs,
  memoryLevel,
  openTestStore,
  path,
  put,
  type StoreUnderTest,
} from '../store/harness.ts';

let under: StoreUnderTest;
let closing: AbortController;
/** What each read of the store waits for. */
let gate: Promise<void> | undefined;
let failure: Error | undefined;
/** Reads of the store: at this moment, the most at one time, and all. */
const reads = { now: 0, max: 0, all: 0 };

beforeEach(async () => {
  under = await openTestStore(memoryLevel());
  closing = new AbortController();
  [gate, failure] = [undefined, undefined];
  Object.assign(reads, { now: 0, max: 0, all: 0 });
});
afterEach(async () => {
  closing.abort();
  await under.store.close();
});

function openFeed(): KeyFeed {
  const { store, clock, logger } = under;
  const eventsAfter = async (...args: Parameters<OpenVersionStore['eventsAfter']>) => {
    reads.all++;
    reads.max = Math.max(reads.max, ++reads.now);
    let page: EventPage | null;
    try {
      await gate;
      if (failure !== undefined) throw failure;
      page = await store.eventsAfter(...args);
    } finally {
      reads.now--;
    }
    return page;
  };
  const gated = {
    storeId: store.storeId,
    get sequence() {
      return store.sequence;
    },
    onCommit: store.onCommit.bind(store),
    nextDeathAfter: store.nextDeathAfter.bind(store),
    eventsAfter,
  };
  return new KeyFeed({ store: gated, clock, logger, closing: closing.signal, heartbeatMs: 60_000 });
}

/** A reader that takes everything. */
class Taker {
  readonly told: string[] = [];
  lastId = '';
  isCut = false;
  #wake: () => void = () => undefined;

  constructor(feed: KeyFeed, lastId?: string, target = '') {
    const answer: WatchAnswer = {
      isFull: false,
      begin: (id) => (this.lastId = id),
      send: (events) => {
        for (const { json, id } of events) {
          const { event, path } = JSON.parse(json) as { event: string; path?: string };
          this.told.push(path === undefined ? event : `${event} ${path}`);
          this.lastId = id;
        }
        this.#wake();
      },
      beat: () => undefined,
      end: () => undefined,
      cut: () => {
        this.isCut = true;
        this.#wake();
      },
    };
    feed.open(target, lastId, () => answer);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

function makeGate(): () => void {
  let open = (): void => undefined;
  gate = new Promise((resolve) => (open = resolve));
  return () => {
    gate = undefined;
    open();
  };
}

describe('Watchers that come back all at once', () => {
  it('read from the store so many at a time', async () => {
    const { store } = under;
    const feed = openFeed();
    const first = new Taker(feed);
    await store.write([put('a', '1')]);
    const open = makeGate();
    const takers = Array.from({ length: 20 }, () => new Taker(feed, first.lastId));
    open();
    await Promise.all(takers.map((taker) => taker.until(() => taker.told.length === 1)));
    expect([reads.max, takers[19]?.told]).toEqual([limits.watchReadsMax, ['put a']]);
  });
});

describe('Commits that come while the store is asked what has expired', () => {
  const keys = (count: number) => Array.from({ length: count }, (_, i) => `k${i}`);

  /** A watcher of a node whose store is being asked, having been told of `x`, which has expired. */
  async function startScan() {
    const { store, clock } = under;
    const taker = new Taker(openFeed());
    await store.write([put('x', '1', clock.ms + 100)]);
    await taker.until(() => taker.told.includes('put x'));
    const before = reads.all;
    const open = makeGate();
    clock.ms += 100;
    while (reads.all === before) await new Promise((resolve) => setTimeout(resolve, 1));
    return { taker, open };
  }

  it('are told after that', async () => {
    const { taker, open } = await startScan();
    for (const key of ['a', 'b']) await under.store.write([put(key, '1')]);
    await new Promise(setImmediate);
    expect(taker.told).toEqual(['put x']);
    open();
    await taker.until(() => taker.told.includes('put b'));
    expect(taker.told).toEqual(['put x', 'expire x', 'put a', 'put b']);
  });

  it('are held up to a bound; beyond it every watcher reads for itself, and misses nothing', async () => {
    const { taker, open } = await startScan();
    const many = keys(limits.watchHeldCommitsMax + 1);
    for (const key of many) await under.store.write([put(key, '1')]);
    await under.store.write([put('last', '1')]);
    open();
    await taker.until(() => taker.told.includes('expire x') && taker.told.includes('put last'));
    const told = taker.told.filter((text) => text !== 'expire x');
    expect(told).toEqual(['put x', ...many.map((key) => `put ${key}`), 'put last']);
    expect(taker.told.length).toBe(told.length + 1);
    await under.store.write([put('live', '1')]);
    await taker.until(() => taker.told.includes('put live'));
  });

  it('that would have expired already are told as expired', async () => {
    const { taker, open } = await startScan();
    await under.store.write([put('y', '1', under.clock.ms)]);
    open();
    await taker.until(() => taker.told.includes('expire y'));
    expect(taker.told).toEqual(['put x', 'expire x', 'expire y']);
  });
});

describe('A clock that goes far ahead', () => {
  it('lets every watcher begin anew where nobody knows any more what expired', async () => {
    const { store, clock } = under;
    const taker = new Taker(openFeed());
    await store.write([put('x', '1', clock.ms + 100)]);
    clock.ms += 25 * hourMs;
    await taker.until(() => taker.told.includes('reset'));
    await store.write([put('y', '1')]);
    await taker.until(() => taker.told.includes('put y'));
    expect(taker.told).toEqual(['put x', 'reset', 'put y']);
  });
});

describe('A value that is damaged', () => {
  it('cuts who watches its key, and keeps nobody else from what comes after it', async () => {
    const { store } = under;
    const feed = openFeed();
    const whole = new Taker(feed);
    const other = new Taker(feed, undefined, 'b');
    const data = gzipSync('"a value"');
    data.fill(0xff, 10, 14);
    await store.merge([
      { path: path('a'), version: foreign({ data, encoding: 'gzip' }) },
      { path: path('b'), version: foreign() },
    ]);
    await other.until(() => other.told.length > 0);
    expect([whole.isCut, whole.told, other.isCut, other.told]).toEqual([true, [], false, ['put b']]);
  });
});

describe('A store that can not be read', () => {
  it('cuts who reads from it, and lets the others be told of commits, and of what expired when it can', async () => {
    const { store, clock, logger } = under;
    const feed = openFeed();
    const taker = new Taker(feed);
    const { lastId } = taker;
    await store.write([put('x', '1', clock.ms + 100)]);
    await taker.until(() => taker.told.includes('put x'));
    failure = new Error('no disk');
    clock.ms += 100;
    const cut = new Taker(feed, lastId);
    await cut.until(() => cut.isCut);
    while (!logger.lines.some(({ message }) => message.startsWith('What expires')))
      await new Promise((resolve) => setTimeout(resolve, 5));
    await store.write([put('y', '1')]);
    await taker.until(() => taker.told.includes('put y'));
    failure = undefined;
    clock.ms += 10_000;
    await taker.until(() => taker.told.includes('expire x'));
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(2);
  });
});
