import { Link } from '../test/cluster/link.ts';
import { BenchClient, until } from './client.ts';
import { startNode, type Server } from './processes.ts';

/** A node of a cluster in a process of its own, which its peers reach through a link that can be cut. */
export interface ClusterNode {
  readonly id: string;
  readonly server: Server;
  readonly link: Link;
  readonly client: BenchClient;
}

interface StoreState {
  readonly root: string;
  readonly digests_ready: boolean;
}

export interface ClusterPlan {
  readonly settings?: Record<string, unknown>;
  /** False: peers reach each other without their links, which would take their part of the CPU. Default true. */
  readonly linked?: boolean;
}

/** Starts one node for each data folder; each has the ones before it as seeds. Settles when all know each other. */
export async function startCluster(
  dataDirs: readonly string[],
  { settings = {}, linked = true }: ClusterPlan = {},
): Promise<readonly ClusterNode[]> {
  const nodes: ClusterNode[] = [];
  for (const [index, dataDir] of dataDirs.entries()) {
    const id = `node${index + 1}`;
    const link = await Link.open();
    const server = await startNode(dataDir, {
      node_id: id,
      ...(linked ? { advertise_address: link.address } : {}),
      seed_nodes: nodes.map((node) => (linked ? node.link.address : `127.0.0.1:${node.server.port}`)),
      ...settings,
    });
    link.targetPort = server.port;
    nodes.push({ id, server, link, client: new BenchClient(server.port, 64) });
  }
  for (const { client } of nodes) {
    await until(async () => {
      const { mode, member_count } = await client.json<{ mode: string; member_count: number }>('/health');
      return mode === 'normal' && member_count === nodes.length;
    }, 20);
    await until(async () => (await client.json<StoreState>('/debug/store')).digests_ready, 20);
  }
  return nodes;
}

export async function stopCluster(nodes: readonly ClusterNode[]): Promise<void> {
  for (const { client, server, link } of nodes) {
    client.close();
    await server.stop();
    await link.close();
  }
}

/** Settles when all nodes hold the same data. */
export async function untilEqual(nodes: readonly ClusterNode[], everyMs = 20): Promise<void> {
  await until(async () => {
    const states = await Promise.all(nodes.map(({ client }) => client.json<StoreState>('/debug/store')));
    return states.every(({ root }) => root === states[0]?.root);
  }, everyMs);
}

/** Bytes that passed between nodes so far, both ways. */
export function bytesBetween(nodes: readonly ClusterNode[]): number {
  return nodes.reduce((sum, { link }) => sum + link.bytesToTarget + link.bytesFromTarget, 0);
}
