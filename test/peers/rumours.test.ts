import { describe, expect, it } from 'vitest';
import { Rumours } from '../../src/peers/rumours.ts';

function rumoursOf(...members: readonly string[]): Rumours {
  const rumours = new Rumours();
  for (const id of members) rumours.addMember(id);
  return rumours;
}

const untilSilent = (rumours: Rumours, membersCount: number): number => {
  let times = 0;
  for (; !rumours.isEmpty; times++) rumours.take({ countMax: 1_000, times: 1, membersCount });
  return times;
};

describe('rumours', () => {
  it.each([
    [2, 6],
    [9, 6],
    [10, 12],
    [100, 18],
  ])('in a cluster of %i are told %i times, and then no more', (membersCount, times) => {
    expect(untilSilent(rumoursOf('a', 'b'), membersCount)).toBe(times);
  });

  it('go out in bounded messages, the least told ones first, and count as often as they are told', () => {
    const rumours = rumoursOf('a', 'b', 'c', 'd', 'e', 'f');
    const take = (countMax: number) => rumours.take({ countMax, times: 2, membersCount: 6 }).members;
    expect(new Set([...take(4), ...take(4)]).size).toBe(6);
    expect(take(100)).toHaveLength(6);
    expect(take(100)).toHaveLength(4);
    expect(rumours.isEmpty).toBe(true);
  });

  it('begin anew with each change, and say at once that they are there', () => {
    const rumours = rumoursOf('a');
    let heard = 0;
    rumours.onRumour(() => heard++);
    rumours.take({ countMax: 1, times: 5, membersCount: 2 });
    rumours.addMember('a');
    rumours.addForgotten('store');
    expect(heard).toBe(2);
    expect(untilSilent(rumours, 2)).toBe(6);
  });

  it('about a member that is known no more are dropped, and those about a store of that name are not', () => {
    const rumours = rumoursOf('a');
    rumours.addForgotten('a');
    rumours.dropMember('a');
    expect(rumours.take({ countMax: 10, times: 1, membersCount: 2 })).toEqual({
      members: [],
      forgotten: ['a'],
    });
  });

  it('are not confused by names that begin like a mark', () => {
    const rumours = rumoursOf('!a', '@b');
    rumours.addForgotten('@a');
    expect(rumours.take({ countMax: 10, times: 1, membersCount: 2 })).toEqual({
      members: ['!a', '@b'],
      forgotten: ['@a'],
    });
  });
});
