import { describe, expect, it } from 'vitest';
import type { Planted } from './kvs-node.ts';
import { plantedBugs } from './planted-bugs.ts';
import { voteInHalves } from './scenarios/conflict.ts';
import { deleteWhileDead, goneKey, losePowerAfterClaim, retentionMs } from './scenarios/dead-member.ts';
import { heal, pass, settle, start, waitForRemoval } from './scenarios/steps.ts';
import { runSwarm } from './swarm.ts';

/** By bug: a run that shows it. Throws what is found. */
const runs: Readonly<Record<string, (planted?: Planted) => Promise<void>>> = {
  'a merge that ignores votes': async (planted) => {
    const cluster = await voteInHalves(planted);
    heal(cluster);
    // Not for long: endless votes make many events.
    await settle(cluster, 2_000);
    await cluster.check();
  },
  'a push that drops what it was given': async (planted) => {
    const { error } = await runSwarm({ seed: 2, nodes: 4, planted });
    if (error !== undefined) throw error;
  },
  'a member that vouches for less than it holds': async (planted) => {
    const { error } = await runSwarm({ seed: 2, nodes: 4, minutes: 0.2, planted });
    if (error !== undefined) throw error;
  },
  'a tombstone collected while a dead member lacks it': deadMemberReturns,
  'an old tombstone not sent in answer to a live version': deadMemberReturns,
  'a claim recorded before its data': async (planted) => {
    const cluster = await losePowerAfterClaim(planted);
    await waitForRemoval(cluster, goneKey, [0, 1]);
    await start(cluster, 2);
    await settle(cluster);
    await cluster.check();
  },
};

async function deadMemberReturns(planted?: Planted): Promise<void> {
  const cluster = await deleteWhileDead(planted);
  await pass(cluster, 3 * retentionMs);
  await start(cluster, 2);
  await settle(cluster);
  await cluster.check();
}

const found: Readonly<Record<string, RegExp>> = {
  'a merge that ignores votes': /all nodes are settled and equal/,
  'a push that drops what it was given':
    /A write is at once on every healthy member|A majority holds what a quorum read answers/,
  'a member that vouches for less than it holds': /A quorum read sees what a majority holds/,
  'a tombstone collected while a dead member lacks it': /Deletes stay deleted/,
  'an old tombstone not sent in answer to a live version': /Deletes stay deleted/,
  'a claim recorded before its data': /Deletes stay deleted/,
};

describe('the checks of the simulator', () => {
  it.each(Object.entries(plantedBugs))('find %s, and nothing where it is not', async (bug, planted) => {
    const run = runs[bug];
    if (run === undefined) throw new Error('There is a run that shows the bug');
    await expect(run(planted)).rejects.toThrow(found[bug]);
    await expect(run()).resolves.toBeUndefined();
  });
});
