import { exchangeCallDeadlineMs } from '../../../src/peers/exchange.ts';
import type { Planted } from '../kvs-node.ts';
import type { SimulatedCluster } from '../simulated-cluster.ts';
import {
  machine,
  pass,
  put,
  remove,
  retention,
  running,
  start,
  startCluster,
  waitFor,
  waitForState,
  withoutPauses,
} from './steps.ts';

export const retentionMs = 5_000;
const syncMs = 3_000;
/** A key that the member holds when it goes, and that is deleted while it is away. */
export const goneKey = 'gone';

/** Three nodes that hold a key; then the third one goes without a word, and the key is deleted. */
export async function deleteWhileDead(planted?: Planted): Promise<SimulatedCluster> {
  const cluster = await startCluster({
    nodes: 3,
    config: { ...withoutPauses, ...retention(retentionMs), sync_interval: syncMs / 1_000 },
    planted,
  });
  await put(cluster, 0, goneKey, 'live');
  await waitFor(cluster, 'all hold the key', () => cluster.isEqual());
  machine(cluster, 2).crash();
  await waitForState(cluster, [0, 1], 'n3', 'dead');
  await remove(cluster, 0, goneKey);
  await waitFor(cluster, 'the others know of the deletion', () => cluster.isEqual());
  return cluster;
}

/** A member that missed a deletion hears of it, says that it holds it, and at once loses its power. */
export async function losePowerAfterClaim(planted?: Planted): Promise<SimulatedCluster> {
  const cluster = await deleteWhileDead(planted);
  const holders = [0, 1].map((index) => {
    const { store, cluster: part } = running(cluster, index);
    return { store, part, deletedAt: store.sequence };
  });
  // By then n2 has claimed it, were somebody still waiting for the dead one: only n3's claim is waited for.
  await pass(cluster, exchangeCallDeadlineMs + 3 * syncMs);
  await start(cluster, 2);
  // By one of them alone it would be told of the deletion anew.
  await waitFor(cluster, 'n3 claims to both that it holds the deletion', () =>
    holders.every(
      ({ store, part, deletedAt }) => part.members.leastClaim(store.sequence).sequence >= deletedAt,
    ),
  );
  machine(cluster, 2).crash({ keepsSome: false });
  return cluster;
}
