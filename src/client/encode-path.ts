import { KvsClientError } from './kvs-client-error.ts';

/**
 * The path of a key as it stands in a URL. Refuses what would name something else there: `fetch` resolves `.` and `..`,
 * a slash at the end names a list, and a lone `:` is reserved.
 *
 * @throws KvsClientError KVS_BAD_PATH
 */
export function encodePath(path: string): string {
  return path.split('/').map(encodeSegment).join('/');
}

/** What names everything below a path: the path, with or without a slash at its end; empty for everything there is. */
export function encodePrefix(prefix: string): string {
  if (prefix === '' || prefix === '/') return '';
  return `${encodePath(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix)}/`;
}

function encodeSegment(segment: string): string {
  if (segment === '') throw bad('segments must not be empty');
  if (segment === '.' || segment === '..') throw bad('"." and ".." are not allowed as segments');
  if (segment === ':') throw bad('a lone ":" is reserved as a segment');
  try {
    return encodeURIComponent(segment);
  } catch (cause) {
    throw bad('it has half a surrogate pair', cause);
  }
}

function bad(reason: string, cause?: unknown): KvsClientError {
  return new KvsClientError({ code: 'KVS_BAD_PATH', status: 400, detail: `Bad key path: ${reason}`, cause });
}
