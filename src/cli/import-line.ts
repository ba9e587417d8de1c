import type { Operation } from '../client/types.ts';
import { memberText } from '../core/json-member.ts';
import { isJsonType } from '../core/json-type.ts';
import { CommandError } from './failure.ts';

/** Fields that an export writes and an import has no use for: the node that takes a value gives it its version. */
const unused = ['uuid', 'timestamp', 'bytes', 'name', 'has_children'];
const known = new Set([
  'op',
  'path',
  'value',
  'value_base64',
  'content_type',
  'expires_at',
  'ttl',
  ...unused,
]);

/**
 * The write that a line of an export stands for, or of a batch; undefined where its value has expired by now.
 *
 * @throws CommandError KVS_BAD_LINE when it is none
 */
export function operationIn(line: string, nowMs: number): Operation | undefined {
  const fields = objectIn(line);
  const unknown = Object.keys(fields).find((name) => !known.has(name));
  if (unknown !== undefined) throw bad(`it has an unknown field "${unknown.slice(0, 64)}"`);
  const { path, op, content_type: contentType } = fields;
  if (op !== undefined && op !== 'put') throw bad('op can only be "put"');
  if (typeof path !== 'string') throw bad('path is not a text');
  if (contentType !== undefined && typeof contentType !== 'string') throw bad('content_type is not a text');
  const ttlSeconds = ttlIn(fields, nowMs);
  if (ttlSeconds !== undefined && ttlSeconds <= 0) return undefined;
  return { op: 'put', path, ttlSeconds, ...dataIn(line, fields, contentType) };
}

function objectIn(line: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (cause) {
    throw bad('it is not JSON', cause);
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
    return parsed as Record<string, unknown>;
  }
  throw bad('it is not a JSON object');
}

/** The bytes of a value. JSON too is passed on as it stands in the line: its numbers keep all their digits. */
function dataIn(
  line: string,
  fields: Readonly<Record<string, unknown>>,
  contentType: string | undefined,
): { readonly data: Uint8Array; readonly contentType: string } {
  const { value_base64: base64 } = fields;
  if ('value' in fields) {
    if (base64 !== undefined) throw bad('it has both value and value_base64');
    if (contentType !== undefined && !isJsonType(contentType)) {
      throw bad('a value whose content_type is not JSON stands in value_base64');
    }
    const data = Buffer.from(memberText(line, 'value') ?? 'null');
    return { data, contentType: contentType ?? 'application/json' };
  }
  if (typeof base64 !== 'string') throw bad('it has neither value nor value_base64');
  const data = Buffer.from(base64, 'base64');
  if (data.toString('base64') !== base64) throw bad('value_base64 is not Base64 with its padding');
  return { data, contentType: contentType ?? 'application/octet-stream' };
}

function ttlIn(fields: Readonly<Record<string, unknown>>, nowMs: number): number | undefined {
  const { ttl, expires_at: expiresAt } = fields;
  if (expiresAt !== undefined) {
    if (ttl !== undefined) throw bad('it has both ttl and expires_at');
    if (typeof expiresAt !== 'number') throw bad('expires_at is not a number');
    return (expiresAt - nowMs) / 1_000;
  }
  if (ttl === undefined) return undefined;
  if (typeof ttl === 'number' && ttl > 0) return ttl;
  throw bad('ttl is not a number above 0');
}

function bad(reason: string, cause?: unknown): CommandError {
  return new CommandError('KVS_BAD_LINE', reason, { cause });
}
