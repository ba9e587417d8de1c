import type { Planted } from '../kvs-node.ts';
import type { SimulatedCluster } from '../simulated-cluster.ts';
import { decisions, putAtOnce, split, startCluster, waitFor } from './steps.ts';

/** A key of which four versions stand at the same instant. */
export const contestedKey = 'contested';

/** Four nodes in two halves, each of which has voted on its two versions of one key. */
export async function voteInHalves(planted?: Planted): Promise<SimulatedCluster> {
  const cluster = await startCluster({
    nodes: 4,
    config: { sync_interval: 3 },
    planted,
  });
  split(cluster, [0, 1], [2, 3]);
  await putAtOnce(cluster, [0, 1, 2, 3], contestedKey);
  await waitFor(
    cluster,
    'both halves have voted',
    () => new Set(decisions(cluster, contestedKey).map(({ winner }) => winner)).size === 2,
  );
  return cluster;
}
