import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ballot } from '../../src/core/peer-calls.ts';
import { compareVersions, type Version } from '../../src/core/version.ts';
import { tally, type Vote } from '../../src/peers/tally.ts';
import { foreign, testUuid } from '../store/harness.ts';

const ballot = (uuid: number, change: Partial<Ballot> = {}): Ballot => ({
  timestamp: 5,
  counter: 1,
  votes: 0,
  origin: `node${uuid}`,
  originJoined: 100,
  uuid: testUuid(uuid),
  ...change,
});
const vote = (member: string, held: Ballot | null): Vote => ({ member, held });

describe('a tally', () => {
  it('elects what most members hold, the node itself included', () => {
    const outcome = tally(vote('me', ballot(1)), [
      vote('b', ballot(2)),
      vote('c', ballot(2)),
      vote('d', null),
    ]);
    expect(outcome).toEqual({
      kind: 'elected',
      uuid: testUuid(2),
      votes: 2,
      holder: 'b',
      tally: { [testUuid(2)]: 2, [testUuid(1)]: 1 },
    });
  });

  it.each([
    ['the oldest node', { originJoined: 99, origin: 'zzz' }],
    ['the lesser id among nodes of one age', { origin: 'aaa' }],
  ])('gives a tie to the version of %s', (_, change) => {
    const outcome = tally(vote('me', ballot(1)), [vote('b', ballot(2, change))]);
    expect(outcome).toMatchObject({ kind: 'elected', uuid: testUuid(2), votes: 1, holder: 'b' });
  });

  it('with nobody else stands for the own version', () => {
    expect(tally(vote('me', ballot(1)), [])).toMatchObject({
      kind: 'elected',
      uuid: testUuid(1),
      votes: 1,
      holder: 'me',
    });
  });

  it('does not count those that hold an earlier version, voted on or not', () => {
    const earlier = [vote('b', ballot(2, { counter: 0, votes: 9 })), vote('c', ballot(2, { timestamp: 4 }))];
    expect(tally(vote('me', ballot(1)), earlier)).toMatchObject({ uuid: testUuid(1), votes: 1 });
  });

  it.each([
    ['a later version', { counter: 2 }],
    ['a version of this instant that was voted on', { votes: 1 }],
  ])('is superseded by %s that somebody holds, whatever the majority', (_, change) => {
    const others = [vote('b', ballot(1)), vote('c', ballot(3, change)), vote('d', ballot(1))];
    expect(tally(vote('me', ballot(1)), others)).toEqual({ kind: 'superseded', holder: 'c' });
  });

  it('has nothing to decide when the own version was voted on already, or is gone', () => {
    expect(tally(vote('me', null), [vote('b', ballot(2))])).toEqual({ kind: 'settled' });
    expect(tally(vote('me', ballot(1, { votes: 2 })), [vote('b', ballot(2))])).toEqual({ kind: 'settled' });
  });

  it('elects the same whoever counts the same votes, in whatever order they came', () => {
    const voters = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 7 });
    fc.assert(
      fc.property(voters, fc.nat(), fc.nat(), (held, first, second) => {
        const votes = held.map((uuid, index) =>
          vote(`m${index}`, ballot(uuid, { originJoined: 100 - (uuid % 2) })),
        );
        const counted = [first, second].map((by) => {
          const own = votes[by % votes.length] as Vote;
          const others = votes.filter((one) => one !== own);
          return tally(own, by % 2 === 0 ? others : others.toReversed());
        });
        expect(counted[0]).toMatchObject({ kind: 'elected' });
        const [a, b] = counted.map((outcome) =>
          outcome.kind === 'elected' ? [outcome.uuid, outcome.votes] : [],
        );
        expect(a).toEqual(b);
      }),
    );
  });

  it('in a tie elects what the order of versions puts first', () => {
    const ages = fc.tuple(fc.nat(3), fc.nat(3));
    fc.assert(
      fc.property(ages, ([ageA, ageB]) => {
        const [a, b] = [ballot(1, { originJoined: ageA }), ballot(2, { originJoined: ageB })];
        const asVersion = (one: Ballot): Version => foreign(one);
        const greater = compareVersions(asVersion(a), asVersion(b)) > 0 ? a : b;
        expect(tally(vote('me', a), [vote('b', b)])).toMatchObject({ uuid: greater.uuid });
      }),
    );
  });
});
