import { KvsError } from '../core/errors.ts';
import { uuidPattern } from '../core/version.ts';
import type { KvsContext } from './context.ts';

/**
 * The query of a request, as it stands on the request line; undefined when there is none. Hono's own `query()` looks for
 * it behind the host of a URL, and finds none in a short target such as `/kv/?count`.
 *
 * @throws KvsError KVS_BAD_REQUEST when it is not percent-encoded UTF-8: `URLSearchParams` would put other characters there
 */
export function queryOf(c: KvsContext): URLSearchParams | undefined {
  const target = c.env?.incoming?.url ?? c.req.url;
  const start = target.indexOf('?');
  if (start < 0) return undefined;
  const text = target.slice(start + 1);
  try {
    decodeURIComponent(text);
  } catch (cause) {
    throw new KvsError('KVS_BAD_REQUEST', 'The query is not percent-encoded UTF-8', { cause });
  }
  return new URLSearchParams(text);
}

/**
 * Whether a flag is set: `?name` or `?name=true`; `?name=false` is as if it were not there.
 *
 * @throws KvsError KVS_BAD_REQUEST when it is anything else
 */
export function flag(query: URLSearchParams, name: string): boolean {
  const text = query.get(name);
  if (text === null || text === 'false' || text === '0') return false;
  if (text === '' || text === 'true' || text === '1') return true;
  throw new KvsError('KVS_BAD_REQUEST', `${name} is true or false, or has no value`);
}

/**
 * An integer within bounds, both included; undefined when it is not there.
 *
 * @throws KvsError KVS_BAD_REQUEST when it is anything else
 */
export function integer(
  query: URLSearchParams,
  name: string,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new KvsError('KVS_BAD_REQUEST', `${name} is an integer from ${min} to ${max}`);
}

/**
 * A UUID in lower case; undefined when it is not there.
 *
 * @throws KvsError KVS_BAD_REQUEST when it is anything else
 */
export function uuidIn(query: URLSearchParams, name: string): string | undefined {
  const uuid = query.get(name)?.toLowerCase();
  if (uuid === undefined || uuidPattern.test(uuid)) return uuid;
  throw new KvsError('KVS_BAD_REQUEST', `${name} is a UUID, such as the ETag of a value without its quotes`);
}

/** Seconds, whole or decimal, such as `30` or `0.25`. */
export const secondsPattern = /^\d{1,10}(?:\.\d{1,9})?$/;

/**
 * A number of seconds from 0 on; undefined when it is not there.
 *
 * @throws KvsError KVS_BAD_REQUEST when it is anything else, or beyond `max`
 */
export function seconds(query: URLSearchParams, name: string, max: number): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = secondsPattern.test(text) ? Number(text) : Infinity;
  if (value <= max) return value;
  throw new KvsError('KVS_BAD_REQUEST', `${name} is a number of seconds, ${max} at most`);
}
