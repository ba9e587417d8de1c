import { describe, expect, it } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import type { MembershipNews, PeerAddress, PeerCallName, PeerTransport } from '../../src/core/peer-calls.ts';
import { PeerGossip } from '../../src/peers/gossip.ts';
import { MemberTable } from '../../src/peers/member-table.ts';
import { PeerProbing } from '../../src/peers/probing.ts';
import { TestNode, Wire } from './cluster.ts';
import { ManualTimers } from '../manual-timers.ts';
import { CountingRandom, FixedClock, RecordingLogger } from '../store/harness.ts';

interface Called {
  readonly name: PeerCallName;
  readonly address: string;
  readonly request: unknown;
}

/** Whom it calls is kept, and everybody answers with one refusal. */
function gossipWith(addresses: () => readonly string[], refusal: KvsError, membersCount = 0) {
  const clock = new FixedClock();
  const logger = new RecordingLogger();
  const calls: Called[] = [];
  const transport = {
    call: (to: PeerAddress, name: PeerCallName, request: unknown) => {
      calls.push({ name, address: to.address, request });
      return Promise.reject(refusal);
    },
  } as unknown as PeerTransport;
  const members = new MemberTable({
    self: { id: 'self', address: 'self:1', storeId: 'store-self', joinedTimestamp: 1 },
    clock,
    timers: new ManualTimers(),
    logger,
    saved: undefined,
    forgetAfterMs: 0,
    save: async () => undefined,
  });
  for (let i = 0; i < membersCount; i++) {
    const id = `m${i}`;
    const record = { id, address: `${id}:1`, storeId: id, joinedTimestamp: 1, incarnation: 0 };
    members.merge({ records: [{ ...record, state: 'alive' }], forgotten: [] });
  }
  let state = 1;
  const next = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const random = Object.assign(new CountingRandom(), { next });
  const resolve = async () => addresses();
  const gossip = new PeerGossip({ members, transport, random, logger, seeds: ['seed:1'], resolve });
  const complaints = () =>
    logger.lines.filter(({ level }) => level === 'error').map(({ message }) => message);
  const called = () => calls.map(({ address }) => address);
  const probing = new PeerProbing({ members, transport, random });
  return { gossip, members, probing, calls, called, complaints };
}

const addressesFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => `10.0.${Math.floor((first + i) / 256)}.${(first + i) % 256}:1`);

describe('an attempt to join', () => {
  it('calls a bounded number of addresses, other ones each time, where a name stands for more', async () => {
    const all = addressesFrom(0, 2 * limits.seedAddressesMax);
    const { gossip, called } = gossipWith(() => all, new KvsError('KVS_PEER_UNREACHABLE', 'not there'));
    expect(await gossip.join()).toBe('nobody');
    expect(new Set(called()).size).toBe(limits.seedAddressesMax);
    expect(called()).toHaveLength(limits.seedAddressesMax);
    for (let round = 0; round < 20; round++) await gossip.join();
    expect(new Set(called()).size).toBe(all.length);
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

describe('of many members', () => {
  const silence = new KvsError('KVS_PEER_UNREACHABLE', 'not there');
  const start = () => gossipWith(() => [], silence, 50);

  it('three of former days are asked beside the seeds', async () => {
    const { gossip, calls } = start();
    await gossip.join();
    expect(calls.map(({ name }) => name)).toEqual(['gossip', 'gossip', 'gossip']);
  });

  it('one to three compare views at one time', async () => {
    const counts = new Set<number>();
    for (const { gossip, calls } = start(); counts.size < 3; calls.length = 0) {
      await gossip.exchange().catch(() => undefined);
      expect(calls.length).toBeGreaterThan(0);
      expect(calls.length).toBeLessThanOrEqual(3);
      counts.add(calls.length);
    }
  });

  it('three hear of the news in one round, in a message of bounded length', async () => {
    const { gossip, calls } = start();
    await gossip.spread();
    expect(calls).toHaveLength(3);
    for (const { request } of calls) {
      expect((request as MembershipNews).records).toHaveLength(limits.rumourRecordsMax);
    }
  });

  it('three are asked to ask one that is silent', async () => {
    const { probing, calls } = start();
    expect(await probing.probe({ id: 'm0', directMs: 1, indirectMs: 1 })).toBe('unheard');
    expect(calls.map(({ name }) => name)).toEqual(['ping', 'probe', 'probe', 'probe']);
    calls.length = 0;
    expect(await probing.revisit()).toBe(false);
    expect(calls).toEqual([]);
  });

  it('one of those that are dead is asked whether it is back, and is not while it is silent', async () => {
    const { members, probing, calls } = start();
    for (const id of ['m1', 'm2']) {
      members.suspect(id);
      members.bury(id);
    }
    expect(await probing.revisit()).toBe(false);
    expect(calls.map(({ name }) => name)).toEqual(['ping']);
    expect(['m1:1', 'm2:1']).toContain(calls[0]?.address);
  });

  it('sixteen hear the goodbye', async () => {
    const { gossip, calls } = start();
    await gossip.leave();
    expect(calls.map(({ name }) => name)).toEqual(Array(limits.pushFanOut).fill('leave'));
  });
});

it('A dead member that answers again is back', async () => {
  const wire = new Wire();
  const a = await TestNode.start({ id: 'a', wire });
  const b = await TestNode.start({ id: 'b', wire });
  a.meet(b);
  a.members.suspect('b');
  a.members.bury('b');
  const { members, transport } = a;
  const probing = new PeerProbing({ members, transport, random: new CountingRandom() });
  expect(await probing.revisit()).toBe(true);
  expect(members.get('b')?.state).toBe('alive');
});

describe('a node that has yielded to another process with its store', () => {
  it('says no goodbye, for the member stays', async () => {
    const { gossip, members, calls } = gossipWith(
      () => [],
      new KvsError('KVS_PEER_UNREACHABLE', 'not there'),
      1,
    );
    members.yieldTo('elder:1');
    await gossip.leave();
    expect(calls).toEqual([]);
    expect(members.self.state).toBe('alive');
  });
});
