import { isJsonType } from '../core/json-type.ts';
import { textOf } from './value.ts';

/**
 * The members of an object that carry a value: `"value":` with JSON as it was sent, or `"value_base64":` with
 * anything else. On one line: JSON has line ends between its tokens only, and there a space is as good.
 */
export function valueMember(contentType: string, value: Uint8Array): string {
  if (isJsonType(contentType)) return `"value":${textOf(value).replaceAll(/[\r\n]/g, ' ')}`;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return `"value_base64":"${bytes.toString('base64')}"`;
}
