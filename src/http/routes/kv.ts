import { isUtf8 } from 'node:buffer';
import { KvsError } from '../../core/errors.ts';
import { parseEncodedPath, type KeyPath } from '../../core/key-path.ts';
import { limits } from '../../core/limits.ts';
import { isAbsentAt, type Version } from '../../core/version.ts';
import type { BodyReader } from '../body.ts';
import { send } from '../answer.ts';
import { conditionOf, insteadOfVersion, insteadOfWrite } from '../conditions.ts';
import { header, type HttpDeps, type KvsApp, type KvsContext } from '../context.ts';
import { allowOnly } from '../methods.ts';

const prefixLength = '/kv/'.length;

/** `/kv/{path}`: the values. */
export function mountKv(app: KvsApp, deps: HttpDeps, bodies: BodyReader): void {
  app.get('/kv/*', (c) => {
    const path = pathOf(c);
    const known = deps.store.peek(path);
    return known === undefined ? readFromDisk(c, path) : answer(c, known);
  });

  app.put('/kv/*', async (c) => {
    assertWritable();
    const path = pathOf(c);
    const { contentType, isJson } = contentTypeOf(c);
    const condition = conditionOf(c);
    const data = await bodies.read(c, deps.maxValueBytes);
    if (isJson) assertJson(data);
    const [result] = await deps.store.write([{ kind: 'put', path, contentType, data, condition }]);
    const refused = insteadOfWrite(result);
    if (refused !== undefined) return send(c, refused);
    if (result?.outcome !== 'created' && result?.outcome !== 'replaced')
      throw new Error('A put has no version');
    const { uuid, timestamp } = result.version;
    const body = `{"uuid":"${uuid}","timestamp":${timestamp}}`;
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
    assertWritable();
    const condition = conditionOf(c);
    const [result] = await deps.store.write([{ kind: 'delete', path: pathOf(c), condition }]);
    if (result?.outcome === 'absent') throw notFound();
    const refused = insteadOfWrite(result);
    if (refused !== undefined) return send(c, refused);
    return send(c, { status: 204, headers: {}, body: null });
  });

  allowOnly(app, '/kv/*', ['GET', 'HEAD', 'PUT', 'DELETE']);

  async function readFromDisk(c: KvsContext, path: KeyPath): Promise<Response> {
    return answer(c, await deps.store.get(path));
  }

  function answer(c: KvsContext, version: Version | null | undefined): Response {
    if (version === null || version === undefined || isAbsentAt(version, deps.clock.now())) throw notFound();
    const instead = insteadOfVersion(c, version);
    if (instead !== undefined) return send(c, instead);
    return send(c, { status: 200, headers: headersOf(version), body: version.data });
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
    'Content-Length': String(version.data.length),
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

const jsonType = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;
const formType = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

/** A missing type, and the one that curl sends for `-d` by itself, mean JSON. */
function contentTypeOf(c: KvsContext): { contentType: string; isJson: boolean } {
  const sent = header(c, 'content-type')?.trim() ?? '';
  if (Buffer.byteLength(sent) > limits.contentTypeBytesMax) {
    throw new KvsError('KVS_BAD_REQUEST', `Content-Type is longer than ${limits.contentTypeBytesMax} bytes`);
  }
  if (sent === '' || formType.test(sent)) return { contentType: 'application/json', isJson: true };
  return { contentType: sent, isJson: jsonType.test(sent) };
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
