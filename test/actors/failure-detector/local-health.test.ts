import { describe, expect, it } from 'vitest';
import {
  healthAfter,
  healthScoreMax,
  suspicionMs,
} from '../../../src/actors/failure-detector/local-health.ts';

describe("a node's health", () => {
  it('gets worse where nobody answers, better where somebody does, and is not touched by the silence of one', () => {
    expect(healthAfter(0, 'unheard')).toBe(1);
    expect(healthAfter(2, 'alive')).toBe(1);
    expect(healthAfter(2, 'silent')).toBe(2);
  });

  it('is bounded both ways', () => {
    expect(healthAfter(0, 'alive')).toBe(0);
    expect(healthAfter(healthScoreMax, 'unheard')).toBe(healthScoreMax);
  });
});

describe('the time to refute a suspicion', () => {
  it('grows with the logarithm of the cluster', () => {
    expect([1, 3, 10, 100, 1_000].map((members) => Math.round(suspicionMs(members, 0)))).toEqual([
      2_000, 2_000, 2_000, 4_000, 6_000,
    ]);
  });

  it('is longer where the suspecting node is not well itself, up to three times', () => {
    expect([0, 1, 2, 8].map((score) => suspicionMs(3, score))).toEqual([2_000, 4_000, 6_000, 6_000]);
  });
});
