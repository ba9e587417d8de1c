import { toBase64 } from './base64.ts';
import { ttlOf } from './ttl.ts';
import type { Operation } from './types.ts';

/**
 * An operation as a line of a batch, with its end.
 *
 * @throws TypeError when JSON has no form for its value
 */
export function lineOf(operation: Operation): string {
  const { op, path } = operation;
  if (op !== 'put') return `${JSON.stringify({ op, path })}\n`;
  const { contentType: content_type, ttlSeconds } = operation;
  const value =
    'data' in operation ? { value_base64: toBase64(operation.data) } : { value: jsonValueOf(operation) };
  return `${JSON.stringify({ op, path, content_type, ttl: ttlOf(ttlSeconds), ...value })}\n`;
}

function jsonValueOf({ path, value }: { readonly path: string; readonly value: unknown }): unknown {
  const kind = typeof value;
  if (kind !== 'undefined' && kind !== 'function' && kind !== 'symbol') return value;
  throw new TypeError(`JSON has no form for this ${kind}, at ${path}`);
}
