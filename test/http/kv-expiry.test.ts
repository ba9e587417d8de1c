import { beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { makeApp, rawRequest, startApp, type StartedApp } from './harness.ts';

let under: StartedApp;
beforeEach(async () => {
  under = await startApp();
});

const put = (target: string, headers: readonly string[] = []) =>
  rawRequest(
    under.server.port,
    `PUT /kv/${target}`,
    ['Content-Type: application/json', 'Content-Length: 1', ...headers],
    '1',
  );
const ask = (method: string, target: string) => rawRequest(under.server.port, `${method} /kv/${target}`);

/** A header of an answer; undefined where it is missing. */
function headerOf({ head }: { head: string }, name: string): string | undefined {
  return new RegExp(`^${name}: (.*?)\\r?$`, 'm').exec(head)?.[1];
}

describe('a value with a time to live', () => {
  it('says when it ends, in the answer to the PUT and to every GET and HEAD, and how long that is', async () => {
    const expiresAt = under.clock.ms + 90_000;
    const created = await put('k?ttl=90');
    expect(created.status).toBe(201);
    expect(JSON.parse(created.body)).toEqual({
      uuid: expect.any(String) as string,
      timestamp: under.clock.ms,
      expires_at: expiresAt,
    });
    under.clock.ms += 1;
    for (const method of ['GET', 'HEAD']) {
      const got = await ask(method, 'k');
      expect([got.status, headerOf(got, 'KVS-Expires-At'), headerOf(got, 'KVS-TTL')]).toEqual([
        200,
        String(expiresAt),
        '90',
      ]);
    }
    under.clock.ms = expiresAt - 1;
    expect(headerOf(await ask('GET', 'k'), 'KVS-TTL')).toBe('1');
  });

  it('is there until the last millisecond, and gone at the very instant: for GET, HEAD and DELETE', async () => {
    await put('k?ttl=0.5');
    under.clock.ms += 499;
    expect((await ask('GET', 'k')).status).toBe(200);
    under.clock.ms += 1;
    for (const method of ['GET', 'HEAD', 'DELETE']) expect((await ask(method, 'k')).status).toBe(404);
    expect((await put('k')).status).toBe(201);
  });

  it('is counted from when the value has come, not from when the request began', async () => {
    let now = under.clock.ms;
    const ticking = await makeApp({ clock: { now: () => (now += 10) } });
    const answer = await ticking.app.request('/kv/k?ttl=1', { method: 'PUT', body: '1' });
    expect(await answer.json()).toMatchObject({ expires_at: now + 1_000 });
    await ticking.close();
  });

  it('lasts for ever once it is written again without one, and starts over with another', async () => {
    await put('k?ttl=10');
    const { body } = await put('k');
    expect(JSON.parse(body)).not.toHaveProperty('expires_at');
    const lasting = await ask('GET', 'k');
    expect([headerOf(lasting, 'KVS-Expires-At'), headerOf(lasting, 'KVS-TTL')]).toEqual([
      undefined,
      undefined,
    ]);
    await put('k?ttl=20');
    under.clock.ms += 19_999;
    expect((await ask('GET', 'k')).status).toBe(200);
    under.clock.ms += 1;
    expect((await ask('GET', 'k')).status).toBe(404);
  });
});

describe('a time to live', () => {
  it.each([
    ['the query', 'k?ttl=5', []],
    ['the query of the shortest path', 'k?x&ttl=5&y', []],
    ['the header', 'k', ['KVS-TTL: 5']],
    ['the header of other clients', 'k', ['X-TTL: 5']],
    ['both, when they agree', 'k?ttl=5.0', ['KVS-TTL: 5']],
    ['a query that is percent-encoded', 'k?%74tl=%35', []],
  ])('is taken from %s', async (_, target, headers) => {
    expect(JSON.parse((await put(target, headers)).body)).toMatchObject({
      expires_at: under.clock.ms + 5_000,
    });
  });

  it.each([
    ['0.25', 250],
    ['1.1', 1_100],
    ['0.0004', 1],
  ])('of %s s is %d ms', async (ttl, ms) => {
    expect(JSON.parse((await put(`k?ttl=${ttl}`)).body)).toMatchObject({ expires_at: under.clock.ms + ms });
  });

  it('is taken up to a hundred years, and refused beyond', async () => {
    const seconds = limits.ttlMsMax / 1_000;
    expect(JSON.parse((await put(`k?ttl=${seconds}`)).body)).toMatchObject({
      expires_at: under.clock.ms + limits.ttlMsMax,
    });
    expect(await put(`k?ttl=${seconds + 1}`)).toMatchObject({ status: 400, code: 'KVS_BAD_REQUEST' });
  });

  it('never ends later than a timestamp can say', async () => {
    under.clock.ms = limits.timestampMsMax - 1_000;
    expect(JSON.parse((await put('k?ttl=5')).body)).toMatchObject({ expires_at: limits.timestampMsMax });
  });

  it.each([
    ['k?ttl='],
    ['k?ttl'],
    ['k?ttl=0'],
    ['k?ttl=-1'],
    ['k?ttl=1e3'],
    ['k?ttl=0x10'],
    ['k?ttl=NaN'],
    ['k?ttl=5s'],
    ['k?ttl=%2B5'],
    ['k?ttl=5&ttl=6'],
    ['k', 'KVS-TTL: soon'],
    ['k', 'KVS-TTL: '],
    ['k?ttl=5', 'KVS-TTL: 6'],
    ['k', 'KVS-TTL: 5', 'X-TTL: 6'],
    ['k', 'X-TTL: soon'],
  ])('is refused as it stands in %s %s, and nothing is stored', async (target, ...headers) => {
    expect(await put(target, headers)).toMatchObject({ status: 400, code: 'KVS_BAD_REQUEST' });
    expect(under.store.sequence).toBe(0);
  });
});
