import { KvsError } from '../../core/errors.ts';
import { parseEncodedPath, type KeyPath } from '../../core/key-path.ts';
import { isAbsentAt, plainBytes, type Version } from '../../core/version.ts';
import type { BodyReader } from '../body.ts';
import { send } from '../answer.ts';
import { conditionOf, insteadOfVersion, insteadOfWrite } from '../conditions.ts';
import { header, type HttpDeps, type KvsApp, type KvsContext } from '../context.ts';
import { answerOfPut, idempotencyOf } from '../idempotency.ts';
import { allowOnly } from '../methods.ts';
import { isLenient } from '../preference.ts';
import { isPrefix, KvList } from './kv-list.ts';
import { isUnstorageList, UnstorageList } from './kv-unstorage.ts';
import { assertNotEncoded, sendPacked } from './kv-encoding.ts';
import { expiryMember, instantAfter, ttlMsOf, withExpiry } from '../ttl.ts';
import { watchRoute } from './kv-watch.ts';
import { assertJson, parseContentType } from '../value.ts';
import { assertTakesWrites } from '../writable.ts';

const prefixLength = '/kv/'.length;

/** `/kv/{path}`: the values; with a slash at its end a path names what is below it. */
export function mountKv(app: KvsApp, deps: HttpDeps, bodies: BodyReader): void {
  const list = new KvList(deps);
  const unstorage = new UnstorageList(deps, list);
  const watch = watchRoute(deps);

  app.get('/kv/*', (c) => {
    const watched = watch(c);
    if (watched !== undefined) return watched;
    if (isPrefix(c.req.path)) return list.get(c);
    if (isUnstorageList(c.req.path)) return unstorage.get(c);
    const path = pathOf(c);
    const known = deps.store.peek(path);
    return known === undefined ? readFromDisk(c, path) : answer(c, known);
  });

  app.put('/kv/*', async (c) => {
    assertTakesWrites(deps.status);
    const path = pathOf(c);
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
    const refused = insteadOfWrite(result);
    if (refused !== undefined) return send(c, refused);
    const { outcome, uuid, timestamp, expiresAt: endsAt } = answerOfPut(result);
    const body = `{"uuid":"${uuid}","timestamp":${timestamp}${expiryMember(endsAt)}}`;
    return send(c, {
      status: outcome === 'created' ? 201 : 200,
      headers: {
        'Content-Type': 'application/json',
        'Content-Length': String(body.length),
        ETag: `"${uuid}"`,
      },
      body,
    });
  });

  app.delete('/kv/*', async (c) => {
    if (isPrefix(c.req.path)) return list.delete(c);
    if (isUnstorageList(c.req.path)) return unstorage.delete(c);
    assertTakesWrites(deps.status);
    const condition = conditionOf(c);
    const [result] = await deps.store.write([{ kind: 'delete', path: pathOf(c), condition }]);
    if (result?.outcome === 'absent' && !isLenient(c)) throw notFound();
    const refused = insteadOfWrite(result);
    if (refused !== undefined) return send(c, refused);
    return send(c, { status: 204, headers: {}, body: null });
  });

  allowOnly(app, '/kv/*', ['GET', 'HEAD', 'PUT', 'DELETE']);

  async function readFromDisk(c: KvsContext, path: KeyPath): Promise<Response> {
    return answer(c, await deps.store.get(path));
  }

  function answer(c: KvsContext, version: Version | null | undefined): Response | Promise<Response> {
    const now = deps.clock.now();
    if (version === null || version === undefined || isAbsentAt(version, now)) throw notFound();
    const instead = insteadOfVersion(c, version);
    if (instead !== undefined) return send(c, instead);
    const headers = withExpiry(headersOf(version), version, now);
    if (version.encoding !== undefined) return sendPacked(c, version, headers);
    return send(c, { status: 200, headers, body: version.data });
  }
}

function pathOf(c: KvsContext): KeyPath {
  return parseEncodedPath(c.req.path.slice(prefixLength));
}

/** A version never changes, and neither do its headers: what is read again and again needs them made only once. */
const headersOfVersions = new WeakMap<Version, Readonly<Record<string, string>>>();

function headersOf(version: Version): Readonly<Record<string, string>> {
  const known = headersOfVersions.get(version);
  if (known !== undefined) return known;
  const headers = {
    'Content-Type': version.contentType,
    'Content-Length': String(plainBytes(version)),
    ETag: `"${version.uuid}"`,
    'Last-Modified': new Date(version.timestamp).toUTCString(),
    'KVS-Timestamp': String(version.timestamp),
    'X-Content-Type-Options': 'nosniff',
  };
  headersOfVersions.set(version, headers);
  return headers;
}

function notFound(): KvsError {
  return new KvsError('KVS_KEY_NOT_FOUND', 'There is no such key');
}
