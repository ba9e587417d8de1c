import { setTimeout as pass } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Load } from './load.ts';
import { clusterTestMs, RealCluster } from './real-cluster.ts';
import type { RealNode } from './real-node.ts';

/** Between two looks at the members, ms. */
const watchIntervalMs = 50;

describe('A cluster that is written to', { timeout: clusterTestMs }, () => {
  it('has every acknowledged write at all nodes after one was killed and started anew, twice', async () => {
    const cluster = await RealCluster.start(3);
    await cluster.waitWritable();
    const load = Load.start(cluster.nodes);
    for (const victim of [cluster.node(3), cluster.node(1)]) {
      await load.more(100);
      await victim.kill9();
      await load.more(50);
      await victim.start();
      await cluster.waitMembers(3);
    }
    await load.more(50);
    await load.stop();
    await cluster.waitSameData();
    expect(load.lostIn(await cluster.waitEqual(load.keys))).toEqual([]);
    expect(load.failures.length).toBeGreaterThan(0);
  });

  it('answers every request through a rolling restart, and never has more than one node gone', async () => {
    const cluster = await RealCluster.start(3);
    await cluster.waitMembers(3);
    await cluster.waitWritable();
    const load = Load.start(cluster.nodes);
    const goneBesides: string[] = [];
    let restarting = '';
    const over = new AbortController();
    const watch = async (): Promise<void> => {
      while (!over.signal.aborted) {
        await pass(watchIntervalMs);
        const others = cluster.nodes.filter(({ id }) => id !== restarting);
        const views = await Promise.all(others.map((node) => node.members().catch(() => [])));
        const gone = views.flat().filter(({ state }) => state === 'dead' || state === 'left');
        goneBesides.push(...gone.map(({ id }) => id).filter((id) => id !== restarting));
      }
    };
    const watching = watch();
    for (const node of cluster.nodes) {
      restarting = node.id;
      await load.more(50);
      expect(await node.stop()).toBe(0);
      await load.more(50);
      await node.start();
      const others = cluster.nodes.filter((other) => other !== node);
      await cluster.waitState(node.id, 'alive', others);
      await cluster.waitMembers(3);
      expect((await node.health()).mode).toBe('normal');
    }
    await load.more(50);
    await load.stop();
    over.abort();
    await watching;

    await cluster.waitSameData();
    expect(load.lostIn(await cluster.waitEqual(load.keys))).toEqual([]);
    expect([...new Set(load.refusals)].filter((status) => status !== 503)).toEqual([]);
    // A request that was taken is answered: what fails was never taken, or finds nobody.
    const failures = load.failures.map((error) => String((error as Error).cause ?? error));
    expect([...new Set(failures)].filter((failure) => !isRefused(failure))).toEqual([]);
    expect([...new Set(goneBesides)]).toEqual([]);
  });

  it('gives up a node that sleeps, takes it back when it wakes, and is not blamed for its sleep', async () => {
    const cluster = await RealCluster.start(3);
    const [first, second, sleeper] = [cluster.node(1), cluster.node(2), cluster.node(3)];
    await cluster.waitMembers(3);
    await cluster.waitWritable();
    await sleeper.put('before', 1);
    await cluster.waitEqual(['before']);
    const changesBefore = [first, second].map(({ id }) => sleeper.changesOf(id).length);

    sleeper.sigstop();
    await first.put('before', 2);
    await second.put('meanwhile', 3);
    await cluster.waitState('node3', 'dead', [first, second]);
    // It had time to refute before it was given up, at the one that suspected it first.
    const doubts = (await Promise.all([first, second].map(doubtsAboutNode3))).flat();
    expect(doubts).toContain('buried');
    sleeper.sigcont();

    await cluster.waitState('node3', 'alive', [first, second]);
    await cluster.waitMembers(3);
    expect(await cluster.waitEqual(['before', 'meanwhile'])).toEqual({ before: 2, meanwhile: 3 });
    await cluster.waitSameData();
    [first, second].forEach(({ id }, i) => {
      expect(sleeper.changesOf(id).slice(changesBefore[i])).not.toContain('failed');
    });
  });

  it('goes on at the last node, which takes writes alone, also when it is started anew', async () => {
    const cluster = await RealCluster.start(2);
    const [peer, last] = [cluster.node(1), cluster.node(2)];
    await cluster.waitWritable();
    await peer.put('of-both', 1);
    await cluster.waitEqual(['of-both']);
    await peer.kill9();
    await last.put('alone', 1);
    await cluster.waitState('node1', 'dead', [last]);
    await last.put('alone', 2);
    await last.kill9();

    await last.start();
    expect(await last.health()).toMatchObject({ status: 'ok', mode: 'normal' });
    const complaints = () => last.log().filter(({ level }) => level === 'warn');
    await cluster.waitFor('a complaint', async () => complaints().length > 0);
    expect(await last.get('alone')).toBe(2);
    await last.put('of-both', 2);
    expect(await last.del('alone')).toBe(true);

    await peer.start();
    await cluster.waitMembers(2);
    expect(await cluster.waitEqual(['of-both', 'alone'])).toEqual({ 'of-both': 2, alone: undefined });
    const message = 'No other node answers; this one goes on asking';
    expect(complaints()).toMatchObject([{ message, addresses: [peer.link.address] }]);
  });
});

/** The states of the machines that doubt that node3 is alive. */
async function doubtsAboutNode3(node: RealNode): Promise<string[]> {
  const actors = (await node.json('/debug/actors')) as { readonly id: string; readonly state: string }[];
  return actors.filter(({ id }) => id === 'failure-detector.suspicion-node3').map(({ state }) => state);
}

/** Whether nobody took the request: nobody listens, or the connection ends without an answer. */
function isRefused(failure: string): boolean {
  return /ECONNREFUSED|ECONNRESET|other side closed|does not run/.test(failure);
}
