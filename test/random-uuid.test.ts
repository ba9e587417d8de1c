import { describe, expect, it } from 'vitest';
import { randomUuid } from '../src/random-uuid.ts';

describe('a random UUID', () => {
  const made = Array.from({ length: 20_000 }, randomUuid);

  it('is one of version 4', () => {
    const isVersion4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(made.filter((uuid) => !isVersion4.test(uuid))).toEqual([]);
  });

  it('never comes twice', () => {
    expect(new Set(made).size).toBe(made.length);
  });

  it('has every digit in every place that is free, about as often as any other', () => {
    for (let place = 0; place < 36; place++) {
      const counts = new Map<string, number>();
      for (const uuid of made) counts.set(uuid.charAt(place), (counts.get(uuid.charAt(place)) ?? 0) + 1);
      const expected = [8, 13, 18, 23, 14].includes(place) ? 1 : place === 19 ? 4 : 16;
      expect(counts.size).toBe(expected);
      // Eight standard deviations of the rarest digits: chance would fail it once in the age of the universe.
      const mean = made.length / expected;
      for (const count of counts.values())
        expect(Math.abs(count - mean)).toBeLessThanOrEqual(8 * Math.sqrt(mean));
    }
  });
});
