import type { Entry, WatchEvent } from '../client/types.ts';
import { isJsonType } from '../core/json-type.ts';

const decoder = new TextDecoder();

/** A value and what is known of its version, as a node would write it in a list: JSON keeps all its digits. */
export function entryText({
  path,
  uuid,
  timestamp,
  contentType,
  expiresAt,
  value,
}: Entry<Uint8Array>): string {
  const fields = {
    path,
    uuid,
    timestamp,
    content_type: contentType,
    bytes: value.length,
    expires_at: expiresAt,
  };
  const member = isJsonType(contentType)
    ? `"value":${decoder.decode(value).replaceAll(/[\r\n]/g, ' ')}`
    : `"value_base64":"${Buffer.from(value).toString('base64')}"`;
  return `${JSON.stringify(fields).slice(0, -1)},${member}}`;
}

/** An event as a node tells it, with its id. */
export function eventFields(event: WatchEvent): Record<string, unknown> {
  if (event.event !== 'put') {
    if (event.event !== 'expire') return { ...event };
    const { expiresAt, ...others } = event;
    return { ...others, expires_at: expiresAt };
  }
  const { event: name, id, path, uuid, timestamp, contentType, expiresAt, value, data } = event;
  return {
    event: name,
    id,
    path,
    uuid,
    timestamp,
    content_type: contentType,
    expires_at: expiresAt,
    ...(data === undefined ? { value } : { value_base64: Buffer.from(data).toString('base64') }),
  };
}
