import { describe, expect, it } from 'vitest';
import { digestToHex } from '../../src/core/digest-tree.ts';
import { hash128 } from '../../src/core/hash.ts';

describe('the hash', () => {
  // Computed with another implementation of MurmurHash3 x86_128, seed 0.
  it.each([
    ['', '00000000000000000000000000000000'],
    ['a', 'a794933c5556b01b5556b01b5556b01b'],
    ['hello world', 'c0b21a8814f3c1e11c0d151a9b0c9e2c'],
    ['abcdefghijklmnop', '9fd2762790b91256e4ce8b21d193ba45'],
    ['I will not buy this record, it is scratched.', 'a0a9683b25ac5e40d9af2895890dddf5'],
  ])('of %j is %s', (text, expected) => {
    const lanes = new Uint32Array(4);
    hash128(Buffer.from(text), text.length, lanes);
    expect(digestToHex(lanes)).toBe(expected);
  });

  it('reads no byte beyond the given length', () => {
    const [whole, part] = [new Uint32Array(4), new Uint32Array(4)];
    hash128(Buffer.from('key'), 3, whole);
    hash128(Buffer.from('key and leftovers of a longer one'), 3, part);
    expect(part).toEqual(whole);
  });
});
