import type { HttpBindings } from '@hono/node-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { exchange, makeApp, rawRequest, serve, type HttpUnderTest } from './harness.ts';

let under: HttpUnderTest;
beforeEach(async () => {
  under = await makeApp();
});
afterEach(() => under.close());

const post = (path: string, body: unknown) =>
  under.app.request(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });

const joining = { id: 'node2', address: '127.0.0.1:2', store_id: 's2', joined_timestamp: 5, incarnation: 1 };

describe('/health', () => {
  it('says who it is, in which mode, and with how many members', async () => {
    under.node.mode = 'syncing';
    await post('/members/join', joining);
    const answer = await under.app.request('/health');
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { status: 'ok', mode: 'syncing', member_count: 2, node_id: 'node1' },
    ]);
  });

  it('names who holds tombstones back, and why the cluster refuses this node', async () => {
    under.node.held = { count: 3, member: 'node7' };
    under.node.refusal = 'The cluster has forgotten the store of node1';
    expect(await (await under.app.request('/health')).json()).toMatchObject({
      tombstones_held: 3,
      tombstones_held_by: 'node7',
      refused: 'The cluster has forgotten the store of node1',
    });
  });

  it('is live while it serves, and ready only while it takes requests', async () => {
    expect((await under.app.request('/health/ready')).status).toBe(200);
    under.node.isReady = false;
    expect((await under.app.request('/health/ready')).status).toBe(503);
    expect((await under.app.request('/health/live')).status).toBe(200);
  });

  it('allows nothing but reading', async () => {
    const refused = await under.app.request('/health', { method: 'POST' });
    expect([refused.status, refused.headers.get('Allow')]).toEqual([405, 'GET, HEAD']);
  });
});

describe('/members', () => {
  it.each(['/members', '/members/'])('lists this node under %s', async (path) => {
    expect(await (await under.app.request(path)).json()).toEqual([
      { id: 'node1', address: '127.0.0.1:1', last_seen: under.clock.ms, joined_timestamp: 1, state: 'alive' },
    ]);
  });

  it('takes in a node that introduces itself, and tells it of all', async () => {
    const joined = await post('/members/join', joining);
    expect(joined.status).toBe(200);
    expect(await joined.json()).toMatchObject([
      { id: 'node1', incarnation: 0 },
      {
        id: 'node2',
        address: '127.0.0.1:2',
        store_id: 's2',
        joined_timestamp: 5,
        incarnation: 1,
        state: 'alive',
      },
    ]);
  });

  it('notes a goodbye, and no longer counts who left', async () => {
    await post('/members/join', joining);
    expect((await post('/members/leave', { id: 'node2', incarnation: 1 })).status).toBe(204);
    expect(await (await under.app.request('/members')).json()).toMatchObject([
      {},
      { id: 'node2', state: 'left' },
    ]);
    expect(await (await under.app.request('/health')).json()).toMatchObject({ member_count: 1 });
  });

  it('forgets who is gone, but nobody who is alive or unknown', async () => {
    await post('/members/join', joining);
    expect(await (await post('/members/forget', { id: 'node2' })).json()).toMatchObject({
      status: 409,
      code: 'KVS_MEMBER_ALIVE',
    });
    await post('/members/leave', { id: 'node2', incarnation: 1 });
    expect((await post('/members/forget', { id: 'node2' })).status).toBe(200);
    expect(await (await post('/members/forget', { id: 'node2' })).json()).toMatchObject({
      status: 404,
      code: 'KVS_MEMBER_NOT_FOUND',
    });
    expect((await post('/members/forget', { id: 'node1' })).status).toBe(409);
  });

  it.each([
    ['no JSON', '{', 'KVS_BAD_BODY', 'valid JSON'],
    ['not an object', '[]', 'KVS_BAD_REQUEST', 'The body'],
    ['no id', { ...joining, id: undefined }, 'KVS_BAD_REQUEST', 'id'],
    [
      'an address without port',
      { ...joining, address: 'host' },
      'KVS_BAD_REQUEST',
      'address: expected host:port',
    ],
    [
      'a timestamp beyond all bounds',
      { ...joining, joined_timestamp: 2 ** 53 },
      'KVS_BAD_REQUEST',
      'joined_timestamp',
    ],
  ])('refuses a join with %s, by name', async (_, body, code, detail) => {
    const refused = await post('/members/join', body);
    const problem = (await refused.json()) as { detail: string };
    expect(problem).toMatchObject({ status: 400, code });
    expect(problem.detail).toContain(detail);
  });

  it.each(['/members/join', '/members/leave'])(
    'refuses an incarnation at %s that no other node would take in',
    async (path) => {
      await post('/members/join', joining);
      const body = { ...joining, incarnation: limits.incarnationMax + 1 };
      expect(await (await post(path, body)).json()).toMatchObject({ status: 400, code: 'KVS_BAD_REQUEST' });
      const [, known] = (await (await post('/members/join', joining)).json()) as { incarnation: number }[];
      expect(known).toMatchObject({ incarnation: joining.incarnation, state: 'alive' });
    },
  );

  it('refuses another node with an id that is taken', async () => {
    const refused = await post('/members/join', { ...joining, id: 'node1' });
    expect(await refused.json()).toMatchObject({ status: 409, code: 'KVS_DUPLICATE_ID' });
  });

  it('refuses a handshake that is too large, and one member too many', async () => {
    expect((await post('/members/join', ' '.repeat(limits.handshakeBytesMax + 1))).status).toBe(413);
    for (let i = 0; i < limits.membersMax - 1; i++) {
      await post('/members/join', { ...joining, id: `n${i}`, store_id: `s${i}` });
    }
    expect(await (await post('/members/join', joining)).json()).toMatchObject({ code: 'KVS_OVERLOADED' });
  });
});

describe('/debug', () => {
  const get = async (path: string, headers: string[] = [], deps: Parameters<typeof makeApp>[0] = {}) => {
    const { app, close } = await makeApp(deps);
    const server = await serve(app);
    try {
      return await rawRequest(server.port, `GET ${path}`, headers);
    } finally {
      await server.close(0);
      await close();
    }
  };

  it('shows every actor, and one with its transitions', async () => {
    const all = await get('/debug/actors');
    expect(JSON.parse(all.body)).toMatchObject([{ id: 'node', state: 'running' }]);
    expect(JSON.parse((await get('/debug/actors/node')).body)).toMatchObject({ id: 'node', transitions: [] });
    expect(await get('/debug/actors/none')).toMatchObject({ status: 404, code: 'KVS_ACTOR_NOT_FOUND' });
  });

  it('shows what the store holds by its root digest, and counts', async () => {
    const shown = JSON.parse((await get('/debug/store')).body) as { root: string };
    expect(shown).toMatchObject({ sequence: 0, digests_ready: true, commits: 0, pending_writes: 0 });
    expect(shown.root).toMatch(/^[0-9a-f]{32}$/);
  });

  describe.each(['/debug/actors', '/debug/actors/node', '/debug/store', '/debug/events', '/debug/'])(
    '%s',
    (path) => {
      const ask = async (remoteAddress: string, headers: Record<string, string>) => {
        const incoming = { url: path, method: 'HEAD', headers, socket: { remoteAddress } };
        const env = { incoming } as unknown as Partial<HttpBindings>;
        return (await under.app.request(path, { method: 'HEAD' }, env)).status;
      };

      it.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])(
        'is open to a client at %s',
        async (address) => {
          for (const host of ['localhost', 'LOCALHOST:8080', '127.0.0.1:8080', '[::1]:8080']) {
            expect(await ask(address, { host })).toBe(path === '/debug/' ? 404 : 200);
          }
        },
      );

      it.each(['10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1', '128.0.0.1', '127.0.0.1.example', ''])(
        'is closed to a client at %s, whatever it says of itself',
        async (address) => {
          const claim = { host: 'localhost', 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1' };
          expect(await ask(address, { host: 'localhost' })).toBe(403);
          expect(await ask(address, claim)).toBe(403);
        },
      );

      it.each([
        ['by another name', { host: 'rebound.example' }],
        ['without a name', {}],
        ['through a proxy', { host: 'localhost', 'x-forwarded-for': '10.0.0.1' }],
        ['through a proxy that claims to be local', { host: 'localhost', 'x-forwarded-for': '127.0.0.1' }],
        ['through a standard proxy', { host: 'localhost', forwarded: 'for=10.0.0.1' }],
        ['through a proxy that names itself', { host: 'localhost', via: '1.1 proxy' }],
        ['through nginx', { host: 'localhost', 'x-real-ip': '10.0.0.1' }],
      ])('is closed to a client on this machine that comes %s', async (_, headers) => {
        expect(await ask('127.0.0.1', headers as Record<string, string>)).toBe(403);
      });
    },
  );

  it('is open to clients on this machine only, unless it is told otherwise', async () => {
    const { app, close } = await makeApp();
    const server = await serve(app);
    const foreign = 'GET /debug/actors HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n';
    expect(await exchange(server.port, foreign)).toMatch(/^HTTP\/1\.1 403 [^]*KVS_FORBIDDEN/);
    await server.close(0);
    await close();
    // Without a socket nobody can tell who asks.
    expect((await under.app.request('/debug/actors')).status).toBe(403);
    const open = await makeApp({ debugAccess: 'on' });
    expect((await open.app.request('/debug/actors')).status).toBe(200);
    await open.close();
    expect(await get('/debug/actors', [], { debugAccess: 'off' })).toMatchObject({
      status: 404,
      code: 'KVS_ROUTE_NOT_FOUND',
    });
  });
});
