import { describe, expect, it } from 'vitest';
import { limits } from '../../../src/core/limits.ts';
import { exchangeCallDeadlineMs } from '../../../src/peers/exchange.ts';
import { encodeReply } from '../../../src/peers/wire.ts';
import { healthyLink } from '../lib/link-faults.ts';
import { contestedKey, voteInHalves } from './conflict.ts';
import {
  complete,
  contextOf,
  cutBetween,
  decisions,
  expectEverywhere,
  heal,
  machine,
  makeCluster,
  pass,
  paths,
  put,
  putAll,
  putAtOnce,
  read,
  readAll,
  requests,
  running,
  settle,
  split,
  start,
  startCluster,
  stateOf,
  stored,
  waitFor,
  waitForEqual,
  waitForState,
} from './steps.ts';

const hourMs = 3_600_000;
/** By then those that have just met have compared their data, ms. */
const newcomersComparedMs = 5_000;

describe('synchronization', () => {
  it('finds versions that arrive late with old timestamps, many more than the newest that it compares', async () => {
    const cluster = await startCluster({ nodes: 3 });
    split(cluster, [0], [1, 2]);
    // Nothing waits to be pushed to the dead.
    for (const id of ['n2', 'n3']) await waitForState(cluster, [0], id, 'dead');
    await waitForState(cluster, [1, 2], 'n1', 'dead');
    machine(cluster, 0).clock.jump(-hourMs);
    const old = paths('old', 5 * limits.newestEntries);
    const recent = paths('new', 2 * limits.newestEntries);
    await putAll(cluster, 0, old, 'late');
    await putAll(cluster, 1, recent, 'in time');
    await waitForEqual(cluster, [1, 2]);
    heal(cluster);
    await expectEverywhere(cluster, old.at(-1) ?? '', 'late');
    await expectEverywhere(cluster, recent.at(-1) ?? '', 'in time');
    await cluster.check();
  });

  it('finds what no push ever brought', async () => {
    let arePushesLost = false;
    const cluster = await startCluster({
      nodes: 3,
      config: { sync_interval: 5 },
      planted: {
        send: (send) => async (address, message, options) =>
          arePushesLost && options.name === 'push'
            ? encodeReply<'push'>({ newer: [], hasConflict: false })
            : send(address, message, options),
      },
    });
    await pass(cluster, newcomersComparedMs);
    arePushesLost = true;
    await put(cluster, 0, 'key', 'value');
    await pass(cluster, 1_000);
    expect(await readAll(cluster, 'key')).toEqual(['value', undefined, undefined]);
    arePushesLost = false;
    await expectEverywhere(cluster, 'key', 'value');
    await cluster.check();
  });

  it('makes all equal again after most messages were lost', async () => {
    const cluster = await startCluster({ nodes: 3, config: { sync_interval: 5, catchup_interval: 2 } });
    cluster.world.network.setFaults({ ...healthyLink, lossRate: 0.6 });
    for (let at = 0; at < 60; at++) {
      await put(cluster, at % 3, `key/${at % 20}`, at);
      await pass(cluster, 250);
    }
    cluster.world.network.setFaults(healthyLink);
    await settle(cluster);
    await cluster.check();
  });

  it('compares digests that equal the data also after crashes in the middle of writing', async () => {
    const cluster = await startCluster({ nodes: 3 });
    for (const round of [1, 2, 3]) {
      machine(cluster, 2).disk.faults = { syncDelay: { minMs: 1, meanMs: 5, maxMs: 20 } };
      for (let at = 0; at < 30; at++) {
        void cluster.put('n3:80', `own/${at % 10}`, round);
        void cluster.put('n1:80', `other/${at % 10}`, round);
        if (at % 4 === 0) void cluster.delete('n3:80', `own/${(at + 5) % 10}`);
        await pass(cluster, 2);
      }
      machine(cluster, 2).crash({ keepsSome: round === 2 });
      await start(cluster, 2);
    }
    machine(cluster, 2).disk.faults = {};
    await settle(cluster);
    await cluster.check();
  });

  it('serves a member whose outbox has overflown, without waiting for the regular one', async () => {
    const cluster = await startCluster({ nodes: 3, config: { catchup_interval: 2 } });
    await pass(cluster, newcomersComparedMs);
    cutBetween(cluster, 0, 1);
    const value = 'x'.repeat(1_048_576);
    const count = Math.ceil(limits.outboxBytesMax / value.length) + 1;
    for (let at = 0; at < count; at++) await put(cluster, 0, `large/${at}`, value);
    const pusher = (): unknown => running(cluster, 0).inspector.actor('replicator.pusher-n2')?.state;
    await waitFor(cluster, 'the outbox is given up', () => pusher() === 'empty');
    expect(stateOf(cluster, 0, 'n2')).not.toBe('dead');
    const healedMs = cluster.world.clock.elapsedMs;
    heal(cluster);
    await waitForEqual(cluster, [0, 1]);
    expect(cluster.world.clock.elapsedMs - healedMs).toBeLessThan(10_000);
    await settle(cluster);
    await cluster.check();
  });

  it('with a member that dies meanwhile ends when its death is known, and keeps nobody else waiting', async () => {
    const cluster = await startCluster({ nodes: 3, config: { throttle_delay_ms: 100 } });
    const partner = (): unknown => contextOf(cluster, 0, 'syncer')['partner'];
    split(cluster, [0], [1, 2]);
    for (const id of ['n2', 'n3']) await waitForState(cluster, [0], id, 'dead');
    await put(cluster, 0, 'key', 'value');
    heal(cluster);
    await waitFor(cluster, 'n1 compares with n2', () => partner() === 'n2');
    machine(cluster, 1).crash();
    const { elapsedMs } = cluster.world.clock;
    await waitForState(cluster, [0], 'n2', 'dead');
    expect(cluster.world.clock.elapsedMs - elapsedMs).toBeLessThan(exchangeCallDeadlineMs);
    expect(partner()).not.toBe('n2');
    await start(cluster, 1);
    await settle(cluster);
    await cluster.check();
  });

  it('reaches a node that takes no writes of clients', async () => {
    const cluster = await startCluster({ nodes: 2, configOf: (index) => ({ read_only: index === 1 }) });
    expect(await complete(cluster, cluster.put('n2:80', 'key', 'refused'))).toBeUndefined();
    await put(cluster, 0, 'key', 'value');
    await settle(cluster);
    expect(await read(cluster, 1, 'key')).toBe('value');
    expect(running(cluster, 1).status.mode()).toBe('read-only');
    await cluster.check();
  });
});

describe('a push', () => {
  it('during which its key is written again is followed by one of the newer version', async () => {
    let isHeld = false;
    const released: (() => void)[] = [];
    const cluster = await startCluster({
      nodes: 2,
      config: { sync_interval: 3_600, catchup_interval: 3_600 },
      planted: {
        send: (send) => async (address, message, options) => {
          const reply = await send(address, message, options);
          if (isHeld && options.name === 'push') await new Promise<void>((resolve) => released.push(resolve));
          return reply;
        },
      },
    });
    await pass(cluster, newcomersComparedMs);
    isHeld = true;
    await put(cluster, 0, 'key', 'first');
    await waitFor(cluster, 'the first version is there and not acknowledged', () => released.length === 1);
    await put(cluster, 0, 'key', 'second');
    isHeld = false;
    const compared = requests(cluster, 'compare');
    for (const release of released) release();
    await waitForEqual(cluster, [0, 1]);
    expect(await readAll(cluster, 'key')).toEqual(['second', 'second']);
    expect(requests(cluster, 'compare')).toBe(compared);
    await cluster.check();
  });
});

describe('a conflict', () => {
  it('between votes on both sides of a partition ends with one value, and nobody votes on it again', async () => {
    const cluster = await voteInHalves();
    await waitForEqual(cluster, [0, 1]);
    await waitForEqual(cluster, [2, 3]);
    const [ours, theirs] = [await read(cluster, 0, contestedKey), await read(cluster, 2, contestedKey)];
    expect(ours).not.toBe(theirs);
    heal(cluster);
    await settle(cluster);
    const [winner] = await readAll(cluster, contestedKey);
    expect([ours, theirs]).toContain(winner);

    const made = decisions(cluster, contestedKey);
    for (const { tally, winner: uuid } of made) expect(tally[uuid]).toBeGreaterThanOrEqual(1);
    await pass(cluster, 20_000);
    expect(decisions(cluster, contestedKey)).toEqual(made);
    expect(await readAll(cluster, contestedKey)).toEqual(Array(4).fill(winner));
    await cluster.check();
  });

  it('of three versions is decided by all members, each of whom has one vote', async () => {
    const cluster = await startCluster({ nodes: 3 });
    const versions = await putAtOnce(cluster, [0, 1, 2], 'key');
    await settle(cluster);
    const held = await stored(cluster, 0, 'key');
    expect(versions.map(({ uuid }) => uuid)).toContain(held?.uuid);
    expect(held?.votes).toBeGreaterThan(0);
    const made = decisions(cluster, 'key');
    expect(made.length).toBeGreaterThan(0);
    for (const { tally } of made) {
      expect(Object.values(tally).reduce((sum, votes) => sum + votes, 0)).toBeLessThanOrEqual(3);
    }
    await cluster.check();
  });

  it('is decided without a member that does not answer, when the time to vote is over', async () => {
    const cluster = await startCluster({ nodes: 4 });
    machine(cluster, 3).crash();
    await putAtOnce(cluster, [0, 1], 'key');
    expect(stateOf(cluster, 0, 'n4')).toBe('alive');
    await waitFor(cluster, 'the vote ends', () => decisions(cluster, 'key').length > 0, 2_000);
    await waitForEqual(cluster, [0, 1, 2]);
    machine(cluster, 3).start();
    await settle(cluster);
    await cluster.check();
  });

  it('of two nodes alone is a tie, which the older one of them wins', async () => {
    // Their names would have it the other way round.
    const cluster = makeCluster({
      nodes: 2,
      configOf: (index) => ({
        node_id: index === 0 ? 'a, the younger' : 'b, the older',
        seed_nodes: index === 0 ? ['n2:80'] : [],
      }),
    });
    await start(cluster, 1);
    await pass(cluster, 1_000);
    await start(cluster, 0);
    await settle(cluster);
    await putAtOnce(cluster, [0, 1], 'key');
    await settle(cluster);
    expect(await readAll(cluster, 'key')).toEqual(['by n2', 'by n2']);
    const [decision] = decisions(cluster, 'key');
    expect(Object.values(decision?.tally ?? {})).toEqual([1, 1]);
    await cluster.check();
  });
});
