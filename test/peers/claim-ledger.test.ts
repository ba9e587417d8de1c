import { describe, expect, it } from 'vitest';
import { ClaimLedger } from '../../src/peers/claim-ledger.ts';

const members = ['b', 'c', 'd'].map((id) => ({ id, storeId: `store-${id}` }));

describe('a ledger of claims', () => {
  it('gives the least claim of the members asked about; who claims nothing holds everything back', () => {
    const ledger = new ClaimLedger([]);
    expect(ledger.least([], 50)).toEqual({ sequence: 50, member: undefined });
    ledger.note('store-b', 40);
    ledger.note('store-c', 20);
    expect(ledger.least(members, 50)).toEqual({ sequence: 0, member: 'd' });
    ledger.note('store-d', 30);
    expect(ledger.least(members, 50)).toEqual({ sequence: 20, member: 'c' });
    for (const { storeId } of members) ledger.note(storeId, 90);
    expect(ledger.least(members, 50)).toEqual({ sequence: 50, member: undefined });
  });

  it('takes nothing back for a claim that arrives late, after a greater one', () => {
    const ledger = new ClaimLedger([['store-b', 40]]);
    ledger.note('store-b', 10);
    expect(ledger.of('store-b')).toBe(40);
  });

  it('knows nothing any more of a store that it drops, and all the rest in another life', () => {
    const ledger = new ClaimLedger([
      ['store-b', 1],
      ['store-c', 2],
    ]);
    ledger.drop('store-b');
    const again = new ClaimLedger(ledger.entries);
    expect([again.of('store-b'), again.of('store-c')]).toEqual([0, 2]);
  });
});
