import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HybridClock } from '../../src/core/hybrid-clock.ts';
import { limits } from '../../src/core/limits.ts';
import { compareStamps, type Stamp } from '../../src/core/version.ts';

const driftMsMax = 60_000;

function clockAt(ms: number) {
  const wall = { ms, now: () => wall.ms };
  return { wall, clock: new HybridClock(wall, driftMsMax) };
}

describe('the hybrid clock', () => {
  it('shows the wall clock while the wall clock moves on', () => {
    const { wall, clock } = clockAt(1000);
    expect(clock.next()).toEqual({ timestamp: 1000, counter: 0 });
    wall.ms = 1001;
    expect(clock.next()).toEqual({ timestamp: 1001, counter: 0 });
  });

  it('counts within one millisecond, and while the wall clock stands back', () => {
    const { wall, clock } = clockAt(1000);
    clock.next();
    expect(clock.next()).toEqual({ timestamp: 1000, counter: 1 });
    wall.ms = 10;
    expect(clock.next()).toEqual({ timestamp: 1000, counter: 2 });
  });

  it('stamps every write above all before it, whatever the wall clock, peers and replaced versions do', () => {
    const stamps = fc.record({
      timestamp: fc.integer({ min: 0, max: 200_000 }),
      counter: fc.integer({ min: 0, max: 5 }),
    });
    const steps = fc.array(
      fc.oneof(
        fc.record({ jumpTo: fc.integer({ min: 0, max: 200_000 }) }),
        fc.record({ observe: stamps }),
        fc.record({ replace: fc.option(stamps, { nil: undefined }) }),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (run) => {
        const { wall, clock } = clockAt(50_000);
        let last: Stamp = { timestamp: -1, counter: 0 };
        let poisoned = false;
        for (const step of run) {
          if ('jumpTo' in step) wall.ms = step.jumpTo;
          else if ('observe' in step) {
            const isAdopted = clock.observe(step.observe);
            expect(isAdopted).toBe(step.observe.timestamp <= wall.ms + driftMsMax);
            if (isAdopted) expect(compareStamps(clock.latest, step.observe)).toBeGreaterThanOrEqual(0);
          } else {
            const isTooFar = step.replace !== undefined && step.replace.timestamp > wall.ms + driftMsMax;
            const stamp = clock.next(step.replace);
            if (step.replace !== undefined) expect(compareStamps(stamp, step.replace)).toBeGreaterThan(0);
            if (!isTooFar && !poisoned) expect(compareStamps(stamp, last)).toBeGreaterThan(0);
            poisoned = isTooFar;
            last = stamp;
          }
        }
      }),
    );
  });

  it('does not follow a stamp from too far ahead', () => {
    const { clock } = clockAt(1000);
    expect(clock.observe({ timestamp: 1000 + driftMsMax, counter: 9 })).toBe(true);
    expect(clock.observe({ timestamp: 1001 + driftMsMax, counter: 0 })).toBe(false);
    expect(clock.latest).toEqual({ timestamp: 1000 + driftMsMax, counter: 9 });
  });

  it('still stamps above a replaced version from the far future, and poisons no other key with it', () => {
    const { clock } = clockAt(1000);
    const future = { timestamp: limits.timestampMsMax - 5, counter: 7 };
    expect(clock.next(future)).toEqual({ timestamp: limits.timestampMsMax - 5, counter: 8 });
    expect(clock.next()).toEqual({ timestamp: 1000, counter: 1 });
  });

  it('carries from a full counter into the next millisecond, and refuses when no stamp is left', () => {
    const { clock } = clockAt(1000);
    expect(clock.next({ timestamp: 2000, counter: limits.counterMax })).toEqual({
      timestamp: 2001,
      counter: 0,
    });
    expect(() => clock.next({ timestamp: limits.timestampMsMax, counter: limits.counterMax })).toThrow(
      'No stamp is left',
    );
  });

  it('goes on from where it was before a restart, however far ahead that is', () => {
    const { clock } = clockAt(1000);
    clock.restore({ timestamp: 1000 + 10 * driftMsMax, counter: 3 });
    expect(clock.next()).toEqual({ timestamp: 1000 + 10 * driftMsMax, counter: 4 });
    clock.restore({ timestamp: 5, counter: 0 });
    expect(clock.latest.timestamp).toBe(1000 + 10 * driftMsMax);
  });
});
