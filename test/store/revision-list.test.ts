import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { encodeIdentity, type VersionIdentity } from '../../src/store/identity.ts';
import { noRevisions } from '../../src/store/version-record.ts';
import { changeList, revisionsIn, slotsOf } from '../../src/store/revision-list.ts';
import { testUuid } from './harness.ts';

const standing = encodeIdentity(identity(1_000));

function identity(counter: number, change: Partial<VersionIdentity> = {}): VersionIdentity {
  return { timestamp: 1_700_000_000_000, counter, uuid: testUuid(counter), votes: 0, ...change };
}

/** The list after some versions were added in this order. */
function listOf(counters: readonly number[], countMax: number): Uint8Array {
  return counters.reduce<Uint8Array>(
    (list, counter) =>
      changeList(list, { added: encodeIdentity(identity(counter)), standing, countMax }).list,
    noRevisions,
  );
}

const countersIn = (list: Uint8Array) => revisionsIn(list).map(({ uuid }) => Number(`0x${uuid.slice(-12)}`));

describe('a list of revisions', () => {
  it('holds the newest of all that were added, newest first, in whatever order and however often they came', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 60 }),
        fc.integer({ min: 0, max: limits.revisionsKeptMax - 1 }),
        (counters, countMax) => {
          const list = listOf(counters, countMax);
          const newest = [...new Set(counters)].toSorted((a, b) => b - a).slice(0, countMax);
          expect(countersIn(list)).toEqual(newest);
        },
      ),
    );
  });

  it('gives each of its revisions a slot of its own, and of those that it gives up it reuses or frees every one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 150 }),
        fc.array(fc.integer({ min: 0, max: limits.revisionsKeptMax - 1 }), { minLength: 1 }),
        (counters, counts) => {
          const filled = new Set<number>();
          let list: Uint8Array = noRevisions;
          for (const [index, counter] of counters.entries()) {
            const countMax = counts[index % counts.length] ?? 0;
            const change = changeList(list, { added: encodeIdentity(identity(counter)), standing, countMax });
            for (const slot of change.freed) expect(filled.delete(slot)).toBe(true);
            if (change.slot !== undefined) filled.add(change.slot);
            ({ list } = change);
            expect(new Set(slotsOf(list))).toEqual(filled);
            expect(slotsOf(list)).toHaveLength(filled.size);
            expect(Math.max(0, ...filled)).toBeLessThan(limits.revisionsKeptMax);
          }
        },
      ),
    );
  });

  it('has its newest in the place of the oldest when it is full: one record is written, and none removed', () => {
    const full = listOf([1, 2, 3], 3);
    const [, , oldest] = revisionsIn(full);
    const change = changeList(full, { added: encodeIdentity(identity(4)), standing, countMax: 3 });
    expect([countersIn(change.list), change.slot, change.freed]).toEqual([[4, 3, 2], oldest?.slot, []]);
  });

  it('takes nothing that is older than all of a full one', () => {
    const full = listOf([2, 3], 2);
    const change = changeList(full, { added: encodeIdentity(identity(1)), standing, countMax: 2 });
    expect(change).toEqual({ list: full, slot: undefined, freed: [] });
  });

  it('is without the version that it stands behind from now on', () => {
    const list = listOf([1, 2, 3], 5);
    const winner = encodeIdentity(identity(2, { votes: 3 }));
    const change = changeList(list, { added: encodeIdentity(identity(9)), standing: winner, countMax: 5 });
    expect(countersIn(change.list)).toEqual([9, 3, 1]);
    expect(slotsOf(change.list)).toContain(change.slot);
    expect(changeList(list, { added: winner, standing: winner, countMax: 5 })).toMatchObject({
      slot: undefined,
      freed: [expect.any(Number)],
    });
  });

  it('has the version with more votes before its rivals of the same instant', () => {
    const rivals = [
      identity(1, { uuid: testUuid(7) }),
      identity(1, { uuid: testUuid(9), votes: 2 }),
      identity(1, { uuid: testUuid(8) }),
    ];
    const list = rivals.reduce<Uint8Array>(
      (before, rival) => changeList(before, { added: encodeIdentity(rival), standing, countMax: 9 }).list,
      noRevisions,
    );
    expect(revisionsIn(list).map(({ uuid }) => uuid)).toEqual([testUuid(9), testUuid(7), testUuid(8)]);
  });
});
