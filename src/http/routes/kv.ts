import { isUtf8 } from 'node:buffer';
import { KvsError } from '../../core/errors.ts';
import { parseEncodedPath, type KeyPath } from '../../core/key-path.ts';
import { limits } from '../../core/limits.ts';
import { isAbsentAt, plainBytes, type Version } from '../../core/version.ts';
import type { BodyReader } from '../body.ts';
import { send } from '../answer.ts';
import { isJsonType } from '../json-value.ts';
import { header, type HttpDeps, type KvsApp, type KvsContext } from '../context.ts';
import { allowOnly } from '../methods.ts';
import { isPrefix, KvList } from './kv-list.ts';
import { assertNotEncoded, sendPacked } from './kv-encoding.ts';
import { instantAfter, ttlMsOf, withExpiry } from './kv-expiry.ts';
import { watchRoute } from './kv-watch.ts';

const prefixLength = '/kv/'.length;

/** `/kv/{path}`: the values; with a slash at its end a path names what is below it. */
export function mountKv(app: KvsApp, deps: HttpDeps, bodies: BodyReader): void {
  const list = new KvList(deps, assertWritable);
  const watch = watchRoute(deps);

  app.get('/kv/*', (c) => {
    const watched = c.req.url.includes('?') ? watch(c) : undefined;
    if (watched !== undefined) return watched;
    if (isPrefix(c.req.path)) return list.get(c);
    const path = pathOf(c);
    const known = deps.store.peek(path);
    return known === undefined ? readFromDisk(c, path) : answer(c, known);
  });

  app.put('/kv/*', async (c) => {
    assertWritable();
    const path = pathOf(c);
    const { contentType, isJson } = contentTypeOf(c);
    const ttlMs = ttlMsOf(c);
    assertNotEncoded(c);
    const data = await bodies.read(c, deps.maxValueBytes);
    if (isJson) assertJson(data);
    const expiresAt = instantAfter(ttlMs, deps.clock.now());
    const [result] = await deps.store.write([{ kind: 'put', path, contentType, data, expiresAt }]);
    if (result?.outcome !== 'created' && result?.outcome !== 'replaced')
      throw new Error('A put has no version');
    const { uuid, timestamp } = result.version;
    const expiry = expiresAt === undefined ? '' : `,"expires_at":${expiresAt}`;
    const body = `{"uuid":"${uuid}","timestamp":${timestamp}${expiry}}`;
    return send(c, {
      status: result.outcome === 'created' ? 201 : 200,
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
    assertWritable();
    const [result] = await deps.store.write([{ kind: 'delete', path: pathOf(c) }]);
    if (result?.outcome === 'absent') throw notFound();
    return send(c, { status: 204, headers: {}, body: null });
  });

  allowOnly(app, '/kv/*', ['GET', 'HEAD', 'PUT', 'DELETE']);

  async function readFromDisk(c: KvsContext, path: KeyPath): Promise<Response> {
    return answer(c, await deps.store.get(path));
  }

  function answer(c: KvsContext, version: Version | null | undefined): Response | Promise<Response> {
    const now = deps.clock.now();
    if (version === null || version === undefined || isAbsentAt(version, now)) throw notFound();
    const headers = withExpiry(headersOf(version), version, now);
    if (version.encoding !== undefined) return sendPacked(c, version, headers);
    return send(c, { status: 200, headers, body: version.data });
  }

  function assertWritable(): void {
    if (!deps.status.isReady()) throw new KvsError('KVS_NOT_READY', 'The node is starting or stopping');
    const mode = deps.status.mode();
    if (mode === 'read-only') throw new KvsError('KVS_READ_ONLY', 'This node takes no writes from clients');
    if (mode === 'syncing')
      throw new KvsError('KVS_SYNCING', 'This node takes no writes until it has its data');
  }
}

function pathOf(c: KvsContext): KeyPath {
  return parseEncodedPath(c.req.path.slice(prefixLength));
}

function textOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
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

const formType = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

/** A missing type, and the one that curl sends for `-d` by itself, mean JSON. */
function contentTypeOf(c: KvsContext): { contentType: string; isJson: boolean } {
  const sent = header(c, 'content-type')?.trim() ?? '';
  if (Buffer.byteLength(sent) > limits.contentTypeBytesMax) {
    throw new KvsError('KVS_BAD_REQUEST', `Content-Type is longer than ${limits.contentTypeBytesMax} bytes`);
  }
  if (sent === '' || formType.test(sent)) return { contentType: 'application/json', isJson: true };
  return { contentType: sent, isJson: isJsonType(sent) };
}

/** The bytes are stored as they came; they only must be JSON (RFC 8259), in UTF-8. */
function assertJson(data: Uint8Array): void {
  if (data.length === 0) throw new KvsError('KVS_BAD_BODY', 'The body is empty; JSON was expected');
  if (!isUtf8(data)) throw new KvsError('KVS_BAD_BODY', 'The body is not valid UTF-8');
  try {
    JSON.parse(textOf(data));
  } catch (cause) {
    throw new KvsError('KVS_BAD_BODY', 'The body is not valid JSON', { cause });
  }
}
