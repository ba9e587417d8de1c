import { parseEncodedPath, type KeyPath } from '../../core/key-path.ts';
import type { KvsContext } from '../context.ts';

const routeLength = '/kv/'.length;
const slash = '/'.charCodeAt(0);

/** True for the path of a request that names a prefix rather than a key: `/kv/users/`, or `/kv/` for everything. */
export function isPrefix(path: string): boolean {
  return path.charCodeAt(path.length - 1) === slash;
}

/**
 * The key that a request names.
 *
 * @throws KvsError KVS_BAD_PATH
 */
export function keyPathOf(c: KvsContext): KeyPath {
  return parseEncodedPath(c.req.path.slice(routeLength));
}

export interface Prefix {
  /** Undefined: the top of the hierarchy. */
  readonly path: KeyPath | undefined;
  /** What the path of everything below begins with: empty, or with a slash at its end. */
  readonly text: string;
}

/**
 * The prefix that a request names.
 *
 * @throws KvsError KVS_BAD_PATH
 */
export function prefixOf(c: KvsContext): Prefix {
  return prefixIn(c.req.path);
}

/**
 * The prefix that a path of a request ends with, the slash included.
 *
 * @throws KvsError KVS_BAD_PATH
 */
export function prefixIn(requestPath: string): Prefix {
  const encoded = requestPath.slice(routeLength);
  if (encoded === '') return { path: undefined, text: '' };
  const path = parseEncodedPath(encoded.slice(0, -1));
  return { path, text: `${path}/` };
}
