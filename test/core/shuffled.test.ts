import { describe, expect, it } from 'vitest';
import { shuffled } from '../../src/core/shuffled.ts';

describe('a shuffle', () => {
  it('gives the same items, each once, in an order that chance decides, and leaves its input alone', () => {
    const items = [1, 2, 3, 4, 5];
    expect(shuffled(items, () => 0.999)).toEqual([5, 1, 2, 3, 4]);
    expect(shuffled(items, () => 0)).toEqual(items);
    expect(items).toEqual([1, 2, 3, 4, 5]);
  });

  it('gives different items, no more than asked for, and each of them now and then', () => {
    let state = 7;
    const chance = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const seen = new Set<number>();
    for (let round = 0; round < 50; round++) {
      const some = shuffled([1, 2, 3, 4, 5], chance, 2);
      expect(new Set(some).size).toBe(2);
      for (const item of some) seen.add(item);
    }
    expect(seen.size).toBe(5);
    expect(new Set(shuffled([1, 2], chance, 5))).toEqual(new Set([1, 2]));
    expect(shuffled([1, 2], chance, 0)).toEqual([]);
  });

  it('of nothing is nothing', () => {
    expect(shuffled([], () => 0)).toEqual([]);
  });
});
