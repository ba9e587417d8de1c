import { assert, KvsError } from '../../core/errors.ts';
import { parsePath, type KeyPath } from '../../core/key-path.ts';
import type { Clock, WriteRequest } from '../../core/ports.ts';
import { headerPattern } from '../../core/version.ts';
import { assertJson, parseContentType } from '../value.ts';
import { instantAfter, ttlMsFrom } from '../ttl.ts';
import { memberRange } from '../../core/json-member.ts';
import type { Line } from './line.ts';

/** What one line of a batch asks for. */
export type BatchRequest = WriteRequest | { readonly kind: 'get'; readonly path: KeyPath };

export interface LineContext {
  readonly maxValueBytes: number;
  readonly clock: Clock;
}

/** As it stands in the line, not checked yet. */
type Fields = Readonly<Record<string, unknown>>;

const fieldsOfPut = new Set(['op', 'path', 'value', 'value_base64', 'content_type', 'ttl']);
const fieldsOfOthers = new Set(['op', 'path']);

/**
 * Reads one line.
 *
 * @throws KvsError KVS_BAD_BODY when it is not a JSON object, or a value is not what its type says;
 * KVS_BAD_PATH; KVS_VALUE_TOO_LARGE; KVS_BAD_REQUEST for everything else
 */
export function parseLine(line: Line, context: LineContext): BatchRequest {
  const fields = parseObject(line.text.slice(line.from, line.to));
  const { op } = fields;
  if (op !== 'put' && op !== 'delete' && op !== 'get') {
    throw new KvsError('KVS_BAD_REQUEST', 'op must be "put", "delete" or "get"');
  }
  checkNames(fields, op === 'put' ? fieldsOfPut : fieldsOfOthers, op);
  if (typeof fields['path'] !== 'string') throw new KvsError('KVS_BAD_REQUEST', 'path must be a string');
  const path = parsePath(fields['path']);
  return op === 'put' ? parsePut(line, path, fields, context) : { kind: op, path };
}

function parseObject(text: string): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Without its cause: that holds the text, which may be a part of all that came with the line.
    throw new KvsError('KVS_BAD_BODY', 'The line is not valid JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new KvsError('KVS_BAD_BODY', 'The line is not a JSON object');
  }
  return parsed as Fields;
}

function checkNames(fields: Fields, known: ReadonlySet<string>, op: string): void {
  for (const name in fields) {
    if (known.has(name)) continue;
    throw new KvsError('KVS_BAD_REQUEST', `A ${op} has no field ${JSON.stringify(name.slice(0, 64))}`);
  }
}

function parsePut(line: Line, path: KeyPath, fields: Fields, context: LineContext): WriteRequest {
  const { contentType, data } = parseValue(line, fields);
  if (data.length > context.maxValueBytes) {
    throw new KvsError('KVS_VALUE_TOO_LARGE', `The value is larger than ${context.maxValueBytes} bytes`);
  }
  const { ttl } = fields;
  const expiresAt = ttl === undefined ? undefined : parseExpiry(ttl, context.clock.now());
  return { kind: 'put', path, contentType, data, expiresAt };
}

function parseValue(line: Line, fields: Fields): { contentType: string; data: Uint8Array } {
  const base64 = fields['value_base64'];
  const hasValue = 'value' in fields;
  if (hasValue === (base64 !== undefined)) {
    throw new KvsError('KVS_BAD_REQUEST', 'A put has either value or value_base64');
  }
  const { contentType, isJson } = typeOf(fields['content_type'], hasValue);
  if (!hasValue) {
    const data = decodeBase64(base64);
    if (isJson) assertJson(data);
    return { contentType, data };
  }
  if (!isJson) {
    throw new KvsError('KVS_BAD_REQUEST', 'A value whose content_type is not JSON stands in value_base64');
  }
  return { contentType, data: valueBytes(line) };
}

const encoder = new TextEncoder();

/** As they stand in the line, in memory of their own: the line may be a part of all that came with it. */
function valueBytes({ text, from, ascii }: Line): Uint8Array {
  const range = memberRange(text, 'value', from);
  assert(range !== undefined, 'a line that has a value has a member of this name');
  return ascii === undefined
    ? encoder.encode(text.slice(range.from, range.to))
    : Uint8Array.prototype.slice.call(ascii, range.from, range.to);
}

const jsonByDefault = { contentType: 'application/json', isJson: true };
const bytesByDefault = { contentType: 'application/octet-stream', isJson: false };

function typeOf(sent: unknown, hasValue: boolean): { contentType: string; isJson: boolean } {
  if (sent === undefined) return hasValue ? jsonByDefault : bytesByDefault;
  if (typeof sent !== 'string' || !headerPattern.test(sent)) {
    throw new KvsError('KVS_BAD_REQUEST', 'content_type must be what a header can carry');
  }
  return parseContentType(sent);
}

const base64Pattern = /^[A-Za-z0-9+/]*={0,2}$/;

function decodeBase64(sent: unknown): Buffer {
  if (typeof sent !== 'string' || sent.length % 4 !== 0 || !base64Pattern.test(sent)) {
    throw new KvsError('KVS_BAD_BODY', 'value_base64 must be Base64 (RFC 4648, section 4), with its padding');
  }
  return Buffer.from(sent, 'base64');
}

function parseExpiry(ttl: unknown, nowMs: number): number | undefined {
  return instantAfter(ttlMsFrom(typeof ttl === 'number' ? ttl : NaN), nowMs);
}
