import { isUtf8 } from 'node:buffer';
import { KvsError } from '../core/errors.ts';
import { isJsonType } from '../core/json-type.ts';
import { limits } from '../core/limits.ts';

const formType = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

/**
 * What a value is, from what its sender says. Nothing, and the type that curl sends for `-d` by itself, mean JSON.
 *
 * @throws KvsError KVS_BAD_REQUEST when it is too long
 */
export function parseContentType(sent: string): { contentType: string; isJson: boolean } {
  // Before it is trimmed, as what is left would keep all of it in memory.
  if (Buffer.byteLength(sent) > limits.contentTypeBytesMax) {
    throw new KvsError('KVS_BAD_REQUEST', `Content-Type is longer than ${limits.contentTypeBytesMax} bytes`);
  }
  const type = sent.trim();
  if (type === '' || formType.test(type)) return { contentType: 'application/json', isJson: true };
  return { contentType: type, isJson: isJsonType(type) };
}

/**
 * The bytes are stored as they came; they only must be JSON (RFC 8259), in UTF-8.
 *
 * @throws KvsError KVS_BAD_BODY
 */
export function assertJson(data: Uint8Array): void {
  if (data.length === 0) throw new KvsError('KVS_BAD_BODY', 'The body is empty; JSON was expected');
  if (!isUtf8(data)) throw new KvsError('KVS_BAD_BODY', 'The body is not valid UTF-8');
  try {
    JSON.parse(textOf(data));
  } catch (cause) {
    throw new KvsError('KVS_BAD_BODY', 'The body is not valid JSON', { cause });
  }
}

/** Bytes that are UTF-8, as text. */
export function textOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
}
