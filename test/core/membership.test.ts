import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  changeOf,
  compareRecords,
  isPresent,
  mergeRecords,
  type MemberRecord,
  type MemberState,
} from '../../src/core/membership.ts';

const states: readonly MemberState[] = ['alive', 'suspect', 'dead', 'left'];

const records: fc.Arbitrary<MemberRecord> = fc.record({
  id: fc.constant('node1'),
  address: fc.constantFrom('a:1', 'a:2', 'b:1'),
  storeId: fc.constantFrom('s1', 's2'),
  joinedTimestamp: fc.integer({ min: 0, max: 2 }),
  incarnation: fc.integer({ min: 0, max: 3 }),
  state: fc.constantFrom(...states),
});

const base: MemberRecord = {
  id: 'node1',
  address: 'a:1',
  storeId: 's1',
  joinedTimestamp: 1,
  incarnation: 3,
  state: 'alive',
};

describe('the join of two records of a member', () => {
  it('is commutative, associative and idempotent', () => {
    fc.assert(
      fc.property(records, records, records, (a, b, c) => {
        expect(mergeRecords(a, b)).toEqual(mergeRecords(b, a));
        expect(mergeRecords(a, mergeRecords(b, c))).toEqual(mergeRecords(mergeRecords(a, b), c));
        expect(mergeRecords(a, a)).toEqual(a);
      }),
    );
  });

  it('comes from a total order, in which only equal records are equal', () => {
    fc.assert(
      fc.property(records, records, (a, b) => {
        expect(Math.sign(compareRecords(a, b))).toBe(-Math.sign(compareRecords(b, a)) + 0);
        expect(compareRecords(a, b) === 0).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  it('never lets a word of an earlier or the same incarnation revive whom a later one gave up', () => {
    fc.assert(
      fc.property(records, records, (stale, final) => {
        fc.pre(!isPresent(final) && stale.incarnation <= final.incarnation);
        expect(isPresent(mergeRecords(stale, final))).toBe(false);
      }),
    );
  });

  it.each(states)('lets the member itself, with a later incarnation, refute that it is %s', (state) => {
    const refutation = { ...base, incarnation: 4 };
    expect(mergeRecords({ ...base, state }, refutation)).toBe(refutation);
  });
});

describe('what the actors hear of a change', () => {
  it.each([
    [undefined, 'alive', 'joined'],
    [undefined, 'suspect', 'joined'],
    [undefined, 'dead', undefined],
    [undefined, 'left', undefined],
    ['alive', 'alive', undefined],
    ['alive', 'suspect', 'suspected'],
    ['alive', 'dead', 'failed'],
    ['alive', 'left', 'left'],
    ['suspect', 'alive', 'refuted'],
    ['suspect', 'suspect', undefined],
    ['suspect', 'dead', 'failed'],
    ['suspect', 'left', 'left'],
    ['dead', 'alive', 'recovered'],
    ['dead', 'suspect', 'recovered'],
    ['dead', 'dead', undefined],
    ['dead', 'left', 'left'],
    ['left', 'alive', 'recovered'],
    ['left', 'suspect', 'recovered'],
    ['left', 'dead', 'failed'],
    ['left', 'left', undefined],
  ] as const)('from %s to %s: %s', (before, after, change) => {
    const known = before === undefined ? undefined : { ...base, state: before };
    expect(changeOf(known, { ...base, state: after })).toBe(change);
  });

  it.each([
    ['a new store', { storeId: 's2' }],
    ['a new address', { address: 'b:1' }],
  ])('%s is a recovery of whoever is present, and nothing for whoever is gone', (_, change) => {
    expect(changeOf(base, { ...base, ...change })).toBe('recovered');
    expect(changeOf({ ...base, state: 'dead' }, { ...base, ...change, state: 'dead' })).toBeUndefined();
  });
});
