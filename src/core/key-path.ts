import { KvsError } from './errors.ts';
import { limits } from './limits.ts';

declare const keyPathBrand: unique symbol;

/**
 * A valid key path: one or more non-empty segments joined by `/`, decoded, without control characters, without
 * `.` and `..` segments, without a segment that is a lone `:` (reserved for the list protocol), at most
 * `limits.pathBytesMax` bytes of UTF-8. No Unicode normalization takes place: two spellings are two keys.
 */
export type KeyPath = string & { readonly [keyPathBrand]: true };

const encoder = new TextEncoder();

// C0 and C1 controls and DEL.
// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u001f\u007f-\u009f]/;

const halfPair = /\p{Surrogate}/u;

// A path of these characters only, no longer than this, needs no decoding, no counting of bytes and no splitting.
const plain =
  /^[A-Za-z0-9_~!$&'()*+,;=@-][A-Za-z0-9_~!$&'()*+,;=@.:-]*(?:\/[A-Za-z0-9_~!$&'()*+,;=@-][A-Za-z0-9_~!$&'()*+,;=@.:-]*)*$/;

/**
 * Parses the path of a URL, still percent-encoded, as it stood on the request line after the route's prefix.
 * A `%2F` is refused rather than guessed at: as a separator it would change the key's meaning between clients,
 * as a letter it could not be written down again.
 *
 * @throws KvsError KVS_BAD_PATH
 */
export function parseEncodedPath(encoded: string): KeyPath {
  if (isPlain(encoded)) return encoded;
  // HTTP clients that send raw bytes mean some encoding, and no header says which.
  if (/[^!-~]/.test(encoded)) throw bad('everything but visible ASCII must be percent-encoded');
  if (/%2f/i.test(encoded)) {
    throw bad('%2F is not allowed inside a segment; write / between segments');
  }
  let decoded: string;
  try {
    decoded = decodeURIComponent(encoded);
  } catch (cause) {
    throw new KvsError('KVS_BAD_PATH', 'The path is not valid percent-encoded UTF-8', { cause });
  }
  return parsePath(decoded);
}

/**
 * Checks a decoded path.
 *
 * @throws KvsError KVS_BAD_PATH
 */
export function parsePath(path: string): KeyPath {
  if (isPlain(path)) return path;
  if (path === '') throw bad('the path is empty');
  if (path.length > limits.pathBytesMax || encoder.encode(path).length > limits.pathBytesMax) {
    throw bad(`the path is longer than ${limits.pathBytesMax} bytes of UTF-8`);
  }
  if (control.test(path)) throw bad('control characters are not allowed');
  if (halfPair.test(path)) throw bad('half a surrogate pair has no form in UTF-8');
  for (const segment of path.split('/')) {
    if (segment === '') throw bad('segments must not be empty (no leading, trailing or double slash)');
    if (segment === '.' || segment === '..') throw bad('"." and ".." are not allowed as segments');
    if (segment === ':') throw bad('a lone ":" is reserved as a segment');
  }
  return path as KeyPath;
}

function isPlain(path: string): path is KeyPath {
  return path.length <= limits.pathBytesMax && plain.test(path);
}

function bad(reason: string): KvsError {
  return new KvsError('KVS_BAD_PATH', `Bad key path: ${reason}`);
}
