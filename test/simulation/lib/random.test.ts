import { describe, expect, it } from 'vitest';
import { RandomStream, RandomStreams } from './random.ts';

function take<T>(count: number, draw: () => T): T[] {
  return Array.from({ length: count }, draw);
}

describe('random streams', () => {
  it('repeat themselves for the same seed and name, in every release', () => {
    const stream = new RandomStreams(42).named('network');
    expect(take(4, () => stream.bits())).toEqual([2964916097, 3002058473, 2869497448, 1360886657]);
    expect(stream.uuid()).toBe('f878945c-ea54-4dc8-934b-d244b9cd0d4f');
  });

  it('are sfc32 as published', () => {
    const stream = new RandomStream(new Uint32Array([1, 2, 3]));
    expect(take(4, () => stream.bits())).toEqual([1936341825, 3001364500, 1029104839, 3987121759]);
  });

  it('differ by name and by seed, the upper half of the seed included', () => {
    const starts = [
      new RandomStreams(1).named('a'),
      new RandomStreams(1).named('b'),
      new RandomStreams(2).named('a'),
      new RandomStreams(1n + (1n << 32n)).named('a'),
    ].map((stream) => stream.next());
    expect(new Set(starts).size).toBe(4);
  });

  it('are not disturbed by another consumer, and one name is one stream', () => {
    const alone = new RandomStreams(7);
    const shared = new RandomStreams(7);
    const expected = take(10, () => alone.named('network').next());
    const got = take(10, () => {
      shared.named('newcomer').next();
      return shared.named('network').next();
    });
    expect(got).toEqual(expected);
  });

  it('refuse a seed that is no integer of 64 bits', () => {
    for (const seed of [-1, 0.5, 2 ** 53, -1n, 1n << 64n]) {
      expect(() => new RandomStreams(seed)).toThrow('seed');
    }
  });

  it('spread evenly over [0, 1), and every bit is as often set as not', () => {
    const stream = new RandomStreams(3).named('spread');
    const buckets = new Uint32Array(16);
    for (let draw = 0; draw < 64_000; draw++) {
      const at = Math.floor(stream.next() * 16);
      buckets[at] = (buckets[at] ?? 0) + 1;
    }
    // 4,000 expected in each, standard deviation 61.
    for (const count of buckets) expect(Math.abs(count - 4_000)).toBeLessThan(300);

    const ones = new Uint32Array(32);
    for (let draw = 0; draw < 10_000; draw++) {
      const bits = stream.bits();
      for (let at = 0; at < 32; at++) ones[at] = (ones[at] ?? 0) + ((bits >>> at) & 1);
    }
    // 5,000 expected, standard deviation 50.
    for (const count of ones) expect(Math.abs(count - 5_000)).toBeLessThan(250);
  });

  it('make UUIDs of version 4, each another one', () => {
    const stream = new RandomStreams(4).named('uuids');
    const uuids = take(1_000, () => stream.uuid());
    expect(new Set(uuids).size).toBe(1_000);
    for (const uuid of uuids) {
      expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  it('draw integers over the whole range, chances at their rate, and exponentials at their mean', () => {
    const stream = new RandomStreams(5).named('helpers');
    expect([...new Set(take(200, () => stream.integer(-1, 2)))].toSorted((a, b) => a - b)).toEqual([
      -1, 0, 1, 2,
    ]);
    expect(take(1_000, () => stream.chance(0)).includes(true)).toBe(false);
    expect(take(1_000, () => stream.chance(1)).includes(false)).toBe(false);
    expect(take(10_000, () => stream.chance(0.3)).filter(Boolean).length / 10_000).toBeCloseTo(0.3, 1);
    const mean = take(10_000, () => stream.exponential(20)).reduce((sum, value) => sum + value) / 10_000;
    expect(mean).toBeGreaterThan(19);
    expect(mean).toBeLessThan(21);
  });

  it('shuffle into every order, equally often, and leave the items as they were', () => {
    const stream = new RandomStreams(6).named('shuffle');
    const items = ['a', 'b', 'c'] as const;
    const counts = new Map<string, number>();
    for (let draw = 0; draw < 6_000; draw++) {
      const order = stream.shuffle(items).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
    expect(items).toEqual(['a', 'b', 'c']);
    expect(take(100, () => stream.pick(items))).toContain('c');
    expect(() => stream.pick([])).toThrow('pick');
  });
});
