import { describe, expect, it } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { Comparers, comparingMs } from '../../src/peers/comparers.ts';

function make() {
  const clock = { ms: 1_000_000, now: () => clock.ms };
  return { clock, comparers: new Comparers(clock) };
}

describe('a member', () => {
  it('compares from its first question until it is done', () => {
    const { clock, comparers } = make();
    for (const name of ['ping', 'gossip', 'push', 'page', 'vote'] as const) comparers.note('b', name);
    expect(comparers.isComparing('b')).toBe(false);
    for (const name of ['compare', 'branches', 'leaves', 'entries', 'changes', 'fetch', 'get'] as const) {
      comparers.note('b', name);
      clock.ms += comparingMs - 1;
      expect([comparers.isComparing('b'), comparers.isComparing('c')]).toEqual([true, false]);
    }
    comparers.note('b', 'complete');
    expect(comparers.isComparing('b')).toBe(false);
  });

  it('has given up when it asks nothing for a while, also by a clock that was set back', () => {
    const { clock, comparers } = make();
    comparers.note('b', 'compare');
    clock.ms += comparingMs;
    expect(comparers.isComparing('b')).toBe(false);
    comparers.note('b', 'entries');
    clock.ms -= 3_600_000;
    expect(comparers.isComparing('b')).toBe(false);
  });
});

it('is forgotten first that asked longest ago, when there are more than there may be members', () => {
  const { comparers } = make();
  for (let n = 0; n < limits.membersMax; n++) comparers.note(`n${n}`, 'compare');
  expect(comparers.isComparing('n0')).toBe(true);
  comparers.note('one more', 'compare');
  expect(['n0', 'n1', 'one more'].map((id) => comparers.isComparing(id))).toEqual([false, true, true]);
});
