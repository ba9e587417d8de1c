import { KvsError } from '../../core/errors.ts';
import { parsePath } from '../../core/key-path.ts';
import { limits } from '../../core/limits.ts';
import type { KeyChild } from '../../core/ports.ts';
import { isAbsentAt, plainBytes, type Version } from '../../core/version.ts';
import type { HttpDeps, KvsApp } from '../context.ts';
import { allowOnly } from '../methods.ts';

/**
 * `/debug/keys`: the hierarchy of the keys, a level and a page at a time, and what is known of the version of one key.
 * Values are left to `/kv`.
 */
export function mountDebugKeys(app: KvsApp, deps: HttpDeps): void {
  app.get('/debug/keys', async (c) => {
    const prefix = c.req.query('prefix') ?? '';
    const cursor = c.req.query('cursor');
    const { children, next } = await deps.storeView.children(prefix === '' ? undefined : parsePath(prefix), {
      childrenMax: limits.debugChildrenMax,
      from: cursor === undefined ? undefined : positionOf(cursor),
    });
    const now = deps.clock.now();
    return c.json({
      prefix,
      children: children.map((child) => childView(child, now)),
      next: next === undefined ? null : Buffer.from(next).toString('base64url'),
    });
  });

  app.get('/debug/keys/version', async (c) => {
    const path = parsePath(c.req.query('path') ?? '');
    const version = await deps.store.get(path);
    if (version === undefined) throw new KvsError('KVS_KEY_NOT_FOUND', 'There is no version of this key');
    return c.json({ path, version: versionView(version, deps.clock.now()) });
  });

  for (const path of ['/debug/keys', '/debug/keys/version']) allowOnly(app, path, ['GET', 'HEAD']);
}

/** A position is a key with its keyspace, and a byte behind it. */
const positionBytesMax = limits.pathBytesMax + 2;

function positionOf(cursor: string): Uint8Array {
  const position = Buffer.from(cursor, 'base64url');
  if (position.length > 0 && position.length <= positionBytesMax) return position;
  throw new KvsError('KVS_BAD_REQUEST', 'The cursor is not one that this node gave out');
}

function childView({ path, version, hasChildren }: KeyChild, now: number): Record<string, unknown> {
  return {
    path,
    name: path.slice(path.lastIndexOf('/') + 1),
    has_children: hasChildren,
    version: version === undefined ? null : versionView(version, now),
  };
}

function versionView(version: Version, now: number): Record<string, unknown> {
  return {
    uuid: version.uuid,
    timestamp: version.timestamp,
    counter: version.counter,
    origin: version.origin,
    origin_joined: version.originJoined,
    votes: version.votes,
    state: version.deleted ? 'deleted' : isAbsentAt(version, now) ? 'expired' : 'live',
    expires_at: version.expiresAt ?? null,
    content_type: version.contentType,
    bytes: plainBytes(version),
    stored_bytes: version.data.length,
  };
}
