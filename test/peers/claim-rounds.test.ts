import { describe, expect, it } from 'vitest';
import { ClaimRounds } from '../../src/peers/claim-rounds.ts';

/** A store whose sequence rises with each note, and members whose least claim is what a test says. */
function setup() {
  const world = { sequence: 10, claimed: 0, isAlone: false };
  const store = {
    get sequence() {
      return world.sequence;
    },
    setNote: async () => void world.sequence++,
  };
  const members = {
    get isAlone() {
      return world.isAlone;
    },
    leastClaim: () => ({ sequence: world.claimed, member: 'n2' }),
  };
  return { world, rounds: new ClaimRounds(store, members) };
}

describe('what may be removed', () => {
  it('is what everybody has claimed, once everybody has claimed again after that', async () => {
    const { world, rounds } = setup();
    expect(await rounds.removable(true)).toBe(0);
    world.claimed = 9;
    expect(await rounds.removable(true)).toBe(0);
    expect(world.sequence).toBe(11);
    world.claimed = 10;
    expect(await rounds.removable(true)).toBe(0);
    world.claimed = 11;
    expect(await rounds.removable(true)).toBe(9);
  });

  it('shrinks to what a member claims that has joined meanwhile', async () => {
    const { world, rounds } = setup();
    world.claimed = 9;
    await rounds.removable(true);
    world.claimed = 11;
    expect(await rounds.removable(true)).toBe(9);
    world.claimed = 0;
    expect(await rounds.removable(true)).toBe(0);
  });

  it('is everything for a node that knows no other one', async () => {
    const { world, rounds } = setup();
    world.isAlone = true;
    world.claimed = 10;
    expect(await rounds.removable(false)).toBe(10);
  });

  it('begins no round while nothing waits for one', async () => {
    const { world, rounds } = setup();
    world.claimed = 9;
    await rounds.removable(false);
    expect(world.sequence).toBe(10);
  });
});
