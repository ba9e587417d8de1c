import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePath } from '../../src/core/key-path.ts';
import {
  justBefore,
  justBehind,
  keyBytesFor,
  keyOfSegment,
  segmentOf,
} from '../../src/drivers/key-segment.ts';

// Short ones of few values are neighbours more often than others.
const key = fc.oneof(fc.uint8Array({ maxLength: 4, max: 2 }), fc.uint8Array({ maxLength: 40 }));
/** As a node orders them. */
const compareTexts = (a: string, b: string) => Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
const compareKeys = (a: Uint8Array, b: Uint8Array) => Math.sign(Buffer.compare(a, b));

describe('the segment of a key', () => {
  it('is a valid path by itself, and stands for the key alone', () => {
    fc.assert(
      fc.property(key, (key) => {
        const segment = segmentOf(key);
        expect(parsePath(segment)).toBe(segment);
        expect(segment).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(keyOfSegment(segment)).toEqual(key);
      }),
    );
  });

  it('is ordered as the keys are', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(compareTexts(segmentOf(a), segmentOf(b))).toBe(compareKeys(a, b));
      }),
    );
  });

  it('has its place between what stands just before it and just behind it, and no other key has', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const [segment, other] = [segmentOf(a), segmentOf(b)];
        expect(compareTexts(justBefore(segment), segment)).toBe(-1);
        expect(compareTexts(segment, justBehind(segment))).toBe(-1);
        if (justBefore(segment) !== '')
          expect(compareTexts(justBefore(segment), other) < 0).toBe(compareKeys(a, b) <= 0);
        else expect(compareKeys(a, b)).toBeLessThanOrEqual(0);
        expect(compareTexts(other, justBehind(segment)) < 0).toBe(compareKeys(b, a) <= 0);
      }),
    );
  });

  it('is as long as the number of bytes says', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 2_000 }), (segmentBytes) => {
        const bytes = keyBytesFor(segmentBytes);
        expect(segmentOf(new Uint8Array(bytes)).length).toBeLessThanOrEqual(segmentBytes);
        expect(segmentOf(new Uint8Array(bytes + 1)).length).toBeGreaterThan(segmentBytes);
      }),
    );
  });

  it.each(['', 'a', 'abcde', '0z', '--z', 'a.b', 'a/b', 'ü0', '😀'])('is never %j', (segment) => {
    expect(keyOfSegment(segment)).toBeUndefined();
  });
});
