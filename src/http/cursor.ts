import { KvsError } from '../core/errors.ts';
import { parsePath, type KeyPath } from '../core/key-path.ts';

/** Where a list goes on: after this path, whether or not it is still there. Clients take it as it is. */
export function cursorAfter(path: KeyPath): string {
  return Buffer.from(path).toString('base64url');
}

/**
 * The path in a cursor of a list; `prefix` is what all paths of the list begin with.
 *
 * @throws KvsError KVS_BAD_REQUEST when this is no cursor of such a list
 */
export function pathOfCursor(cursor: string, prefix: string): KeyPath {
  try {
    const path = parsePath(Buffer.from(cursor, 'base64url').toString());
    if (path.startsWith(prefix) && cursorAfter(path) === cursor) return path;
  } catch (cause) {
    throw new KvsError('KVS_BAD_REQUEST', notOurs, { cause });
  }
  throw new KvsError('KVS_BAD_REQUEST', notOurs);
}

const notOurs = 'The cursor is not one that a node gave out for this list';
