import { describe, expect, it } from 'vitest';
import type { Member, MemberState } from '../../src/core/membership.ts';
import { KnownMembers } from '../../src/peers/known-members.ts';

function member(id: string, state: MemberState = 'alive'): Member {
  const address = `${id}:1`;
  return { id, address, storeId: `store-${id}`, joinedTimestamp: 1, incarnation: 0, state, lastSeen: 0 };
}

function known(...members: readonly Member[]): KnownMembers {
  const all = new KnownMembers();
  for (const one of members) all.set(one);
  return all;
}

const idsOf = (members: readonly Member[]) => members.map(({ id }) => id);

describe('the known members', () => {
  it('are present while they are alive or suspected, and absent when they are dead or have left', () => {
    const members = known(member('a'), member('b', 'suspect'), member('c', 'dead'), member('d', 'left'));
    expect([idsOf(members.present), idsOf(members.absent)]).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect(idsOf(members.all)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are found by their ids and by their stores', () => {
    const members = known(member('a'), member('b'));
    expect(members.get('b')).toEqual(member('b'));
    expect(members.holderOf('store-b')).toEqual(member('b'));
    members.remove('b');
    expect([members.get('b'), members.holderOf('store-b'), members.size]).toEqual([undefined, undefined, 1]);
  });

  it('are listed without making the list anew until something changes, a sign of life aside', () => {
    const members = known(member('b'), member('c'));
    const { present } = members;
    members.noteContact('b', 5);
    expect(members.present).toBe(present);
    expect(present.find(({ id }) => id === 'b')?.lastSeen).toBe(5);
    members.set(member('b', 'suspect'));
    expect(members.present).not.toBe(present);
    members.remove('b');
    expect(idsOf(members.present)).toEqual(['c']);
  });

  it('are not those that were given: these stay as they are', () => {
    const given = member('b');
    known(given).noteContact('b', 5);
    expect(given.lastSeen).toBe(0);
  });
});
