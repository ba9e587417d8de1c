import { isJsonType } from './core/json-type.ts';

/**
 * The members of an object that carry a value: `"value":` with JSON as it was sent, or `"value_base64":` with
 * anything else. On one line: JSON has line ends between its tokens only, and there a space is as good.
 */
export function valueMember(contentType: string, value: Uint8Array): string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (isJsonType(contentType)) return `"value":${bytes.toString().replaceAll(/[\r\n]/g, ' ')}`;
  return `"value_base64":"${bytes.toString('base64')}"`;
}
