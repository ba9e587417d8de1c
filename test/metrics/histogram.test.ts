import { describe, expect, it } from 'vitest';
import { Histogram } from '../../src/metrics/histogram.ts';

describe('A histogram', () => {
  it('counts what is at most each bound, and what is above all of them', () => {
    const histogram = new Histogram([1, 2, 4]);
    for (const value of [0, 1, 1.5, 2, 3, 4, 4.1, 1_000]) histogram.observe(value);
    expect(histogram.cumulated()).toEqual([2, 4, 6, 8]);
    expect(histogram.sum).toBeCloseTo(1_015.6);
  });

  it('is empty before anything was observed', () => {
    expect([new Histogram([1]).cumulated(), new Histogram([1]).sum]).toEqual([[0, 0], 0]);
  });
});
