import { randomFillSync } from 'node:crypto';
import { uuidDigits } from './store/bytes.ts';

const uuidBytes = 16;
/** Random bytes are drawn for so many UUIDs at a time: a draw costs more than a UUID. */
const drawnUuids = 256;

const drawn = Buffer.alloc(drawnUuids * uuidBytes);
let next = drawn.length;

const digits = Buffer.from('0123456789abcdef');
const text = Buffer.from('00000000-0000-0000-0000-000000000000');

/**
 * A UUID of version 4 (RFC 9562, section 5.4). `randomUUID` of Node.js makes the same in twenty pieces, which whoever
 * reads the characters has to put together, and the collector to sweep up: a batch of writes feels it.
 */
export function randomUuid(): string {
  if (next === drawn.length) {
    randomFillSync(drawn);
    next = 0;
  }
  drawn[next + 6] = 0x40 | ((drawn[next + 6] ?? 0) & 0x0f);
  drawn[next + 8] = 0x80 | ((drawn[next + 8] ?? 0) & 0x3f);
  for (const place of uuidDigits) {
    const byte = drawn[next++] ?? 0;
    text[place] = digits[byte >>> 4] ?? 0;
    text[place + 1] = digits[byte & 0xf] ?? 0;
  }
  return text.toString('latin1');
}
