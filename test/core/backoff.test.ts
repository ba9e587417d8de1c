import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../src/core/backoff.ts';

const bounds = { minMs: 100, maxMs: 30_000 };

describe('the pause after failures in a row', () => {
  it('doubles with each, up to the longest', () => {
    const longest = [1, 2, 3, 4, 9, 10, 1_000].map((failures) =>
      Math.round(backoffMs(failures, { ...bounds, chance: 1 - 1e-9 })),
    );
    expect(longest).toEqual([100, 200, 400, 800, 25_600, 30_000, 30_000]);
  });

  it('lies in the upper half of that, as chance has it', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 100 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, chance) => {
          const pause = backoffMs(failures, { ...bounds, chance });
          const longest = Math.min(bounds.maxMs, bounds.minMs * 2 ** Math.max(0, failures - 1));
          expect(pause).toBeGreaterThanOrEqual(longest / 2);
          expect(pause).toBeLessThan(longest);
        },
      ),
    );
  });
});
