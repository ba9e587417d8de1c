import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { KvsError } from '../../src/core/errors.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import type { WriteRequest } from '../../src/core/ports.ts';
import type { KvsApp } from '../../src/http/context.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { del, put } from '../store/harness.ts';
import { makeApp, rawRequest, serve, type HttpUnderTest } from './harness.ts';

let under: HttpUnderTest;
let server: HttpServer;
/** The last request that came: its answer, and a promise that its handler is done. */
let outgoing: ServerResponse | undefined;
let answered: Promise<unknown> = Promise.resolve();
beforeEach(async () => {
  under = await makeApp();
  const { app } = under;
  const fetch: KvsApp['fetch'] = (request, env) => {
    outgoing = (env as { outgoing: ServerResponse }).outgoing;
    const answer = app.fetch(request, env);
    answered = Promise.resolve(answer);
    return answer;
  };
  server = await serve({ fetch, routes: app.routes } as KvsApp);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await server.close(0);
  await under.close();
});

const ndjson = { Accept: 'application/x-ndjson' };

const ask = (target: string, init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${server.port}/kv/${target}`, init);
async function json(target: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  return (await (await ask(target, init)).json()) as Record<string, unknown>;
}
async function lines(target: string): Promise<Record<string, unknown>[]> {
  const text = await (await ask(target, { headers: ndjson })).text();
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
const pathsOf = (entries: unknown) => (entries as { path: string }[]).map(({ path }) => path);
const write = (...requests: WriteRequest[]) => under.store.write(requests);
async function send(request: string): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1', () => socket.write(`${request}\r\n\r\n`));
  socket.setEncoding('latin1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}
const numbered = (count: number, prefix = 'n/') =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(5, '0')}`);

describe('GET /kv/{prefix}/', () => {
  it('lists what stands directly below a prefix, with what is known of the live values', async () => {
    const expiresAt = under.clock.ms + 5_000;
    await write(
      put('users/john', '{"a": 1}', expiresAt),
      put('users/john/mail', '1'),
      put('users/ann/x', '1'),
    );
    await write(put('users/old', '1', under.clock.ms), put('users/gone/x', '1'), del('users/gone/x'));
    const answer = await ask('users/');
    expect([answer.status, answer.headers.get('Content-Type')]).toEqual([200, 'application/json']);
    expect(await answer.json()).toEqual({
      prefix: 'users/',
      children: [
        { name: 'ann', path: 'users/ann', has_children: true },
        {
          name: 'john',
          path: 'users/john',
          has_children: true,
          uuid: (await under.store.get('users/john' as KeyPath))?.uuid,
          timestamp: under.clock.ms,
          content_type: 'application/json',
          bytes: 8,
          expires_at: expiresAt,
        },
      ],
      next: null,
    });
    expect(await json('')).toMatchObject({ prefix: '', children: [{ name: 'users', path: 'users' }] });
    expect(await json('no/such/')).toEqual({ prefix: 'no/such/', children: [], next: null });
  });

  it('lists all keys below with ?recursive, and so many levels with ?depth, in the order of their paths', async () => {
    await write(...['a-b', 'a/x', 'a/y/z', 'a/y/é'].map((key) => put(key, '1')));
    const recursive = await json('?recursive');
    expect(recursive).toMatchObject({ prefix: '', next: null });
    expect(pathsOf(recursive['keys'])).toEqual(['a-b', 'a/x', 'a/y/z', 'a/y/é']);
    expect(Object.keys((recursive['keys'] as object[])[0] ?? {})).toEqual([
      'path',
      'uuid',
      'timestamp',
      'content_type',
      'bytes',
    ]);
    expect(pathsOf((await json('?depth=2'))['children'])).toEqual(['a', 'a-b', 'a/x', 'a/y']);
    expect(pathsOf((await json('?depth=1'))['children'])).toEqual(['a', 'a-b']);
    expect(pathsOf((await json('?recursive&reverse'))['keys'])).toEqual(['a/y/é', 'a/y/z', 'a/x', 'a-b']);
    expect(pathsOf((await json('?reverse=true&recursive=false'))['children'])).toEqual(['a-b', 'a']);
  });

  it('counts the live keys below with ?count', async () => {
    await write(...['a/b', 'a/c/d', 'a', 'b'].map((key) => put(key, '1')), put('a/old', '1', under.clock.ms));
    await write(put('a/gone', '1'), del('a/gone'));
    expect(await json('a/?count')).toEqual({ prefix: 'a/', count: 2 });
    expect(await json('?count')).toEqual({ prefix: '', count: 4 });
    expect(await json('none/?count&limit=x')).toEqual({ prefix: 'none/', count: 0 });
  });

  it('takes its time to count: the time-out of an idle connection waits for it', async () => {
    const timeouts: unknown[] = [];
    const count = under.store.count.bind(under.store);
    vi.spyOn(under.store, 'count').mockImplementation((...options) => {
      timeouts.push(outgoing?.socket?.timeout);
      return count(...options);
    });
    const list = under.store.list.bind(under.store);
    vi.spyOn(under.store, 'list').mockImplementation((...options) => {
      timeouts.push(outgoing?.socket?.timeout);
      return list(...options);
    });
    const socket = await send('GET /kv/?count HTTP/1.1\r\nHost: x');
    await once(socket, 'data');
    socket.write('GET /kv/ HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    expect(timeouts).toEqual([0, 10_000]);
  });

  it('has the values with ?values: JSON byte for byte but for line ends, anything else in base64', async () => {
    const text = '{ "ü" :\n[1, 2.50,\r\n1e3] }';
    const data = Buffer.from([0, 255, 10]);
    await write(put('v/json', text), {
      kind: 'put',
      path: 'v/bytes' as KeyPath,
      contentType: 'image/x-tiny',
      data,
    });
    const page = await (await ask('v/?values')).text();
    expect(page).toContain(`"value":${text.replace('\n', ' ').replace('\r\n', '  ')}}`);
    expect((JSON.parse(page) as Record<string, unknown>)['children']).toMatchObject([
      { name: 'bytes', content_type: 'image/x-tiny', bytes: 3, value_base64: data.toString('base64') },
      { name: 'json', bytes: Buffer.byteLength(text), value: JSON.parse(text) as unknown },
    ]);
    expect(await lines('v/?values')).toMatchObject([
      { name: 'bytes' },
      { name: 'json', value: { ü: [1, 2.5, 1000] } },
    ]);
    expect(await (await ask('v/')).text()).not.toContain('value');
  });

  it('goes on from a cursor, after the last path, whatever has become of it', async () => {
    await write(...numbered(250).map((key) => put(key, '1')));
    const first = await json('n/');
    expect(first['children']).toHaveLength(100);
    await write(del('n/00099'), put('n/00099a', '1'), del('n/00100'), put('n/00000a', '1'));
    const second = await json(`n/?limit=2&cursor=${String(first['next'])}`);
    expect(pathsOf(second['children'])).toEqual(['n/00099a', 'n/00101']);
    const rest = await json(`n/?limit=1000&cursor=${String(second['next'])}`);
    expect([pathsOf(rest['children']).length, rest['next']]).toEqual([148, null]);
    const back = await json(`n/?recursive&reverse&limit=1&cursor=${String(second['next'])}`);
    expect(pathsOf(back['keys'])).toEqual(['n/00099a']);
  });

  it('begins after any path below the prefix, whether it is there or not, and in reverse before it', async () => {
    await write(...['n/a', 'n/b', 'n/b/c', 'n/d', 'o'].map((key) => put(key, '1')));
    const listed = async (query: string) => {
      const { keys, children } = await json(`n/?${query}`);
      return pathsOf(keys ?? children);
    };
    expect(await listed('recursive&after=n/a')).toEqual(['n/b', 'n/b/c', 'n/d']);
    expect(await listed('recursive&after=n/b%2Fbb')).toEqual(['n/b/c', 'n/d']);
    expect(await listed('recursive&reverse&after=n/b/c')).toEqual(['n/b', 'n/a']);
    expect(await listed('recursive&reverse&after=n/b/cc&limit=1')).toEqual(['n/b/c']);
    expect(await listed('after=n/a')).toEqual(['n/b', 'n/d']);
    expect(await listed('after=n/z')).toEqual([]);
    expect(pathsOf(await lines('n/?recursive&after=n/b'))).toEqual(['n/b/c', 'n/d']);
  });

  it('ends a page with the last value that fits into its bytes', async () => {
    const value = `"${'x'.repeat(limits.pageBytesMax / 2 - 2)}"`;
    await write(
      put('a', value),
      put('b', value),
      put('c', value),
      put('d', `"${'x'.repeat(limits.pageBytesMax)}"`),
    );
    const pages: string[][] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await json(`?values${cursor}`);
      pages.push(pathsOf(page['children']));
      cursor = typeof page['next'] === 'string' ? `&cursor=${page['next']}` : null;
    }
    expect(pages).toEqual([['a', 'b'], ['c'], ['d']]);
    expect(pathsOf((await json(''))['children'])).toEqual(['a', 'b', 'c', 'd']);
  });

  it('gives as many keys as a limit asks for, up to the bound', async () => {
    await write(...numbered(limits.listedKeysMax + 1).map((key) => put(key, '1')));
    const page = await json(`n/?limit=${limits.listedKeysMax}`);
    expect([(page['children'] as unknown[]).length, typeof page['next']]).toEqual([
      limits.listedKeysMax,
      'string',
    ]);
    const beyond = await json(`n/?limit=${limits.listedKeysMax + 1}`);
    expect(beyond).toMatchObject({
      status: 400,
      code: 'KVS_BAD_REQUEST',
      detail: 'limit is an integer from 1 to 1000',
    });
  });

  it.each([
    ['a/?limit=x', 'KVS_BAD_REQUEST'],
    ['a/?limit=0', 'KVS_BAD_REQUEST'],
    ['a/?limit=-1', 'KVS_BAD_REQUEST'],
    ['a/?limit=', 'KVS_BAD_REQUEST'],
    ['a/?depth=0', 'KVS_BAD_REQUEST'],
    ['a/?depth=1.5', 'KVS_BAD_REQUEST'],
    ['a/?depth=2&recursive', 'KVS_BAD_REQUEST'],
    ['a/?recursive=maybe', 'KVS_BAD_REQUEST'],
    ['a/?count=2', 'KVS_BAD_REQUEST'],
    ['a/?cursor=', 'KVS_BAD_REQUEST'],
    ['a/?cursor=!', 'KVS_BAD_REQUEST'],
    [`a/?cursor=${Buffer.from('b/c').toString('base64url')}`, 'KVS_BAD_REQUEST'],
    [`a/?cursor=${Buffer.from('a/x'.repeat(400)).toString('base64url')}`, 'KVS_BAD_REQUEST'],
    ['a/?after=b', 'KVS_BAD_REQUEST'],
    ['a/?after=a', 'KVS_BAD_REQUEST'],
    ['a/?after=', 'KVS_BAD_REQUEST'],
    ['a/?after=a/%FF', 'KVS_BAD_REQUEST'],
    ['a/?after=a/100%', 'KVS_BAD_REQUEST'],
    ['a/?after=a/', 'KVS_BAD_PATH'],
    ['a/?after=a/../b', 'KVS_BAD_PATH'],
    [`a/?after=a/b&cursor=${Buffer.from('a/b').toString('base64url')}`, 'KVS_BAD_REQUEST'],
    ['/', 'KVS_BAD_PATH'],
    ['a//', 'KVS_BAD_PATH'],
    ['a%2Fb/', 'KVS_BAD_PATH'],
    ['a/:/', 'KVS_BAD_PATH'],
  ])('refuses %s', async (target, code) => {
    expect(await rawRequest(server.port, `GET /kv/${target}`)).toMatchObject({ status: 400, code });
    expect(
      await rawRequest(server.port, `GET /kv/${target}`, ['Accept: application/x-ndjson']),
    ).toMatchObject({
      status: 400,
      code,
    });
  });

  it('answers HEAD without a body, and PUT as it always did', async () => {
    await write(put('a/b', '1'));
    const length = (await (await ask('a/')).text()).length;
    const head = await ask('a/', { method: 'HEAD' });
    expect([head.status, head.headers.get('Content-Length')]).toEqual([200, String(length)]);
    const stream = await ask('a/', { method: 'HEAD', headers: ndjson });
    expect([stream.status, stream.headers.get('Content-Type')]).toEqual([200, 'application/x-ndjson']);
    expect(await json('a/?recursive', { method: 'PUT', body: '1' })).toMatchObject({
      status: 400,
      code: 'KVS_BAD_PATH',
    });
  });

  it('is served in every mode', async () => {
    await write(put('a', '1'));
    for (const mode of ['read-only', 'syncing'] as const) {
      under.node.mode = mode;
      expect(await json('')).toMatchObject({ children: [{ path: 'a' }] });
    }
  });

  it('says what failed as long as nothing was sent', async () => {
    vi.spyOn(under.store, 'list').mockRejectedValue(new KvsError('KVS_STORAGE_FAILED', 'because'));
    for (const headers of [{}, ndjson]) {
      expect(await json('', { headers })).toMatchObject({
        status: 500,
        code: 'KVS_STORAGE_FAILED',
        detail: 'because',
      });
    }
  });
});

describe('A list as application/x-ndjson', () => {
  it('has an object on each line, of all pages, or of as many as a limit asks for', async () => {
    const keys = numbered(2 * limits.pageItemsMax + 5);
    await write(...keys.map((key) => put(key, '1')));
    expect(pathsOf(await lines('n/'))).toEqual(keys);
    expect(pathsOf(await lines('?recursive&reverse'))).toEqual(keys.toReversed());
    expect(pathsOf(await lines(`?recursive&limit=${limits.pageItemsMax + 5}`))).toEqual(
      keys.slice(0, limits.pageItemsMax + 5),
    );
    const after = Buffer.from('n/01999').toString('base64url');
    expect((await lines(`?recursive&values&cursor=${after}`))[0]).toMatchObject({
      path: 'n/02000',
      value: 1,
    });
    expect(await lines('none/')).toEqual([]);
    const answer = await ask('', { headers: { Accept: 'text/plain, Application/X-NDJSON; q=0.5' } });
    expect([answer.status, answer.headers.get('Content-Type')]).toEqual([200, 'application/x-ndjson']);
    expect(JSON.parse(await answer.text())).toEqual({ name: 'n', path: 'n', has_children: true });
  });

  it('waits for a client that does not read, and reads no more when it goes away', async () => {
    const count = 40;
    await write(...numbered(count).map((key) => put(key, `"${'x'.repeat(limits.pageBytesMax - 2)}"`)));
    const list = vi.spyOn(under.store, 'list');
    const socket = await send('GET /kv/n/?values HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson');
    expect(((await once(socket, 'data')) as [string])[0]).toMatch(
      /^HTTP\/1\.1 200 [^]*Transfer-Encoding: chunked/,
    );
    socket.pause();
    let pages = 0;
    await vi.waitFor(
      () => {
        const before = pages;
        pages = list.mock.calls.length;
        expect([before, outgoing?.writableNeedDrain]).toEqual([pages, true]);
      },
      { timeout: 20_000, interval: 100 },
    );
    socket.destroy();
    await answered;
    expect(list.mock.calls.length).toBeLessThan(count);
    expect(under.logger.lines).toEqual([]);
  });

  it('is cut, and has no proper end, when the storage fails on the way', async () => {
    await write(...numbered(limits.pageItemsMax + 5).map((key) => put(key, '1')));
    const list = under.store.list.bind(under.store);
    vi.spyOn(under.store, 'list').mockImplementation(async (below, options) => {
      if (options.after !== undefined) throw new Error('broken');
      return list(below, options);
    });
    const answer = await ask('n/', { headers: ndjson });
    await expect(answer.text()).rejects.toThrow('terminated');
    expect(under.logger.lines).toEqual([{ level: 'warn', message: 'A list broke off' }]);
  });
});

describe('DELETE /kv/{prefix}/?recursive', () => {
  const remove = (target: string) => json(target, { method: 'DELETE' });

  it('deletes the live keys below, in as many batches as it takes, and says how many they were', async () => {
    const keys = numbered(2 * limits.pageItemsMax + 5);
    await write(...[...keys, 'n', 'n-1', 'o/x'].map((key) => put(key, '1')));
    await write(put('n/old', '1', under.clock.ms), del('n/00000'));
    expect(await remove('n/?recursive')).toEqual({ deleted: keys.length - 1 });
    expect(pathsOf((await json('?recursive'))['keys'])).toEqual(['n', 'n-1', 'o/x']);
    expect(await remove('n/?recursive')).toEqual({ deleted: 0 });
    expect(await remove('?recursive=true')).toEqual({ deleted: 3 });
  });

  it.each(['n/', 'n/?recursive=false', '', '?recursive=0'])(
    'refuses to delete %s without the flag',
    async (target) => {
      await write(put('n/a', '1'));
      expect(await remove(target)).toMatchObject({ status: 400, code: 'KVS_BAD_PATH' });
      expect(await json('?count')).toMatchObject({ count: 1 });
    },
  );

  it.each([
    ['read-only', 403, 'KVS_READ_ONLY'],
    ['syncing', 503, 'KVS_SYNCING'],
  ] as const)('is refused in mode %s', async (mode, status, code) => {
    await write(put('n/a', '1'));
    under.node.mode = mode;
    expect(await remove('n/?recursive')).toMatchObject({ status, code });
    expect(await json('?count')).toMatchObject({ count: 1 });
  });

  it('stops when the client goes away, or the node no longer takes writes', async () => {
    const keys = numbered(3 * limits.pageItemsMax);
    await write(...keys.map((key) => put(key, '1')));
    const left = async () => (await json('?count'))['count'];
    const writeBatch = under.store.write.bind(under.store);

    const first = new Promise<void>((resolve) => {
      vi.spyOn(under.store, 'write').mockImplementationOnce(async (requests) => {
        resolve();
        if (outgoing !== undefined) await once(outgoing, 'close');
        return writeBatch(requests);
      });
    });
    const socket = await send('DELETE /kv/n/?recursive HTTP/1.1\r\nHost: x');
    await first;
    socket.destroy();
    await answered;
    expect(await left()).toBe(2 * limits.pageItemsMax);

    vi.spyOn(under.store, 'write').mockImplementationOnce((requests) => {
      under.node.mode = 'read-only';
      return writeBatch(requests);
    });
    expect(await remove('n/?recursive')).toMatchObject({ status: 403, code: 'KVS_READ_ONLY' });
    expect(await left()).toBe(limits.pageItemsMax);
  });
});
