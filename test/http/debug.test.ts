import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { PageFiles } from '../../src/http/page-files.ts';
import { del, put } from '../store/harness.ts';
import { makeApp, type HttpUnderTest } from './harness.ts';

let under: HttpUnderTest;
beforeEach(async () => {
  under = await makeApp({
    debugAccess: 'on',
    links: () => [
      {
        id: 'node2',
        failures: 3,
        failingSince: 5,
        error: 'nobody there',
        roundTripMs: undefined,
        waiting: 7,
        lagMs: 40,
        sentBytes: 300,
        receivedBytes: 20,
      },
    ],
  });
});
afterEach(() => under.close());

const json = async (path: string) =>
  (await (await under.app.request(path)).json()) as Record<string, unknown>;

describe('/debug/actors', () => {
  it('gives those that are asked for, without their definitions', async () => {
    const answer = (await json('/debug/actors?id=none&id=node')) as unknown;
    expect(answer).toEqual([
      { id: 'node', machine: 'node', state: 'running', status: 'active', context: {}, since: 1, restarts: 0 },
    ]);
  });
});

describe('/debug/cluster', () => {
  it('tells of the node, of each member, and how it goes with it', async () => {
    const body = { id: 'node2', address: 'h:2', store_id: 's2', joined_timestamp: 5, incarnation: 1 };
    await under.app.request('/members/join', { method: 'POST', body: JSON.stringify(body) });
    under.node.mode = 'syncing';
    under.node.held = { count: 2, member: 'node2' };
    expect(await json('/debug/cluster')).toEqual({
      now: under.clock.ms,
      node: {
        id: 'node1',
        mode: 'syncing',
        ready: true,
        started_at: under.clock.ms,
        refused: null,
        tombstones_held: 2,
        tombstones_held_by: 'node2',
      },
      members: [
        expect.objectContaining({ id: 'node1', state: 'alive', link: null }),
        expect.objectContaining({
          id: 'node2',
          address: 'h:2',
          state: 'alive',
          joined_timestamp: 5,
          link: {
            failures: 3,
            failing_since: 5,
            error: 'nobody there',
            round_trip_ms: null,
            waiting: 7,
            lag_ms: 40,
            sent_bytes: 300,
            received_bytes: 20,
          },
        }),
      ],
    });
  });
});

describe('/debug/keys', () => {
  it('lists a level of the hierarchy with versions, and never a value', async () => {
    await under.store.write([
      put('a/b', '"secret"'),
      put('a', '1'),
      put('c', '2', under.clock.ms - 1),
      put('d', '3'),
    ]);
    await under.store.write([del('d')]);
    const top = await json('/debug/keys');
    expect(top).toMatchObject({
      prefix: '',
      children: [
        {
          path: 'a',
          name: 'a',
          has_children: true,
          version: { state: 'live', bytes: 1, origin: 'node1', votes: 0 },
        },
        { path: 'c', version: { state: 'expired' } },
        { path: 'd', has_children: false, version: { state: 'deleted' } },
      ],
      next: null,
    });
    const below = await json('/debug/keys?prefix=a');
    expect(below).toMatchObject({ prefix: 'a', children: [{ path: 'a/b', name: 'b' }] });
    expect(JSON.stringify([top, below])).not.toContain('secret');
  });

  it('goes on from a cursor, a bounded page at a time', async () => {
    const count = limits.debugChildrenMax + 5;
    const keys = Array.from({ length: count }, (_, i) => `k ${String(i).padStart(4, '0')}`);
    await under.store.write(keys.map((key) => put(key, '1')));
    const first = await json('/debug/keys');
    expect(first['children']).toHaveLength(limits.debugChildrenMax);
    const second = await json(`/debug/keys?cursor=${String(first['next'])}`);
    expect(second['next']).toBeNull();
    expect(
      [...(first['children'] as { path: string }[]), ...(second['children'] as { path: string }[])].map(
        ({ path }) => path,
      ),
    ).toEqual(keys);
  });

  it.each([
    ['/debug/keys?prefix=a//b', 'KVS_BAD_PATH'],
    ['/debug/keys?cursor=', 'KVS_BAD_REQUEST'],
    [`/debug/keys?cursor=${'A'.repeat(2_000)}`, 'KVS_BAD_REQUEST'],
    ['/debug/keys/version', 'KVS_BAD_PATH'],
  ])('refuses %s', async (path, code) => {
    expect(await json(path)).toMatchObject({ status: 400, code });
  });

  it('tells of one version where it came from, or that there is none', async () => {
    await under.store.write([put('a/é b', '"x"')]);
    expect(await json(`/debug/keys/version?path=${encodeURIComponent('a/é b')}`)).toMatchObject({
      path: 'a/é b',
      version: {
        timestamp: under.clock.ms,
        counter: 0,
        origin: 'node1',
        state: 'live',
        expires_at: null,
        content_type: 'application/json',
        bytes: 3,
      },
    });
    expect(await json('/debug/keys/version?path=none')).toMatchObject({
      status: 404,
      code: 'KVS_KEY_NOT_FOUND',
    });
  });
});

describe('/debug/', () => {
  async function page(): Promise<HttpUnderTest> {
    const folder = await mkdtemp(join(tmpdir(), 'kvs-page-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'index.html'), '<!doctype html>');
    await writeFile(join(folder, 'page-1.js'), 'export {};'.repeat(100));
    await writeFile(join(folder, 'secret.txt'), 'not part of the page');
    const open = await makeApp({ debugAccess: 'on', page: new PageFiles(folder) });
    onTestFinished(() => open.close());
    return open;
  }

  it('is the page, which may load nothing but what the node itself has', async () => {
    const { app } = await page();
    const answer = await app.request('/debug/');
    expect([answer.status, await answer.text()]).toEqual([200, '<!doctype html>']);
    expect(answer.headers.get('Content-Type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('Cache-Control')).toBe('no-cache');
    const policy = answer.headers.get('Content-Security-Policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(policy).not.toContain('http');
    expect(answer.headers.get('X-Content-Type-Options')).toBe('nosniff');
    const moved = await app.request('/debug');
    expect([moved.status, moved.headers.get('Location')]).toEqual([308, 'debug/']);
  });

  it('has files that never change, packed for whoever can unpack them', async () => {
    const { app } = await page();
    const plain = await app.request('/debug/assets/page-1.js');
    expect(plain.headers.get('Cache-Control')).toContain('immutable');
    expect(plain.headers.get('Content-Type')).toContain('javascript');
    const zipped = await app.request('/debug/assets/page-1.js', {
      headers: { 'Accept-Encoding': 'br, gzip' },
    });
    expect(zipped.headers.get('Content-Encoding')).toBe('gzip');
    const bytes = Buffer.from(await zipped.arrayBuffer());
    expect(gunzipSync(bytes).toString()).toBe(await plain.text());
    expect(zipped.headers.get('ETag')).not.toBe(plain.headers.get('ETag'));
    const known = await app.request('/debug/assets/page-1.js', {
      headers: { 'If-None-Match': plain.headers.get('ETag') ?? '' },
    });
    expect([known.status, await known.text()]).toEqual([304, '']);
    const weak = { 'If-None-Match': `"other", W/${plain.headers.get('ETag')}` };
    expect((await app.request('/debug/assets/page-1.js', { headers: weak })).status).toBe(304);
    const any = { 'If-None-Match': '*' };
    expect((await app.request('/debug/assets/page-1.js', { headers: any })).status).toBe(304);
  });

  it('gives nothing that is not part of the page, and says when it was not built', async () => {
    const { app } = await page();
    for (const name of ['secret.txt', 'none.js', '..%2Findex.html', 'index.html%00']) {
      expect((await app.request(`/debug/assets/${name}`)).status).toBe(404);
    }
    const missing = await under.app.request('/debug/');
    expect(((await missing.json()) as { detail: string }).detail).toContain('npm run build');
  });

  it('is as open as everything under /debug', async () => {
    const local = await makeApp({ debugAccess: 'local' });
    const off = await makeApp({ debugAccess: 'off' });
    for (const path of ['/debug', '/debug/', '/debug/assets/page.js', '/debug/keys', '/debug/cluster']) {
      expect([path, (await local.app.request(path)).status]).toEqual([path, 403]);
      expect([path, (await off.app.request(path)).status]).toEqual([path, 404]);
    }
    await Promise.all([local.close(), off.close()]);
  });
});
