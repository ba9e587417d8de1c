/** For a few bytes a loop is quicker than a call. */
export function copyBytes(from: Uint8Array, to: Uint8Array, at: number): void {
  for (let i = 0; i < from.length; i++) to[at + i] = from[i] ?? 0;
}

/** Compares two ranges of bytes from `start` to `end`. */
export function compareBytes(a: Uint8Array, b: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) {
    const difference = byte(a, i) - byte(b, i);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Where the two digits of each byte of a UUID stand in its text. */
export const uuidDigits = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34);

/** What each hexadecimal digit stands for, by its character code. */
const nibbles = new Uint8Array(128);
for (let value = 0; value < 16; value++) nibbles[value.toString(16).charCodeAt(0)] = value;

/** Expects lower-case digits, as every version has them. */
export function writeUuid(uuid: string, bytes: Buffer, at: number): void {
  let to = at;
  for (const digit of uuidDigits) {
    bytes[to++] = (byte(nibbles, uuid.charCodeAt(digit)) << 4) | byte(nibbles, uuid.charCodeAt(digit + 1));
  }
}

export function readUuid(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

export function lane(lanes: Uint32Array, at: number): number {
  return lanes[at] ?? 0;
}
