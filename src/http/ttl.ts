import { KvsError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Version } from '../core/version.ts';
import { header, type KvsContext } from './context.ts';
import { queryOf, secondsPattern } from './query.ts';

/** The headers that say how long a value lives; unstorage's driver `http` knows the second one. */
const ttlHeaders = ['kvs-ttl', 'x-ttl'];

/**
 * How long a value that is written is to live, by `?ttl=` or the header `KVS-TTL` or `X-TTL`, all in seconds; ms. Undefined:
 * for ever.
 *
 * @throws KvsError KVS_BAD_REQUEST for anything that is no time to live, and for two that differ
 */
export function ttlMsOf(c: KvsContext): number | undefined {
  const sent = ttlHeaders.flatMap((name) => header(c, name) ?? []);
  const queried = queryOf(c)?.getAll('ttl') ?? [];
  const times = new Set([...queried, ...sent].map(parseTtl));
  if (times.size > 1) throw new KvsError('KVS_BAD_REQUEST', 'There are two times to live, and they differ');
  const [ttlMs] = times;
  return ttlMs;
}

/**
 * A time to live in seconds, as ms: rounded to whole ones, and one at least.
 *
 * @throws KvsError KVS_BAD_REQUEST unless it is above 0 and at most `limits.ttlMsMax`
 */
export function ttlMsFrom(seconds: number): number {
  const ms = Math.max(Math.round(seconds * 1_000), 1);
  if (seconds > 0 && ms <= limits.ttlMsMax) return ms;
  throw notATtl();
}

/** The instant at which something written now ends, by this node's clock; ms since the epoch. */
export function instantAfter(ttlMs: number | undefined, nowMs: number): number | undefined {
  return ttlMs === undefined ? undefined : Math.min(nowMs + ttlMs, limits.timestampMsMax);
}

/** The headers of a value that expires: when, and how many seconds are left, rounded up; none of these once it has. */
export function withExpiry(
  headers: Readonly<Record<string, string>>,
  { expiresAt }: Version,
  nowMs: number,
): Readonly<Record<string, string>> {
  if (expiresAt === undefined) return headers;
  const leftMs = expiresAt - nowMs;
  const secondsLeft = String(Math.ceil(leftMs / 1_000));
  const left = leftMs > 0 ? { 'KVS-TTL': secondsLeft, 'X-TTL': secondsLeft } : {};
  return { ...headers, 'KVS-Expires-At': String(expiresAt), ...left };
}

/** The member of a JSON object, behind others, that tells when a value ends; empty where it does not. */
export function expiryMember(expiresAt: number | undefined): string {
  return expiresAt === undefined ? '' : `,"expires_at":${expiresAt}`;
}

function parseTtl(text: string): number {
  if (!secondsPattern.test(text)) throw notATtl();
  return ttlMsFrom(Number(text));
}

function notATtl(): KvsError {
  const secondsMax = limits.ttlMsMax / 1_000;
  return new KvsError(
    'KVS_BAD_REQUEST',
    `A time to live is a number of seconds above 0, up to ${secondsMax}`,
  );
}
