import { describe, expect, it } from 'vitest';
import { shuffled } from '../../src/core/shuffled.ts';

describe('a shuffle', () => {
  it('gives the same items, each once, in an order that chance decides, and leaves its input alone', () => {
    const items = [1, 2, 3, 4, 5];
    expect(shuffled(items, () => 0)).toEqual([2, 3, 4, 5, 1]);
    expect(shuffled(items, () => 0.999)).toEqual(items);
    expect(items).toEqual([1, 2, 3, 4, 5]);
  });

  it('of nothing is nothing', () => {
    expect(shuffled([], () => 0)).toEqual([]);
  });
});
