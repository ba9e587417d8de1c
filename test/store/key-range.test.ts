import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isEmptyRange,
  isInRange,
  rangeAfter,
  rangeFrom,
  successor,
  toKeyRange,
  type KeyBounds,
} from '../../src/store/key-range.ts';

// Few and short ones, so that bounds and keys often meet, the empty key included.
const key = fc.uint8Array({ maxLength: 3, max: 2 });
const bounds: fc.Arbitrary<KeyBounds> = fc.record(
  { gt: key, gte: key, lt: key, lte: key },
  { requiredKeys: [] },
);

function isWithin(candidate: Uint8Array, { gt, gte, lt, lte }: KeyBounds): boolean {
  const isAbove =
    gte === undefined ? gt === undefined || compare(candidate, gt) > 0 : compare(candidate, gte) >= 0;
  const isBelow =
    lte === undefined ? lt === undefined || compare(candidate, lt) < 0 : compare(candidate, lte) <= 0;
  return isAbove && isBelow;
}

const compare = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b);

describe('a key range', () => {
  it('holds exactly the keys that its bounds allow, at the empty key too', () => {
    fc.assert(
      fc.property(bounds, key, (given, candidate) => {
        expect(isInRange(candidate, toKeyRange(given))).toBe(isWithin(candidate, given));
      }),
    );
  });

  it('is empty only when no key can be within its bounds', () => {
    fc.assert(
      fc.property(bounds, key, (given, candidate) => {
        const range = toKeyRange(given);
        if (isEmptyRange(range)) expect(isInRange(candidate, range)).toBe(false);
        else expect(isInRange(range.start, range)).toBe(true);
      }),
    );
  });

  it('is divided by a key into what a walk has behind it and what it has still before it', () => {
    fc.assert(
      fc.property(bounds, key, key, fc.boolean(), (given, at, candidate, reverse) => {
        const range = toKeyRange(given);
        const order = reverse ? compare(at, candidate) : compare(candidate, at);
        const inside = isInRange(at, range) && isInRange(candidate, range);
        fc.pre(inside);
        expect(isInRange(candidate, rangeFrom(at, range, reverse))).toBe(order >= 0);
        expect(isInRange(candidate, rangeAfter(at, range, reverse))).toBe(order > 0);
      }),
    );
  });

  it('leaves no key between one and its successor', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        if (compare(b, a) > 0) expect(compare(b, successor(a))).toBeGreaterThanOrEqual(0);
        expect(compare(successor(a), a)).toBe(1);
      }),
    );
  });
});
