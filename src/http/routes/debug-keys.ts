import { KvsError } from '../../core/errors.ts';
import { parsePath } from '../../core/key-path.ts';
import { limits } from '../../core/limits.ts';
import type { ListedKey } from '../../core/ports.ts';
import { isAbsentAt, plainBytes, type Version } from '../../core/version.ts';
import type { HttpDeps, KvsApp } from '../context.ts';
import { cursorAfter, pathOfCursor } from '../cursor.ts';
import { allowOnly } from '../methods.ts';

/**
 * `/debug/keys`: the hierarchy of the keys, a level and a page at a time, and what is known of the version of one key.
 * Values are left to `/kv`.
 */
export function mountDebugKeys(app: KvsApp, deps: HttpDeps): void {
  app.get('/debug/keys', async (c) => {
    const prefix = c.req.query('prefix') ?? '';
    const cursor = c.req.query('cursor');
    const below = prefix === '' ? undefined : parsePath(prefix);
    const { entries, hasMore } = await deps.storeView.list(below, {
      depth: 1,
      entriesMax: limits.debugChildrenMax,
      bytesMax: limits.pageBytesMax,
      after: cursor === undefined ? undefined : pathOfCursor(cursor, prefix === '' ? '' : `${prefix}/`),
      withDead: true,
    });
    const now = deps.clock.now();
    const last = entries.at(-1);
    return c.json({
      prefix,
      children: entries.map((child) => childView(child, now)),
      next: hasMore && last !== undefined ? cursorAfter(last.path) : null,
    });
  });

  app.get('/debug/keys/version', async (c) => {
    const path = parsePath(c.req.query('path') ?? '');
    const version = await deps.store.get(path);
    if (version === undefined) throw new KvsError('KVS_KEY_NOT_FOUND', 'There is no version of this key');
    return c.json({ path, version: versionView(version, sizesOf(version), deps.clock.now()) });
  });

  for (const path of ['/debug/keys', '/debug/keys/version']) allowOnly(app, path, ['GET', 'HEAD']);
}

function childView(
  { path, version, bytes, storedBytes, hasChildren }: ListedKey,
  now: number,
): Record<string, unknown> {
  return {
    path,
    name: path.slice(path.lastIndexOf('/') + 1),
    has_children: hasChildren,
    version: version === undefined ? null : versionView(version, { bytes, storedBytes }, now),
  };
}

type Sizes = Pick<ListedKey, 'bytes' | 'storedBytes'>;

function sizesOf(version: Version): Sizes {
  return { bytes: plainBytes(version), storedBytes: version.data.length };
}

function versionView(version: Version, { bytes, storedBytes }: Sizes, now: number): Record<string, unknown> {
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
    bytes,
    stored_bytes: storedBytes,
  };
}
