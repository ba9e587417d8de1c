import { join } from 'node:path';
import { Link } from '../cluster/link.ts';
import { RealNode } from '../cluster/real-node.ts';
import { temporaryFolder, type NodeSettings } from '../node-process.ts';

/** So that every actor has something to do while somebody looks. */
const hurried = {
  gossip_interval_min: 0.4,
  gossip_interval_max: 0.8,
  sync_interval: 1,
  catchup_interval: 0.3,
  throttle_delay_ms: 20,
  fetch_delay_ms: 20,
  tombstone_retention_hours: 0.02,
} satisfies NodeSettings;

/** Nodes in processes of their own. None runs yet. */
export class HurriedNodes {
  readonly nodes: readonly RealNode[];
  readonly #cleanups: readonly (() => Promise<unknown>)[];

  private constructor(nodes: readonly RealNode[], cleanups: readonly (() => Promise<unknown>)[]) {
    this.nodes = nodes;
    this.#cleanups = cleanups;
  }

  static async prepare(ids: readonly string[]): Promise<HurriedNodes> {
    const folder = await temporaryFolder();
    const links = await Promise.all(ids.map(() => Link.open()));
    const nodes = ids.map((id, index) => {
      const link = links[index];
      if (link === undefined) throw new Error('Each node has a link');
      return new RealNode({
        folder: join(folder.path, id),
        link,
        source: `127.0.0.${31 + index}`,
        settings: {
          ...hurried,
          node_id: id,
          port: 0,
          advertise_address: link.address,
          seed_nodes: links.slice(0, index).map(({ address }) => address),
        },
      });
    });
    return new HurriedNodes(nodes, [
      ...nodes.map((node) => () => node.close()),
      ...links.map((link) => () => link.close()),
      folder.remove,
    ]);
  }

  /** Node `number`, counted from 1. */
  node(number: number): RealNode {
    const node = this.nodes[number - 1];
    if (node === undefined) throw new Error(`There is no node ${number}`);
    return node;
  }

  async close(): Promise<void> {
    for (const cleanup of this.#cleanups) await cleanup();
  }
}
