import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { KeyPath } from '../../src/core/key-path.ts';
import { limits } from '../../src/core/limits.ts';
import type { Level } from '../../src/store/level.ts';
import type { OpenVersionStore, VersionStoreOptions } from '../../src/store/version-store.ts';
import { del, foreign, hourMs, memoryLevel, openTestStore, put } from '../store/harness.ts';
import { makeApp, rawRequest, serve, exchange, type HttpUnderTest } from './harness.ts';
import { WatchReader } from './watch-reader.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Started extends HttpUnderTest {
  readonly url: string;
  readonly port: number;
  /** What is there to read and write. */
  readonly store: OpenVersionStore;
  watch(target: string, lastEventId?: string): Promise<WatchReader>;
  poll(target: string, query?: string): Promise<Poll>;
  stop(): Promise<void>;
}

interface Poll {
  readonly index: string;
  readonly events: readonly { readonly event: string; readonly [field: string]: unknown }[];
}

interface Settings {
  readonly deps?: Parameters<typeof makeApp>[0];
  readonly store?: Omit<Partial<VersionStoreOptions>, 'clock'>;
  readonly level?: Level;
}

async function start({
  deps = {},
  store: options = {},
  level = memoryLevel(),
}: Settings = {}): Promise<Started> {
  const opened = await openTestStore(level, options);
  const { store } = opened;
  const under = await makeApp({ store, storeView: store, events: store, clock: opened.clock, ...deps });
  const server = await serve(under.app, { connectionsMax: 10_000 });
  let stopping: Promise<void> | undefined;
  const stop = () =>
    (stopping ??= (async () => {
      under.closing.abort();
      await server.close(60_000);
      await under.close();
      await store.close();
    })());
  cleanups.push(stop);
  const url = `http://127.0.0.1:${server.port}/kv/`;
  const watch = async (target: string, lastEventId?: string): Promise<WatchReader> => {
    const reader = await WatchReader.open(`${url}${target}?watch`, lastEventId);
    cleanups.push(() => reader.close());
    return reader;
  };
  const poll = async (target: string, query = ''): Promise<Poll> =>
    (await (await fetch(`${url}${target}?watch=wait${query}`)).json()) as Poll;
  return { ...under, store, clock: opened.clock, url, port: server.port, watch, poll, stop };
}

describe('A watch of a key', () => {
  it('tells of each value with all that describes it, and of the delete', async () => {
    const { watch, store, clock } = await start();
    const reader = await watch('users/john');
    expect(reader.response.headers['content-type']).toBe('text/event-stream');
    const expiresAt = clock.ms + hourMs;
    const [first] = await store.write([
      put('users/john', '{\n "big" :\r\n 12345678901234567890 }', expiresAt),
    ]);
    const [second] = await store.write([
      {
        kind: 'put',
        path: 'users/john' as KeyPath,
        contentType: 'image/png',
        data: Buffer.from([1, 2, 255]),
      },
    ]);
    const [third] = await store.write([del('users/john')]);
    await reader.untilTold('delete users/john');
    const uuids = [first, second, third].map(
      (result) => result !== undefined && 'version' in result && result.version.uuid,
    );
    const common = { path: 'users/john', timestamp: clock.ms };
    expect(reader.events.map(({ event, data }) => ({ event, ...data }))).toEqual([
      {
        ...common,
        event: 'put',
        uuid: uuids[0],
        content_type: 'application/json',
        expires_at: expiresAt,
        value: { big: Number('12345678901234567890') },
      },
      { ...common, event: 'put', uuid: uuids[1], content_type: 'image/png', value_base64: 'AQL/' },
      { ...common, event: 'delete', uuid: uuids[2] },
    ]);
  });

  it('hears of no other key', async () => {
    const { watch, store } = await start();
    const reader = await watch('a/b');
    for (const key of ['a', 'a/b/c', 'a/bc', 'a/b-', 'b', 'a/b']) await store.write([put(key, '1')]);
    await reader.untilTold('put a/b');
    expect(reader.told).toEqual(['put a/b']);
  });

  it('hears of versions that came from another node as of local ones, and of one commit in order', async () => {
    const { watch, store } = await start();
    const reader = await watch('');
    await store.merge([
      { path: 'b' as KeyPath, version: foreign() },
      { path: 'a' as KeyPath, version: foreign({ deleted: true, uuid: foreign().uuid.replace('f', 'e') }) },
    ]);
    await store.write([put('c', '1'), put('a', '2')]);
    await reader.untilTold('put a');
    expect(reader.told).toEqual(['put b', 'delete a', 'put c', 'put a']);
  });

  it('works in every mode', async () => {
    const { watch, store, node } = await start();
    for (const mode of ['read-only', 'syncing'] as const) {
      node.mode = mode;
      const reader = await watch('k');
      await store.write([put('k', '1')]);
      await reader.untilTold('put k');
    }
  });
});

describe('A watch of a prefix', () => {
  it('hears of what is below it and of nothing beside it, byte by byte', async () => {
    const { watch, store } = await start();
    const keys = ['a', 'a-b', 'a/', 'a0', 'ab/x'].filter((key) => !key.endsWith('/'));
    const below = ['a/b', 'a/b/c', 'a/-', 'a/ü'];
    const all = [...keys, ...below, 'ü', 'ü/ä', 'ü/ä/\u{1f600}', 'u\u0308/x', '\u{1f600}/y', '\uffee/y'];
    const readers = await Promise.all(['a/', '%C3%BC/', '%F0%9F%98%80/', ''].map((target) => watch(target)));
    for (const key of [...all, 'a/end', 'ü/end', '\u{1f600}/end']) await store.write([put(key, '1')]);
    await readers[0]?.untilTold('put a/end');
    await readers[1]?.untilTold('put ü/end');
    await readers[2]?.untilTold('put \u{1f600}/end');
    await readers[3]?.untilTold('put \u{1f600}/end');
    const paths = readers.map((reader) => reader.told.map((text) => text.slice(4)));
    expect(paths[0]).toEqual([...below, 'a/end']);
    expect(paths[1]).toEqual(['ü/ä', 'ü/ä/\u{1f600}', 'ü/end']);
    expect(paths[2]).toEqual(['\u{1f600}/y', '\u{1f600}/end']);
    expect(paths[3]).toEqual([...all, 'a/end', 'ü/end', '\u{1f600}/end']);
  });

  it('may be one of thousands, each of which hears its own', async () => {
    const { watch, store } = await start();
    const count = 500;
    const names = Array.from({ length: count }, (_, i) => `p${i}`);
    const readers = await Promise.all(names.map((name) => watch(`${name}/`)));
    await store.write(names.map((name) => put(`${name}/k`, '1')));
    await Promise.all(readers.map((reader, i) => reader.untilTold(`put ${names[i]}/k`)));
    expect(readers.every(({ events }) => events.length === 1)).toBe(true);
  });
});

describe('What expires', () => {
  it('is told at its instant, once, without a commit', async () => {
    const { watch, store, clock } = await start();
    await store.write([put('x/before', '1', clock.ms + 1_000), put('y', '1', clock.ms + 1_000)]);
    const reader = await watch('x/');
    const other = await watch('y');
    await store.write([put('x/after', '1', clock.ms + 1_000), put('x/later', '1', clock.ms + 2_000)]);
    const expiresAt = clock.ms + 1_000;
    clock.ms = expiresAt;
    await reader.untilTold('expire x/before');
    await other.untilTold('expire y');
    clock.ms += 1_000;
    await reader.untilTold('expire x/later');
    expect(reader.told).toEqual([
      'put x/after',
      'put x/later',
      'expire x/after',
      'expire x/before',
      'expire x/later',
    ]);
    expect(reader.events[3]?.data).toEqual({
      path: 'x/before',
      uuid: (await store.get('x/before' as KeyPath))?.uuid,
      timestamp: expiresAt - 1_000,
      expires_at: expiresAt,
    });
  });

  it('is not told of a version that was replaced or deleted before', async () => {
    const { watch, store, clock } = await start();
    const reader = await watch('');
    const soon = clock.ms + 1_000;
    await store.write([put('replaced', '1', soon), put('deleted', '1', soon), put('left', '1', soon)]);
    await store.write([put('replaced', '2'), del('deleted')]);
    clock.ms = soon;
    await reader.untilTold('expire left');
    expect(reader.told.filter((text) => text.startsWith('expire'))).toEqual(['expire left']);
  });

  it('before it came is told as expired at once', async () => {
    const { watch, store, clock } = await start();
    const reader = await watch('k');
    const { uuid } = foreign();
    await store.merge([
      { path: 'k' as KeyPath, version: foreign({ timestamp: clock.ms - 20, expiresAt: clock.ms - 10 }) },
    ]);
    await store.write([put('k', '1')]);
    await reader.untilTold('put k');
    expect(reader.events.map(({ event, data }) => [event, data.uuid === uuid])).toEqual([
      ['expire', true],
      ['put', false],
    ]);
  });

  it('while the reader was away is told when it comes back, in an order that it can be cut in anywhere', async () => {
    const { watch, store, clock } = await start();
    const first = await watch('');
    const soon = clock.ms + 1_000;
    // Two at one instant in an order of bytes that that of UTF-16 is not.
    const keys = ['a', 'b/\uffee', 'b/\u{1f600}', 'c'];
    await store.write([...keys.map((key) => put(key, '1', soon)), put('later', '1', soon + 1)]);
    await first.untilTold('put later');
    first.close();
    clock.ms = soon + 1_000;
    await store.write([put('c', '2')]);
    const whole = await watch('', first.lastId);
    await whole.untilTold('expire later');
    expect(whole.told).toEqual([
      'put c',
      'expire a',
      'expire b/\uffee',
      'expire b/\u{1f600}',
      'expire later',
    ]);
    whole.close();
    for (const [index, { id }] of whole.events.entries()) {
      const rest = await watch('', id);
      await store.write([put(`end${index}`, '1')]);
      const missed = whole.told.slice(index + 1);
      for (const text of [...missed, `put end${index}`]) await rest.untilTold(text);
      expect(rest.told.filter((text) => !text.startsWith('put end'))).toEqual(missed);
      rest.close();
    }
  });

  it('is told again where the clock has stepped back and the key was alive again', async () => {
    const { watch, store, clock } = await start();
    const reader = await watch('k');
    const soon = clock.ms + 10_000;
    await store.write([put('k', '1', soon)]);
    clock.ms = soon;
    await reader.untilTold('expire k');
    clock.ms = soon - 9_000;
    await untilClockIsTold(watch, clock.ms);
    clock.ms = soon;
    await reader.until(() => reader.told.filter((text) => text === 'expire k').length === 2);
  });
});

describe('A watch that comes back with the last id it had', () => {
  it('hears of all that happened since, each once, and goes on', async () => {
    const { watch, store } = await start();
    const first = await watch('a/');
    await store.write([put('a/1', '1'), put('a/2', '1')]);
    await first.untilTold('put a/2');
    first.close();
    await store.write([put('a/1', '2'), put('b', '1'), del('a/2')]);
    await store.write([put('a/3', '1')]);
    // Of a key with several versions it hears the one that stands.
    const missed = ['put a/1', 'delete a/2', 'put a/3'];
    for (const { id } of first.events) {
      const second = await watch('a/', id);
      await second.untilTold('put a/3');
      expect(second.told).toEqual(missed);
      await store.write([put('b', '1'), put('a/3', '2')]);
      await second.until(() => second.events.length > missed.length);
      expect(second.told).toEqual([...missed, 'put a/3']);
      second.close();
    }
  });

  it('may be cut in the middle of a commit, and name the id in the query', async () => {
    const { watch, store, url } = await start();
    const first = await watch('');
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => store.write([put(key, '1')])));
    await first.untilTold('put d');
    first.close();
    for (const [index, { id }] of first.events.entries()) {
      const rest = await WatchReader.open(`${url}?watch=true&last_event_id=${id}`);
      cleanups.push(() => rest.close());
      await store.write([put(`end${index}`, '1')]);
      await rest.untilTold(`put end${index}`);
      expect(rest.told.filter((text) => !text.startsWith('put end'))).toEqual(first.told.slice(index + 1));
    }
  });

  it('is kept up to date by heartbeats where nothing happens to its key', async () => {
    const { watch, store } = await start({ deps: { heartbeatMs: 5 }, store: { changeLogEntriesMax: 10 } });
    const quiet = await watch('quiet');
    const before = quiet.lastId;
    for (let i = 0; i < 30; i++) await store.write([put(`noise${i}`, '1')]);
    await quiet.until(() => quiet.lastId !== before && quiet.lastId?.split('-')[1] === `${store.sequence}.0`);
    quiet.close();
    const back = await watch('quiet', quiet.lastId);
    await store.write([put('quiet', '1')]);
    await back.untilTold('put quiet');
    expect(back.told).toEqual(['put quiet']);
  });

  it('goes on over a restart of the node', async () => {
    const folder = memoryLevel();
    // The engine in memory forgets when it is closed; the store must not close it.
    Object.defineProperty(folder, 'close', { value: () => Promise.resolve() });
    const one = await start({ level: folder });
    const first = await one.watch('');
    await one.store.write([put('a', '1')]);
    await first.untilTold('put a');
    await one.store.write([put('b', '1')]);
    await first.untilTold('put b');
    await one.stop();
    await first.closed;
    expect(first.isEnded).toBe(true);
    const two = await start({
      level: folder,
      store: { random: { next: () => 0, uuid: () => crypto.randomUUID() } },
    });
    await two.store.write([put('c', '1')]);
    const second = await two.watch('', first.events[0]?.id);
    await second.untilTold('put c');
    expect(second.told).toEqual(['put b', 'put c']);
  });

  it('is told to begin anew where the id is of another store, and hears what comes from now on', async () => {
    const { watch, store } = await start();
    await store.write([put('k', '1')]);
    const reader = await watch('k', `${'0'.repeat(12)}-0.0-0`);
    await store.write([put('k', '2')]);
    await reader.untilTold('put k');
    expect(reader.told).toEqual(['reset The id is of another store', 'put k']);
    expect(reader.events[1]?.data.value).toBe(2);
  });

  it('is told to begin anew where the log no longer reaches back, or what expired is collected', async () => {
    const { watch, store, clock } = await start({ store: { changeLogEntriesMax: 10 } });
    const first = await watch('');
    const old = first.lastId;
    for (let i = 0; i < 50; i++) await store.write([put(`k${i}`, '1')]);
    await first.untilTold('put k49');
    const reset = 'reset It is not known any more what happened since';
    const trimmed = await watch('', old);
    await trimmed.untilTold(reset);
    // Whoever was told of no death before the clock goes ahead has missed none.
    clock.ms++;
    await untilClockIsTold(watch, clock.ms);
    clock.ms += 25 * hourMs;
    await untilClockIsTold(watch, clock.ms);
    const late = await watch('', first.events.at(-1)?.id);
    await late.untilTold(reset);
    await store.write([put('next', '1')]);
    await Promise.all([trimmed.untilTold('put next'), late.untilTold('put next')]);
    expect([trimmed.told, late.told]).toEqual([
      [reset, 'put next'],
      [reset, 'put next'],
    ]);
  });

  it('is told to begin anew by an id that this store never gave', async () => {
    const { watch, store, clock } = await start();
    await store.write([put('a', '1'), put('b', '1')]);
    const [name = ''] = (await watch('')).lastId?.split('-') ?? [];
    const future = `${name}-99.0-${clock.ms}`;
    const tooMany = `${name}-0.9-${clock.ms}`;
    const afterAll = `${name}-${store.sequence}.1-${clock.ms}`;
    for (const id of [future, tooMany, afterAll]) {
      const reader = await watch('', id);
      await reader.until(() => reader.events.length > 0);
      expect(reader.told[0]).toMatch(/^reset/);
      reader.close();
    }
  });

  it('is refused with an id that never was one', async () => {
    const { port } = await start();
    for (const id of [
      'x',
      '1-2.3-4',
      `${'0'.repeat(12)}-1-1`,
      `${'0'.repeat(12)}-1.1-1-${'_'.repeat(1_367)}`,
    ]) {
      const refused = await rawRequest(port, 'GET /kv/?watch', [`Last-Event-ID: ${id}`]);
      expect(refused).toMatchObject({ status: 400, code: 'KVS_BAD_REQUEST' });
    }
  });

  it('hears of a delete that was collected meanwhile', async () => {
    const { watch, store, clock } = await start();
    const first = await watch('k');
    // A tombstone from elsewhere, so old that it is collected soon.
    const tombstone = foreign({ deleted: true, timestamp: clock.ms - 24 * hourMs + 1_000 });
    first.close();
    await store.merge([{ path: 'k' as KeyPath, version: tombstone }]);
    clock.ms += 2_000;
    expect(await store.collect(store.sequence)).toMatchObject({ removed: 1 });
    const second = await watch('k', first.lastId);
    await second.untilTold('delete k');
    expect(second.events[0]?.data).toMatchObject({ uuid: tombstone.uuid, timestamp: tombstone.timestamp });
  });
});

describe('A reader that is too slow', () => {
  it('is not read for, and gets the last version of every key, none twice, when it reads on', async () => {
    const { store } = await start({ store: { cacheBytes: 1_000 } });
    let bytesRead = 0;
    const counted: HttpEvents = {
      ...boundTo(store),
      eventsAfter: async (...args) => {
        const page = await store.eventsAfter(...args);
        for (const { event } of page?.events ?? [])
          bytesRead += event.kind === 'put' ? event.version.data.length : 0;
        return page;
      },
    };
    const { watch } = await start({ deps: { events: counted } });
    const value = JSON.stringify('x'.repeat(2_000));
    const keys = Array.from({ length: 400 }, (_, i) => `k${i}`);
    const slow = await watch('');
    slow.response.pause();
    // Many times what all buffers on the way can hold.
    const rounds = 30;
    for (let round = 0; round < rounds; round++) await store.write(keys.map((key) => put(key, value)));
    expect(bytesRead).toBeLessThan((rounds * keys.length * value.length) / 2);
    slow.response.resume();
    await store.write([put('end', '1')]);
    await slow.untilTold('put end');
    const uuids = slow.events.map(({ data }) => data.uuid);
    expect(new Set(uuids).size).toBe(uuids.length);
    expect(uuids.length).toBeLessThan((rounds * keys.length) / 2);
    const last = new Map(slow.events.map(({ data }) => [data.path, data.uuid]));
    for (const key of keys) expect(last.get(key)).toBe((await store.get(key as KeyPath))?.uuid);
  });

  it('takes nothing from another one', async () => {
    const { watch, store } = await start();
    const slow = await watch('');
    slow.response.pause();
    const quick = await watch('');
    const value = JSON.stringify('x'.repeat(10_000));
    for (let i = 0; i < 1_000; i++) {
      await store.write([put('k', value)]);
      await quick.until(() => quick.events.length === i + 1);
    }
    expect(slow.events.length).toBe(0);
  });
});

describe('Readers of watches', () => {
  it('get a proper end when the node stops, also those that take nothing', async () => {
    const { watch, poll, store, stop } = await start();
    const reader = await watch('');
    const stuck = await watch('');
    stuck.response.pause();
    const value = JSON.stringify('x'.repeat(10_000));
    for (let i = 0; i < 1_000; i++) await store.write([put('k', value)]);
    const waiting = poll('other');
    const held = await watch('other');
    await store.write([put('k', '"last"')]);
    await stop();
    expect(await waiting).toMatchObject({ events: [] });
    await held.closed;
    expect(held.isEnded).toBe(true);
    await reader.closed;
    expect(reader.isEnded).toBe(true);
  });

  it('cost nothing any more when they are gone', async () => {
    const listeners = { count: 0 };
    const { store } = await start();
    const counted: HttpEvents = {
      ...boundTo(store),
      onCommit: (listener) => {
        const stop = store.onCommit(listener);
        listeners.count++;
        return () => {
          listeners.count--;
          stop();
        };
      },
    };
    const { watch, poll, port } = await start({ deps: { events: counted } });
    expect(listeners.count).toBe(0);
    const readers = [await watch(''), await watch('k')];
    expect(listeners.count).toBe(1);
    await poll('k', '&timeout=0');
    for (const reader of readers) reader.close();
    // One of them waits for its turn behind the other, which never ends.
    const socket = connect(port, '127.0.0.1');
    socket.write(
      ['watch', 'watch=wait'].map((query) => `GET /kv/k?${query} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''),
    );
    await once(socket, 'data');
    socket.destroy();
    while (listeners.count > 0) await new Promise(setImmediate);
  });

  it('take no place by asking for the head alone', async () => {
    const { port } = await start();
    for (const query of ['?watch', '?watch=wait']) {
      const answer = await rawRequest(port, `HEAD /kv/k${query}`);
      expect([answer.status, answer.body]).toEqual([200, '']);
    }
  });

  it('may come behind another request on the same connection', async () => {
    const { port, store } = await start();
    await store.write([put('k', '1')]);
    const lines = ['GET /kv/k', 'GET /kv/k?watch=wait&timeout=0', 'GET /kv/k'];
    const requests = lines.map(
      (line, i) => `${line} HTTP/1.1\r\nHost: x\r\n${i === 2 ? 'Connection: close\r\n' : ''}\r\n`,
    );
    const received = await exchange(port, requests.join(''));
    expect(received.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  });
});

describe('A long poll', () => {
  it('without an index waits for the next change', async () => {
    const under = await start();
    const { store } = under;
    await store.write([put('k', '1')]);
    const poll = { answer: undefined as Poll | undefined };
    void under.poll('k').then((answer) => (poll.answer = answer));
    while (poll.answer === undefined) {
      await store.write([put('k', '2')]);
      await new Promise(setImmediate);
    }
    expect(poll.answer.events[0]).toMatchObject({ event: 'put', path: 'k', value: 2 });
  });

  it('goes on from its index without missing a change, and answers at once with what is there', async () => {
    const { poll, store } = await start();
    let { index } = await poll('a/', '&timeout=0');
    await store.write([put('a/1', '1'), put('b', '1')]);
    await store.write([del('a/1')]);
    await store.write([put('a/2', '1')]);
    const first = await poll('a/', `&index=${index}&timeout=0`);
    expect(first.events.map(({ event, path }) => [event, path])).toEqual([
      ['delete', 'a/1'],
      ['put', 'a/2'],
    ]);
    ({ index } = first);
    const next = poll('a/', `&index=${index}`);
    await store.write([put('a/3', '{"a": [1]}')]);
    expect((await next).events).toMatchObject([{ event: 'put', path: 'a/3', value: { a: [1] } }]);
  });

  it('answers without events when its time is over, however quiet the connection may be', async () => {
    const { poll } = await start({ deps: { heartbeatMs: 5 } });
    const { index, events } = await poll('k', '&timeout=0.2');
    expect([events, typeof index]).toEqual([[], 'string']);
  });

  it('is told to begin anew by an index of another store', async () => {
    const { poll, store } = await start();
    const { index, events } = await poll('k', `&index=${'0'.repeat(12)}-0.0-0`);
    expect(events).toEqual([{ event: 'reset', reason: 'The id is of another store' }]);
    await store.write([put('k', '1')]);
    expect((await poll('k', `&index=${index}`)).events).toMatchObject([{ event: 'put', path: 'k' }]);
  });

  it('refuses what it can not understand', async () => {
    const { port } = await start();
    const queries = ['watch=x', 'watch=wait&timeout=x', 'watch=wait&timeout=-1', 'watch=wait&index=x'];
    const tooLong = `watch=wait&timeout=${limits.watchTimeoutSecondsMax + 1}`;
    for (const query of [...queries, tooLong]) {
      expect(await rawRequest(port, `GET /kv/k?${query}`)).toMatchObject({
        status: 400,
        code: 'KVS_BAD_REQUEST',
      });
    }
    for (const path of ['/', 'a//', '../']) {
      expect(await rawRequest(port, `GET /kv/${path}?watch`)).toMatchObject({ code: 'KVS_BAD_PATH' });
    }
    expect(await rawRequest(port, 'GET /kv/k?watch=false')).toMatchObject({ code: 'KVS_KEY_NOT_FOUND' });
    expect(await rawRequest(port, 'GET /kv/k?other')).toMatchObject({ code: 'KVS_KEY_NOT_FOUND' });
  });
});

/** Settles when watchers have been told of all that expired up to an instant, which the ids say. */
async function untilClockIsTold(watch: Started['watch'], ms: number): Promise<void> {
  for (;;) {
    const reader = await watch('none');
    reader.close();
    if (reader.lastId?.endsWith(`-${ms}`) === true) return;
  }
}

/** What watches read of a store, to be changed in part. */
function boundTo(store: OpenVersionStore): HttpEvents {
  return {
    storeId: store.storeId,
    get sequence() {
      return store.sequence;
    },
    onCommit: (listener) => store.onCommit(listener),
    eventsAfter: (...args) => store.eventsAfter(...args),
    nextDeathAfter: (ms) => store.nextDeathAfter(ms),
  };
}

type HttpEvents = NonNullable<NonNullable<Settings['deps']>['events']>;
