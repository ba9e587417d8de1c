import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import type { Quorum } from '../../src/core/ports.ts';
import { runNode } from '../running-node.ts';
import { foreign, path } from '../store/harness.ts';
import { openSocket, rawRequest, startApp } from './harness.ts';

type Options = Parameters<Quorum['read']>[1];

/** A quorum that does what a test says, and remembers what it was asked for. */
class ScriptedQuorum implements Quorum {
  readonly asked: (Options & { readonly path: string })[] = [];
  answer: (options: Options) => ReturnType<Quorum['read']> = async () => undefined;

  read: Quorum['read'] = (key, options) => {
    this.asked.push({ ...options, path: key });
    return this.answer(options);
  };
}

async function start(options: Parameters<typeof startApp>[1] = {}) {
  const quorum = new ScriptedQuorum();
  const under = await startApp({ quorum }, options);
  const ask = (line: string, headers: readonly string[] = []) => rawRequest(under.server.port, line, headers);
  return { ...under, quorum, ask };
}

/** Ends as a read does whose signal is aborted. */
const untilAborted = ({ signal }: Options) =>
  new Promise<undefined>((_, reject) =>
    signal?.addEventListener('abort', () => reject(new KvsError('KVS_NO_QUORUM', 'given up'))),
  );

describe('GET and HEAD with consistency=quorum', () => {
  it('answer the version of the quorum as a plain GET does, conditions and compression included', async () => {
    const { quorum, ask, clock } = await start();
    const version = foreign({ data: Buffer.from('"quorum"'), expiresAt: clock.ms + 5_000 });
    quorum.answer = async () => version;
    const got = await ask('GET /kv/a%20b/c?consistency=quorum');
    expect(got).toMatchObject({ status: 200, body: '"quorum"' });
    for (const line of [`ETag: "${version.uuid}"`, 'KVS-TTL: 5', 'Content-Type: application/json']) {
      expect(got.head).toContain(line);
    }
    const head = await ask('HEAD /kv/a?consistency=quorum');
    expect([head.status, head.body]).toEqual([200, '']);
    expect(head.head).toContain('Content-Length: 8');
    const known = await ask('GET /kv/a?consistency=quorum', [`If-None-Match: "${version.uuid}"`]);
    expect(known.status).toBe(304);
    expect(quorum.asked.map((one) => one.path)).toEqual(['a b/c', 'a', 'a']);
  });

  it('are a 404 where the quorum knows nothing of the key, or that it is deleted or has expired', async () => {
    const { quorum, ask, clock } = await start();
    const versions = [undefined, foreign({ deleted: true }), foreign({ expiresAt: clock.ms })];
    for (const version of versions) {
      quorum.answer = async () => version;
      const got = await ask('GET /kv/k?consistency=quorum');
      expect(got).toMatchObject({ status: 404, code: 'KVS_KEY_NOT_FOUND' });
    }
  });

  it('are a 503 with the reason, and when to try again, where there is no majority', async () => {
    const { quorum, ask } = await start();
    quorum.answer = async () => {
      throw new KvsError('KVS_NO_QUORUM', '1 member of 2');
    };
    const got = await ask('GET /kv/k?consistency=quorum');
    expect(got).toMatchObject({ status: 503, code: 'KVS_NO_QUORUM' });
    expect(got.head).toMatch(/^Retry-After: 1\r?$/m);
    expect(JSON.parse(got.body)).toMatchObject({ detail: '1 member of 2' });
  });

  it('wait 5 s unless they say how long, and no longer than a minute', async () => {
    const { quorum, ask } = await start();
    const longest = limits.quorumTimeoutSecondsMax;
    for (const query of ['', '&timeout=0.25', `&timeout=${longest}`, '&timeout=0']) {
      expect((await ask(`GET /kv/k?consistency=quorum${query}`)).status).toBe(404);
    }
    expect(quorum.asked.map(({ timeoutMs }) => timeoutMs)).toEqual([5_000, 250, 60_000, 0]);
    for (const query of [`${longest}.001`, '-1', '1e1', '', 'soon']) {
      const got = await ask(`GET /kv/k?consistency=quorum&timeout=${query}`);
      expect(got).toMatchObject({ status: 400, code: 'KVS_BAD_REQUEST' });
    }
  });

  it('are not ended by the time-out of an idle connection', async () => {
    const { quorum, ask } = await start({ requestTimeoutMs: 200 });
    quorum.answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 600));
      return foreign();
    };
    expect(await ask('GET /kv/k?consistency=quorum')).toMatchObject({ status: 200 });
  });

  it('are given up when the client goes away, and no status is counted for them', async () => {
    const statuses: number[] = [];
    const { quorum, server } = await start({ onAnswered: ({ status }) => statuses.push(status) });
    let giveUp = (): void => undefined;
    const givenUp = new Promise<void>((resolve) => (giveUp = resolve));
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    quorum.answer = (options) => {
      options.signal?.addEventListener('abort', giveUp);
      begin();
      return untilAborted(options);
    };
    const socket = await openSocket(server.port);
    socket.write('GET /kv/k?consistency=quorum HTTP/1.1\r\nHost: x\r\n\r\n');
    await begun;
    socket.destroy();
    await givenUp;
    while (statuses.length === 0) await new Promise(setImmediate);
    expect(statuses).toEqual([0]);
  });

  it('are refused when the node stops, rather than keeping it from that', async () => {
    const { quorum, server, closing } = await start();
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    quorum.answer = (options) => {
      begin();
      return untilAborted(options);
    };
    const socket = await openSocket(server.port);
    socket.write('GET /kv/k?consistency=quorum HTTP/1.1\r\nHost: x\r\n\r\n');
    await begun;
    closing.abort();
    const [text] = (await once(socket, 'data')) as [string];
    expect(text).toMatch(/^HTTP\/1\.1 503 [^]*KVS_NOT_READY/);
  });
});

describe('consistency', () => {
  it('local is as if it were not there, for values, lists, watches and writes', async () => {
    const { ask, quorum, store } = await start();
    await store.merge([{ path: path('k'), version: foreign() }]);
    expect(await ask('GET /kv/k?consistency=local')).toMatchObject({ status: 200, body: '"foreign"' });
    expect((await ask('GET /kv/?consistency=local&count')).body).toBe('{"prefix":"","count":1}');
    expect((await ask('GET /kv/k?consistency=local&watch=wait&timeout=0')).status).toBe(200);
    expect((await ask('DELETE /kv/k?consistency=local')).status).toBe(204);
    expect(quorum.asked).toEqual([]);
  });

  it.each([
    ['GET /kv/k?consistency=', 'is none'],
    ['GET /kv/k?consistency=all', 'is none that is known'],
    ['GET /kv/k?consistency=QUORUM', 'is spelt otherwise'],
    ['GET /kv/k?consistency=quorum&consistency=local', 'is there twice and differs'],
    ['GET /kv/?consistency=quorum', 'is asked of a list'],
    ['GET /kv/a/?consistency=quorum&count', 'is asked of a count'],
    ['GET /kv/k?consistency=quorum&watch', 'is asked of a watch'],
    ['GET /kv/k?consistency=quorum&watch=wait', 'is asked of a long poll'],
    ['GET /kv/k?consistency=quorum&revisions', 'is asked of revisions'],
    ['GET /kv/k?consistency=quorum&revision=00000000-0000-4000-8000-000000000000', 'is asked of one of them'],
    ['POST /kv/k?consistency=quorum&restore=00000000-0000-4000-8000-000000000000', 'is asked of a restore'],
    ['PUT /kv/k?consistency=quorum', 'is asked of a write'],
    ['DELETE /kv/k?consistency=quorum', 'is asked of a deletion'],
    ['DELETE /kv/a/?recursive&consistency=quorum', 'is asked of many deletions'],
    ['POST /kv/?consistency=quorum', 'is asked of a batch'],
  ])('of %s is refused: it %s', async (line) => {
    const { ask, quorum, store } = await start();
    await store.merge([{ path: path('k'), version: foreign() }]);
    const { sequence } = store;
    const got = await ask(line, ['Content-Length: 0', 'Content-Type: application/x-ndjson']);
    expect(got).toMatchObject({ status: 400, code: 'KVS_BAD_REQUEST' });
    expect([quorum.asked, store.sequence]).toEqual([[], sequence]);
  });

  it('of a path that is none is a bad path', async () => {
    const { ask } = await start();
    expect(await ask('GET /kv/a/../b?consistency=quorum')).toMatchObject({ code: 'KVS_BAD_PATH' });
  });
});

describe('a node that is alone', () => {
  it('answers a quorum read from its own disk, at once', async () => {
    const { url } = await runNode();
    const key = `${url}/kv/k`;
    await fetch(key, { method: 'PUT', body: '{"a":1}' });
    const got = await fetch(`${key}?consistency=quorum&timeout=0`);
    expect([got.status, await got.text()]).toEqual([200, '{"a":1}']);
    await fetch(key, { method: 'DELETE' });
    expect((await fetch(`${key}?consistency=quorum`)).status).toBe(404);
  });
});
