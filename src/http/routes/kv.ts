import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { KvsError } from '../../core/errors.ts';
import type { KeyPath } from '../../core/key-path.ts';
import { isAbsentAt, type Version } from '../../core/version.ts';
import type { BodyReader } from '../body.ts';
import { send } from '../answer.ts';
import { wantsQuorum } from '../consistency.ts';
import { conditionOf, insteadOfWrite } from '../conditions.ts';
import { header, type HttpDeps, type KvsApp, type KvsContext } from '../context.ts';
import { idempotencyOf } from '../idempotency.ts';
import { allowOnly, refuseMethod } from '../methods.ts';
import { assertPlainWrite } from '../plain-write.ts';
import { isLenient } from '../preference.ts';
import { queryOf } from '../query.ts';
import { KvList } from './kv-list.ts';
import { isPrefix, keyPathOf } from './kv-path.ts';
import { isUnstorageList, UnstorageList } from './kv-unstorage.ts';
import { assertNotEncoded } from './kv-encoding.ts';
import { KvQuorum } from './kv-quorum.ts';
import { KvRevisions } from './kv-revisions.ts';
import { instantAfter, ttlMsOf } from '../ttl.ts';
import { sendVersion, sendWritten } from './kv-answer.ts';
import { watchRoute } from './kv-watch.ts';
import { assertJson, parseContentType } from '../value.ts';
import { assertTakesWrites } from '../writable.ts';

/** Of a path by itself; with `?restore` it takes a POST. */
const allowed = ['GET', 'HEAD', 'PUT', 'DELETE'];

/** `/kv/{path}`: the values; with a slash at its end a path names what is below it. */
export function mountKv(app: KvsApp, deps: HttpDeps, bodies: BodyReader): void {
  const list = new KvList(deps);
  const unstorage = new UnstorageList(deps, list);
  const watch = watchRoute(deps);
  const revisions = new KvRevisions(deps);
  const quorum = new KvQuorum(deps);

  app.get('/kv/*', (c) => {
    const query = queryOf(c);
    const asked = query && (readFromQuorum(c, query) ?? watch(c, query) ?? revisions.get(c, query));
    if (asked !== undefined) return asked;
    if (isPrefix(c.req.path)) return list.get(c);
    if (isUnstorageList(c.req.path)) return unstorage.get(c);
    const path = keyPathOf(c);
    const known = deps.store.peek(path);
    return known === undefined ? readFromDisk(c, path) : answer(c, known);
  });

  app.put('/kv/*', async (c) => {
    assertTakesWrites(deps.status);
    assertPlainWrite(c);
    const path = keyPathOf(c);
    const { contentType, isJson } = parseContentType(header(c, 'content-type') ?? '');
    const ttlMs = ttlMsOf(c);
    const condition = conditionOf(c);
    assertNotEncoded(c);
    const data = await bodies.read(c, deps.maxValueBytes);
    if (isJson) assertJson(data);
    const idempotency = idempotencyOf(c, { contentType, ttlMs, data });
    const expiresAt = instantAfter(ttlMs, deps.clock.now());
    const request = { kind: 'put', path, contentType, data, expiresAt, condition, idempotency } as const;
    const [result] = await deps.store.write([request]);
    return sendWritten(c, result);
  });

  app.delete('/kv/*', async (c) => {
    assertPlainWrite(c);
    if (isPrefix(c.req.path)) return list.delete(c);
    if (isUnstorageList(c.req.path)) return unstorage.delete(c);
    assertTakesWrites(deps.status);
    const condition = conditionOf(c);
    const [result] = await deps.store.write([{ kind: 'delete', path: keyPathOf(c), condition }]);
    if (result?.outcome === 'absent' && !isLenient(c)) throw notFound();
    const refused = insteadOfWrite(result);
    if (refused !== undefined) return send(c, refused);
    return send(c, { status: 204, headers: {}, body: null });
  });

  app.post('/kv/*', (c) => {
    const query = queryOf(c);
    return (query && revisions.post(c, query)) ?? refuseMethod(c, allowed);
  });

  allowOnly(app, '/kv/*', allowed, ['POST']);

  function readFromQuorum(c: KvsContext, query: URLSearchParams): Promise<Response> | undefined {
    return wantsQuorum(query) ? askQuorum(c, query) : undefined;
  }

  async function askQuorum(c: KvsContext, query: URLSearchParams): Promise<Response> {
    const version = await quorum.read(c, query);
    return version === 'gone' ? RESPONSE_ALREADY_SENT : answer(c, version);
  }

  async function readFromDisk(c: KvsContext, path: KeyPath): Promise<Response> {
    return answer(c, await deps.store.get(path));
  }

  function answer(c: KvsContext, version: Version | null | undefined): Response | Promise<Response> {
    const now = deps.clock.now();
    if (version === null || version === undefined || isAbsentAt(version, now)) throw notFound();
    return sendVersion(c, version, now);
  }
}

function notFound(): KvsError {
  return new KvsError('KVS_KEY_NOT_FOUND', 'There is no such key');
}
