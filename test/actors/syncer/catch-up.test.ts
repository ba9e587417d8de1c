import { describe, expect, it } from 'vitest';
import { catchUpDelayMs } from '../../../src/actors/syncer/catch-up.ts';

describe('catching up with a member that came back', () => {
  it('is begun at once by the lesser id, and made sure of by the other one later', () => {
    const meeting = { presentCount: 1, chance: 0.9 };
    expect(catchUpDelayMs({ self: 'a', other: 'b', ...meeting })).toBe(0);
    expect(catchUpDelayMs({ self: 'b', other: 'a', ...meeting })).toBe(2_000);
  });

  it('is done by all of a small cluster, and by about four of a large one', () => {
    const doing = (presentCount: number) =>
      Array.from({ length: 100 }, (_, i) =>
        catchUpDelayMs({ self: 'a', other: 'b', presentCount, chance: i / 100 }),
      ).filter((delay) => delay !== undefined).length;
    expect(doing(4)).toBe(100);
    expect(doing(100)).toBe(4);
  });
});
