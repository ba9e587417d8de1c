/**
 * MurmurHash3 x86_128 (Austin Appleby, public domain, `MurmurHash3.cpp` of smhasher), with seed 0.
 * Chosen because it needs 32-bit multiplications only, which JavaScript does natively. It resists accidents,
 * not adversaries: nothing that must hold against a forger may depend on it.
 *
 * Hashes `bytes[0..length)` and writes four unsigned 32-bit lanes into `lanes`, from index 0.
 */
export function hash128(bytes: Uint8Array, length: number, lanes: Uint32Array): void {
  const c1 = 0x239b961b;
  const c2 = 0xab0e9789 | 0;
  const c3 = 0x38b34ae5;
  const c4 = 0xa1e38b93 | 0;
  let h1 = 0;
  let h2 = 0;
  let h3 = 0;
  let h4 = 0;

  const blocksEnd = length - (length % 16);
  for (let at = 0; at < blocksEnd; at += 16) {
    h1 ^= scramble(word(bytes, at), c1, 15, c2);
    h1 = (Math.imul(rotate(h1, 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 ^= scramble(word(bytes, at + 4), c2, 16, c3);
    h2 = (Math.imul(rotate(h2, 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 ^= scramble(word(bytes, at + 8), c3, 17, c4);
    h3 = (Math.imul(rotate(h3, 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 ^= scramble(word(bytes, at + 12), c4, 18, c1);
    h4 = (Math.imul(rotate(h4, 13) + h1, 5) + 0x32ac3b17) | 0;
  }

  const rest = length - blocksEnd;
  if (rest > 12) h4 ^= scramble(tail(bytes, blocksEnd + 12, rest - 12), c4, 18, c1);
  if (rest > 8) h3 ^= scramble(tail(bytes, blocksEnd + 8, rest - 8), c3, 17, c4);
  if (rest > 4) h2 ^= scramble(tail(bytes, blocksEnd + 4, rest - 4), c2, 16, c3);
  if (rest > 0) h1 ^= scramble(tail(bytes, blocksEnd, rest), c1, 15, c2);

  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = avalanche(h1);
  h2 = avalanche(h2);
  h3 = avalanche(h3);
  h4 = avalanche(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  lanes[0] = h1;
  lanes[1] = h2 + h1;
  lanes[2] = h3 + h1;
  lanes[3] = h4 + h1;
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function word(bytes: Uint8Array, at: number): number {
  return (
    byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24)
  );
}

function tail(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = Math.min(length, 4) - 1; i >= 0; i--) value = (value << 8) | byte(bytes, at + i);
  return value;
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function scramble(value: number, before: number, bits: number, after: number): number {
  return Math.imul(rotate(Math.imul(value, before), bits), after);
}

function avalanche(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
