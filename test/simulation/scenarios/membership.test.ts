import { describe, expect, it } from 'vitest';
import type { MemberRecord } from '../../../src/core/membership.ts';
import type { PeerCallName, PeerReply, PeerRequest } from '../../../src/core/peer-calls.ts';
import { decodePosition, decodeReply, encodeRequest } from '../../../src/peers/wire.ts';
import { ownAlias } from '../kvs-node.ts';
import { addressOf, type SimulatedCluster } from '../simulated-cluster.ts';
import {
  complete,
  contextOf,
  expectEverywhere,
  heal,
  isReady,
  loseDisk,
  machine,
  makeCluster,
  noteChanges,
  pass,
  paths,
  put,
  putAll,
  read,
  readAll,
  requests,
  running,
  settle,
  split,
  start,
  startCluster,
  stateOf,
  waitFor,
  waitForEqual,
  waitForState,
} from './steps.ts';

const secondMs = 1_000;
const hourMs = 3_600_000;
const quickGossip = { gossip_interval_min: 1, gossip_interval_max: 2 };

/** Everything that nodes told of failures. */
function failures(changes: readonly string[]): readonly string[] {
  return changes.filter((change) => change.endsWith(' failed'));
}

/** Sends a node a message in the name of another one. */
async function sendAs<Name extends PeerCallName>(
  cluster: SimulatedCluster,
  { from, to }: { readonly from: number; readonly to: number },
  name: Name,
  request: PeerRequest<Name>,
): Promise<PeerReply<Name>> {
  const { id, storeId } = running(cluster, from).cluster.members.self;
  const message = encodeRequest(
    { cluster: 'simulated', from: { id, storeId }, to: `n${to + 1}` },
    name,
    request,
  );
  return decodeReply(name, await complete(cluster, running(cluster, to).cluster.service.answer(message)));
}

function recordAt(cluster: SimulatedCluster, viewer: number, id: string): MemberRecord {
  const member = running(cluster, viewer).cluster.members.get(id);
  if (member === undefined) throw new Error(`${id} is known`);
  const { address, storeId, joinedTimestamp, incarnation, state } = member;
  return { id, address, storeId, joinedTimestamp, incarnation, state };
}

/** How far the bootstrap of n2 is in its present run. */
function fetched(cluster: SimulatedCluster): Readonly<Record<string, number>> {
  return contextOf(cluster, 1, 'bootstrapper')['progress'] as Readonly<Record<string, number>>;
}

async function mode(cluster: SimulatedCluster, index: number, expected: string): Promise<void> {
  await waitFor(
    cluster,
    `${addressOf(index)} is ${expected}`,
    () => isReady(cluster, index) && running(cluster, index).status.mode() === expected,
  );
}

describe('a member that is started anew', () => {
  it('raises its incarnation each time, and is alive to all at once', async () => {
    const cluster = await startCluster({ nodes: 3 });
    for (const isNoticed of [true, false, true, false]) {
      const { incarnation } = recordAt(cluster, 0, 'n3');
      machine(cluster, 2).crash();
      if (isNoticed) await waitForState(cluster, [0, 1], 'n3', 'dead');
      await start(cluster, 2);
      await settle(cluster);
      await waitFor(
        cluster,
        'its new life is known',
        () => recordAt(cluster, 0, 'n3').incarnation > incarnation,
        5_000,
      );
    }
    await cluster.check();
  });

  it('begins each life with an incarnation above all that it had, before anybody has told it of one', async () => {
    // An address that is known beforehand, for one that changes raises the incarnation too.
    const cluster = makeCluster({ nodes: 1, config: { advertise_address: addressOf(0) } });
    const incarnations: number[] = [];
    for (let life = 0; life < 4; life++) {
      await start(cluster, 0);
      const { members } = running(cluster, 0).cluster;
      incarnations.push(members.self.incarnation);
      await complete(cluster, members.saved());
      machine(cluster, 0).crash();
    }
    expect(incarnations).toEqual([0, 1, 2, 3]);
  });

  it('one after the other, leaves the cluster able to write all the while, and loses nothing', async () => {
    const cluster = await startCluster({ nodes: 3 });
    for (const index of [0, 1, 2]) {
      const other = (index + 1) % 3;
      machine(cluster, index).stop();
      await waitFor(cluster, 'the node has stopped', () => machine(cluster, index).state === 'down');
      await put(cluster, other, `while/${index}`, 'written');
      await start(cluster, index);
      await settle(cluster);
    }
    for (const index of [0, 1, 2]) {
      await expectEverywhere(cluster, `while/${index}`, 'written');
    }
    await cluster.check();
  });

  it('finds its cluster through the members that it knew, also when its seed is gone for good', async () => {
    const cluster = await startCluster({ nodes: 3 });
    machine(cluster, 0).crash();
    machine(cluster, 2).crash();
    await waitForState(cluster, [1], 'n3', 'dead');
    await start(cluster, 2);
    await waitForState(cluster, [1], 'n3', 'alive');
    await put(cluster, 1, 'key', 'value');
    await waitForEqual(cluster, [1, 2]);
    expect(await read(cluster, 2, 'key')).toBe('value');
  });
});

describe('a dead member', () => {
  it('is not revived by old news of its life', async () => {
    const cluster = await startCluster({ nodes: 3 });
    const old = recordAt(cluster, 0, 'n3');
    machine(cluster, 2).crash();
    await waitForState(cluster, [0, 1], 'n3', 'dead');
    await sendAs(cluster, { from: 1, to: 0 }, 'ping', { records: [old], forgotten: [] });
    await sendAs(cluster, { from: 1, to: 0 }, 'gossip', {
      digest: '',
      news: { records: [old], forgotten: [] },
    });
    expect(stateOf(cluster, 0, 'n3')).toBe('dead');
    await pass(cluster, 5 * secondMs);
    expect([stateOf(cluster, 0, 'n3'), stateOf(cluster, 1, 'n3')]).toEqual(['dead', 'dead']);
  });

  it('can be forgotten, and old news of it does not bring it back', async () => {
    const cluster = await startCluster({ nodes: 3, config: quickGossip });
    const old = recordAt(cluster, 0, 'n3');
    machine(cluster, 2).crash();
    await waitForState(cluster, [0, 1], 'n3', 'dead');
    await complete(cluster, running(cluster, 1).cluster.members.forget('n3'));
    await waitForState(cluster, [0, 1], 'n3', undefined);
    await sendAs(cluster, { from: 1, to: 0 }, 'ping', { records: [old], forgotten: [] });
    await pass(cluster, 10 * secondMs);
    for (const index of [0, 1]) {
      expect(
        running(cluster, index)
          .cluster.members.list()
          .map(({ id }) => id),
      ).toEqual(expect.not.arrayContaining(['n3']));
    }
  });

  it('cannot be forgotten while it is alive', async () => {
    const cluster = await startCluster({ nodes: 2 });
    await expect(running(cluster, 0).cluster.members.forget('n2')).rejects.toMatchObject({
      code: 'KVS_MEMBER_ALIVE',
    });
  });
});

describe('a node that stands still for a while', () => {
  it('is the only one that is given up, and is alive to all when it goes on', async () => {
    const cluster = await startCluster({ nodes: 4 });
    const changes = noteChanges(cluster);
    machine(cluster, 3).pause();
    await waitForState(cluster, [0, 1, 2], 'n4', 'dead');
    await pass(cluster, 10 * secondMs);
    machine(cluster, 3).resume();
    await settle(cluster);
    await pass(cluster, 10 * secondMs);
    expect(cluster.isSettled()).toBe(true);
    expect(failures(changes).toSorted()).toEqual(['n1: n4 failed', 'n2: n4 failed', 'n3: n4 failed']);
    await cluster.check();
  });

  it('for a second or two is not given up at all', async () => {
    const cluster = await startCluster({ nodes: 4 });
    const changes = noteChanges(cluster);
    for (const index of [0, 1, 2, 3]) {
      machine(cluster, index).pause();
      await pass(cluster, 2 * secondMs);
      machine(cluster, index).resume();
      await pass(cluster, 2 * secondMs);
    }
    await settle(cluster);
    expect(failures(changes)).toEqual([]);
    await cluster.check();
  });
});

describe('a link that carries one way only', () => {
  it('makes nobody doubt anybody, for others ask in its place', async () => {
    const cluster = await startCluster({ nodes: 4 });
    const changes = noteChanges(cluster);
    cluster.world.network.cut(addressOf(0), addressOf(1));
    await pass(cluster, 30 * secondMs);
    expect(changes).toEqual([]);
    heal(cluster);
    await settle(cluster);
    await cluster.check();
  });
});

describe('two halves of a cluster', () => {
  it('that gave each other up are one again when the partition heals', async () => {
    const cluster = await startCluster({ nodes: 4 });
    split(cluster, [0, 1], [2, 3]);
    await waitForState(cluster, [0, 1], 'n3', 'dead');
    await waitForState(cluster, [0, 1], 'n4', 'dead');
    await waitForState(cluster, [2, 3], 'n1', 'dead');
    await waitForState(cluster, [2, 3], 'n2', 'dead');
    await put(cluster, 0, 'key/0', 'of one half');
    await put(cluster, 2, 'key/2', 'of the other half');
    await pass(cluster, 120 * secondMs);
    heal(cluster);
    await expectEverywhere(cluster, 'key/0', 'of one half');
    await expectEverywhere(cluster, 'key/2', 'of the other half');
    await cluster.check();
  });

  it('that were started apart become one when the link to their common seed is there', async () => {
    const seeds: readonly (readonly string[])[] = [[], ['n1:80'], ['n1:80', 'n4:80'], ['n1:80', 'n3:80']];
    const cluster = makeCluster({
      nodes: 4,
      config: quickGossip,
      configOf: (index) => ({ seed_nodes: [...(seeds[index] ?? [])] }),
    });
    split(cluster, [0, 1], [2, 3]);
    cluster.startAll();
    for (const index of [0, 1, 2, 3]) await mode(cluster, index, 'normal');
    await put(cluster, 0, 'key/0', 'of one cluster');
    await put(cluster, 2, 'key/2', 'of the other cluster');
    heal(cluster);
    await expectEverywhere(cluster, 'key/0', 'of one cluster');
    await expectEverywhere(cluster, 'key/2', 'of the other cluster');
    await cluster.check();
  });
});

describe('an address', () => {
  it('of a cluster with another name lets nobody in', async () => {
    const cluster = makeCluster({
      nodes: 3,
      configOf: (index) => (index === 2 ? { cluster_name: 'another' } : {}),
    });
    cluster.startAll();
    await waitForState(cluster, [0], 'n2', 'alive');
    await mode(cluster, 2, 'syncing');
    await put(cluster, 0, 'key', 'value');
    await pass(cluster, 10 * secondMs);
    expect(running(cluster, 2).status.mode()).toBe('syncing');
    expect(running(cluster, 2).cluster.members.present()).toEqual([]);
    for (const index of [0, 1]) expect(stateOf(cluster, index, 'n3')).toBeUndefined();
    expect(await read(cluster, 2, 'key')).toBeUndefined();
  });

  it('that another node has taken over is not taken for the member that had it', async () => {
    let thirdId = 'n3';
    const cluster = await startCluster({
      nodes: 3,
      configOf: (index) => (index === 2 ? { node_id: thirdId } : {}),
    });
    machine(cluster, 2).crash();
    loseDisk(cluster, 2);
    thirdId = 'newcomer';
    await start(cluster, 2);
    await waitForState(cluster, [0, 1], 'n3', 'dead');
    await waitForState(cluster, [0, 1], 'newcomer', 'alive');
    await pass(cluster, 10 * secondMs);
    for (const index of [0, 1]) {
      expect([stateOf(cluster, index, 'n3'), stateOf(cluster, index, 'newcomer')]).toEqual(['dead', 'alive']);
    }
    await put(cluster, 0, 'key', 'value');
    await waitForEqual(cluster, [0, 1, 2]);
    expect(await readAll(cluster, 'key')).toEqual(Array(3).fill('value'));
  });
});

describe('a start', () => {
  it('of three nodes at once that have each other for seeds ends with all of them taking writes', async () => {
    const all = [0, 1, 2];
    const cluster = await startCluster({
      nodes: 3,
      configOf: (index) => ({ seed_nodes: all.filter((other) => other !== index).map(addressOf) }),
    });
    expect(all.map((index) => running(cluster, index).status.mode())).toEqual(Array(3).fill('normal'));
    for (const index of all) await put(cluster, index, `key/${index}`, 'value');
    await settle(cluster);
    await cluster.check();
  });

  it('without any seed that answers refuses writes and says that it is stalled, and ends when the seed appears', async () => {
    const cluster = makeCluster({ nodes: 2 });
    await start(cluster, 1);
    await waitFor(
      cluster,
      'the bootstrap is stalled',
      () => contextOf(cluster, 1, 'mode-controller')['isStalled'] === true,
    );
    await pass(cluster, 60 * secondMs);
    expect(running(cluster, 1).status.mode()).toBe('syncing');
    expect(contextOf(cluster, 1, 'mode-controller')['isStalled']).toBe(true);
    expect(await complete(cluster, cluster.put('n2:80', 'key', 'too early'))).toBeUndefined();

    await start(cluster, 0);
    await put(cluster, 0, 'key', 'value');
    await mode(cluster, 1, 'normal');
    await settle(cluster);
    expect(await read(cluster, 1, 'key')).toBe('value');
    await cluster.check();
  });

  it.each([
    ['its own address', 'n1:80', 'normal', 0],
    ['a name that stands for its own address', ownAlias, 'syncing', 0],
    ['another address that leads to it', 'way-round:80', 'syncing', 2 * 10],
  ])('of a node whose only seed is %s ends alone, taking writes', async (_, seed, firstMode, callsMax) => {
    const log: string[] = [];
    const cluster = makeCluster({
      nodes: 1,
      config: { seed_nodes: [seed], ...quickGossip },
      onLog: (_name, level, message) => log.push(`${level} ${message}`),
      planted: {
        send:
          (send, { name }) =>
          (address, message, options) =>
            send(address === 'way-round:80' ? name : address, message, options),
      },
    });
    await start(cluster, 0);
    expect(running(cluster, 0).status.mode()).toBe(firstMode);
    await waitFor(cluster, 'n1 takes writes', () => running(cluster, 0).status.mode() === 'normal', secondMs);
    await put(cluster, 0, 'key', 'value');
    // At most it asks once in each round of gossip, and answers.
    await pass(cluster, 10 * secondMs);
    expect(requests(cluster, 'gossip')).toBeLessThanOrEqual(callsMax);
    expect(running(cluster, 0).cluster.members.list()).toMatchObject([{ id: 'n1', state: 'alive' }]);
    const alone = 'info Every seed is this node itself: it is the first of its cluster';
    expect(log).toEqual(firstMode === 'syncing' ? [alone] : []);
    await cluster.check();
  });

  it('that is broken off goes on with the page where it was', async () => {
    const keys = 3_500;
    const cluster = makeCluster({ nodes: 2, config: { fetch_delay_ms: secondMs } });
    await start(cluster, 0);
    await putAll(cluster, 0, paths('key', keys), 'value');
    await start(cluster, 1);
    await waitFor(cluster, 'two pages are there', () => fetched(cluster)['pages'] === 2);
    machine(cluster, 1).crash({ keepsSome: false });
    await start(cluster, 1);
    const note = await complete(cluster, running(cluster, 1).store.note('bootstrap'));
    expect(note && decodePosition(note)).not.toBeNull();
    await mode(cluster, 1, 'normal');
    expect(fetched(cluster)).toEqual({ pages: 2, keys: keys - 2_000 });
    expect(contextOf(cluster, 1, 'mode-controller')['bootstrappedKeys']).toBe(keys - 2_000);
    await settle(cluster);
    await cluster.check();
  });

  it('says in its log, once it has the data, how many keys came and how long that took', async () => {
    const log: object[] = [];
    const onLog = (name: string, level: string, message: string, fields: object): void => {
      if (name === 'n2:80' && message === 'The bootstrap is complete') log.push({ level, fields });
    };
    const cluster = makeCluster({ nodes: 2, config: { fetch_delay_ms: secondMs }, onLog });
    const { clock } = cluster.world;
    await start(cluster, 1);
    const startedMs = clock.elapsedMs;
    await pass(cluster, 5 * secondMs);
    await start(cluster, 0);
    await putAll(cluster, 0, paths('key', 1_500), 'value');
    expect(log).toEqual([]);
    await mode(cluster, 1, 'normal');
    // But for some milliseconds, the time since the actors started: waiting for the seed is a part of it.
    const took_ms = expect.closeTo(clock.elapsedMs - startedMs, -2);
    expect(log).toEqual([{ level: 'info', fields: { keys: 1_500, pages: 2, took_ms } }]);
  });

  it('fetches only what is young enough before it takes writes, and the rest afterwards', async () => {
    const cluster = makeCluster({ nodes: 2, config: { bootstrap_max_age_hours: 1 } });
    machine(cluster, 0).clock.jump(-2 * hourMs);
    await start(cluster, 0);
    await putAll(cluster, 0, paths('old', 2_500), 'old');
    machine(cluster, 0).clock.jump(2 * hourMs);
    await putAll(cluster, 0, paths('young', 10), 'young');

    await start(cluster, 1);
    await mode(cluster, 1, 'normal');
    expect(fetched(cluster)).toEqual({ pages: 1, keys: 1_000 });
    expect(await read(cluster, 1, 'young/9')).toBe('young');
    expect(await read(cluster, 1, 'old/0')).toBeUndefined();
    await expectEverywhere(cluster, 'old/0', 'old');
    await cluster.check();
  });
});

describe('a cluster', () => {
  it('shows who left in order as left, and never as failed', async () => {
    const cluster = await startCluster({ nodes: 3 });
    const changes = noteChanges(cluster);
    machine(cluster, 2).stop();
    await waitForState(cluster, [0, 1], 'n3', 'left');
    await pass(cluster, 30 * secondMs);
    expect(changes.toSorted()).toEqual(['n1: n3 left', 'n2: n3 left']);
    expect(running(cluster, 0).cluster.members.list()).toContainEqual(
      expect.objectContaining({ id: 'n3', state: 'left' }),
    );
    await start(cluster, 2);
    await settle(cluster);
    await cluster.check();
  });

  it('of which two nodes are left keeps working', async () => {
    const cluster = await startCluster({ nodes: 5 });
    for (const index of [0, 1, 2]) machine(cluster, index).crash();
    for (const id of ['n1', 'n2', 'n3']) await waitForState(cluster, [3, 4], id, 'dead');
    await put(cluster, 3, 'key/3', 'value');
    await put(cluster, 4, 'key/4', 'value');
    await waitForEqual(cluster, [3, 4]);
    expect(await readAll(cluster, 'key/3')).toEqual(['value', 'value']);
    expect(await readAll(cluster, 'key/4')).toEqual(['value', 'value']);
    expect([stateOf(cluster, 3, 'n5'), stateOf(cluster, 4, 'n4')]).toEqual(['alive', 'alive']);
    cluster.startAll();
    await settle(cluster);
    await cluster.check();
  });
});
