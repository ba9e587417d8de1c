import { describe, expect, it } from 'vitest';
import { Absences, absenceStepMsMax } from '../../src/peers/absences.ts';
import { FixedClock, hourMs } from '../store/harness.ts';

const absent = [{ id: 'b' }, { id: 'c' }];

describe('the absence of a member', () => {
  it('is long when it has been seen to be gone for longer than that', () => {
    const clock = new FixedClock();
    const absences = new Absences(clock);
    for (let hour = 1; hour <= 3; hour++) {
      clock.ms += hourMs;
      expect(absences.look(absent, 3 * hourMs)).toEqual([]);
    }
    clock.ms += 1;
    expect(absences.look(absent, 3 * hourMs)).toEqual(absent);
  });

  it('counts from the last sign of life', () => {
    const clock = new FixedClock();
    const absences = new Absences(clock);
    clock.ms += hourMs;
    absences.look(absent, hourMs);
    absences.end('b');
    clock.ms += hourMs;
    expect(absences.look(absent, hourMs)).toEqual([{ id: 'c' }]);
  });

  it('counts no time that a clock skipped, in either direction', () => {
    const clock = new FixedClock();
    const absences = new Absences(clock);
    for (const jumpMs of [9e11, -9e11, 9e11, -5e11]) {
      clock.ms += jumpMs;
      expect(absences.look(absent, 2 * absenceStepMsMax)).toEqual([]);
    }
  });
});
