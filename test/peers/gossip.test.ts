import { describe, expect, it } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import type { PeerAddress, PeerTransport } from '../../src/core/peer-calls.ts';
import { PeerGossip } from '../../src/peers/gossip.ts';
import { MemberTable } from '../../src/peers/member-table.ts';
import { CountingRandom, FixedClock, RecordingLogger } from '../store/harness.ts';

/** Speaks to seeds alone; whom it calls is kept, and everybody answers with one refusal. */
function gossipWith(addresses: () => readonly string[], refusal: KvsError) {
  const clock = new FixedClock();
  const logger = new RecordingLogger();
  const called: string[] = [];
  const transport = {
    call: (to: PeerAddress) => {
      called.push(to.address);
      return Promise.reject(refusal);
    },
  } as unknown as PeerTransport;
  const members = new MemberTable({
    self: { id: 'self', address: 'self:1', storeId: 'store-self', joinedTimestamp: 1 },
    clock,
    logger,
    saved: undefined,
    forgetAfterMs: 0,
    save: async () => undefined,
  });
  let state = 1;
  const next = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const random = Object.assign(new CountingRandom(), { next });
  const resolve = async () => addresses();
  const gossip = new PeerGossip({ members, transport, random, logger, seeds: ['seed:1'], resolve });
  const complaints = () =>
    logger.lines.filter(({ level }) => level === 'error').map(({ message }) => message);
  return { gossip, called, complaints };
}

const addressesFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => `10.0.${Math.floor((first + i) / 256)}.${(first + i) % 256}:1`);

describe('an attempt to join', () => {
  it('calls a bounded number of addresses, other ones each time, where a name stands for more', async () => {
    const all = addressesFrom(0, 2 * limits.seedAddressesMax);
    const { gossip, called } = gossipWith(() => all, new KvsError('KVS_PEER_UNREACHABLE', 'not there'));
    expect(await gossip.join()).toBe('nobody');
    expect(new Set(called).size).toBe(limits.seedAddressesMax);
    expect(called).toHaveLength(limits.seedAddressesMax);
    for (let round = 0; round < 20; round++) await gossip.join();
    expect(new Set(called).size).toBe(all.length);
  });
});

describe('complaints about seeds', () => {
  it('are logged once for each address', async () => {
    const { gossip, complaints } = gossipWith(
      () => addressesFrom(0, 2),
      new KvsError('KVS_OTHER_CLUSTER', 'of another cluster'),
    );
    for (let round = 0; round < 3; round++) await gossip.join();
    expect(complaints()).toHaveLength(2);
  });

  it('are remembered of so many addresses, the latest ones', async () => {
    const remembered = 256;
    let addresses = addressesFrom(0, remembered);
    const { gossip, complaints } = gossipWith(
      () => addresses,
      new KvsError('KVS_OTHER_CLUSTER', 'of another cluster'),
    );
    await gossip.join();
    addresses = addressesFrom(remembered, 1);
    await gossip.join();
    addresses = addressesFrom(1, remembered);
    await gossip.join();
    expect(complaints()).toHaveLength(remembered + 1);
    addresses = addressesFrom(0, 1);
    await gossip.join();
    expect(complaints()).toHaveLength(remembered + 2);
  });
});
