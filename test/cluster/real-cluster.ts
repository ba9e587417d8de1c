import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryFolder, type NodeSettings } from '../node-process.ts';
import { Link, type Cut } from './link.ts';
import { RealNode } from './real-node.ts';
import { waitFor } from './wait-for.ts';

/** Nodes that hurry: what takes minutes in a cluster at rest takes seconds in a test. */
const hurriedSettings = {
  gossip_interval_min: 0.1,
  gossip_interval_max: 0.2,
  sync_interval: 1,
  catchup_interval: 0.3,
  throttle_delay_ms: 0,
  fetch_delay_ms: 0,
} satisfies NodeSettings;

/** Characters of each node's output that stand in the message of a wait in vain. */
const outputCharsMax = 2_000;
/** Keys that such a message tells of. */
const differencesMax = 5;

/** Only a wait in vain takes this long. */
export const defaultDeadlineMs = 60_000;
/** For a test of a cluster: its processes share the machine with whatever else is tested. */
export const clusterTestMs = 240_000;

/** The settings of node `index`, on top of the hurried ones. `addresses`: those of all nodes, in their order. */
export type SettingsOf = (index: number, addresses: readonly string[]) => NodeSettings;

/**
 * Nodes in processes of their own, connected through links: node1, node2 and so on, in folders that are removed. Each
 * has the ones before it as seeds, unless its settings say otherwise. When the test ends, however it ends, the nodes
 * are killed, the links closed and the folders removed.
 */
export class RealCluster {
  readonly #folder: string;
  readonly #nodes: RealNode[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  get nodes(): readonly RealNode[] {
    return this.#nodes;
  }

  /** Makes everything ready for `count` nodes and starts none. To be called in a test. */
  static async prepare(count: number, settings: NodeSettings | SettingsOf = {}): Promise<RealCluster> {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const cluster = new RealCluster(folder.path);
    const links: Link[] = [];
    for (let i = 0; i < count; i++) links.push(await openLink());
    const addresses = links.map(({ address }) => address);
    links.forEach((link, i) => {
      const own = typeof settings === 'function' ? settings(i, addresses) : settings;
      cluster.#add(link, { seed_nodes: addresses.slice(0, i), ...own, node_id: `node${i + 1}` });
    });
    return cluster;
  }

  /** Makes one more node ready, in a folder of its own, whatever its id; its seeds are all the others. */
  async another(settings: NodeSettings & { node_id: string }): Promise<RealNode> {
    const seeds = this.nodes.map(({ link }) => link.address);
    return this.#add(await openLink(), { seed_nodes: seeds, ...settings });
  }

  #add(link: Link, settings: NodeSettings & { node_id: string }): RealNode {
    const number = this.#nodes.length + 1;
    const node = new RealNode({
      folder: join(this.#folder, `folder${number}`),
      link,
      source: `127.0.0.${10 + number}`,
      settings: { ...hurriedSettings, ...settings, port: 0, advertise_address: link.address },
    });
    onTestFinished(() => node.close());
    this.#nodes.push(node);
    return node;
  }

  /** As `prepare`, and starts the nodes, the first one before the others; settles when all of them answer. */
  static async start(count: number, settings: NodeSettings | SettingsOf = {}): Promise<RealCluster> {
    const cluster = await RealCluster.prepare(count, settings);
    await cluster.nodes[0]?.start();
    await Promise.all(cluster.nodes.slice(1).map((node) => node.start()));
    return cluster;
  }

  /** Node `number`, counted from 1 as the names are. */
  node(number: number): RealNode {
    const node = this.nodes[number - 1];
    if (node === undefined) throw new Error(`There is no node${number}`);
    return node;
  }

  /** Nothing passes any more from the nodes of `some` to those of `others`, nor back. */
  separate(some: readonly RealNode[], others: readonly RealNode[], mode: Cut = 'refuse'): void {
    for (const one of some) {
      for (const other of others) {
        this.cutOneWay(one, other, mode);
        this.cutOneWay(other, one, mode);
      }
    }
  }

  /** Cuts a node off from all others; the test still reaches it. */
  isolate(node: RealNode, mode: Cut = 'refuse'): void {
    const others = this.nodes.filter((other) => other !== node);
    this.separate([node], others, mode);
  }

  /** `from` can't call `to` any more; `to` can still call `from`. */
  cutOneWay(from: RealNode, to: RealNode, mode: Cut = 'refuse'): void {
    to.link.cut(mode, from.source);
  }

  /** Undoes all cuts. */
  mend(): void {
    for (const { link } of this.nodes) link.mend();
  }

  /** Waits as `waitFor` does; a wait in vain shows the last lines of all nodes. */
  async waitFor<T>(
    what: string,
    condition: () => Promise<T | false | null | undefined>,
    deadlineMs = defaultDeadlineMs,
    details: () => string = () => '',
  ): Promise<T> {
    const outputs = () =>
      this.nodes.map(({ id, output }) => `--- ${id}\n${output.slice(-outputCharsMax)}`).join('\n');
    return waitFor({ what, details: () => `${details()}\n${outputs()}` }, condition, deadlineMs);
  }

  /** Waits until each of these nodes knows exactly `count` members that are there, itself included. */
  async waitMembers(count: number, nodes = this.nodes, deadlineMs = defaultDeadlineMs): Promise<void> {
    await this.waitFor(
      `${count} members at ${namesOf(nodes)}`,
      async () => {
        const all = await Promise.all(nodes.map((node) => node.health()));
        return all.every(({ member_count }) => member_count === count);
      },
      deadlineMs,
    );
  }

  /** Waits until each of these nodes takes writes. */
  async waitWritable(nodes = this.nodes, deadlineMs = defaultDeadlineMs): Promise<void> {
    await this.waitFor(
      `mode normal at ${namesOf(nodes)}`,
      async () =>
        (await Promise.all(nodes.map((node) => node.health()))).every(({ mode }) => mode === 'normal'),
      deadlineMs,
    );
  }

  /** Waits until these nodes hold the same versions of all keys whatsoever, by the digests of their data. */
  async waitSameData(nodes = this.nodes, deadlineMs = defaultDeadlineMs): Promise<void> {
    let last: readonly string[] = [];
    await this.waitFor(
      `equal data at ${namesOf(nodes)}`,
      async () => {
        last = await Promise.all(nodes.map((node) => node.root()));
        return new Set(last).size === 1;
      },
      deadlineMs,
      () => last.join(', '),
    );
  }

  /** Waits until these nodes hold a member for what `state` says. */
  async waitState(id: string, state: string, nodes: readonly RealNode[]): Promise<void> {
    await this.waitFor(`${id} ${state} at ${namesOf(nodes)}`, async () => {
      const states = await Promise.all(nodes.map((node) => node.stateOf(id)));
      return states.every((found) => found === state);
    });
  }

  /** Waits until all of these nodes hold the same version of each key, or none; returns the values. */
  async waitEqual(
    keys: readonly string[],
    nodes = this.nodes,
    deadlineMs = defaultDeadlineMs,
  ): Promise<Record<string, unknown>> {
    let last: readonly string[][] = [];
    const equal = await this.waitFor(
      `equal values of ${keys.length} keys at ${namesOf(nodes)}`,
      async () => {
        last = await Promise.all(nodes.map((node) => node.held(keys)));
        return differing(keys, last).length === 0 && (last[0] ?? []);
      },
      deadlineMs,
      () => {
        const at = differing(keys, last).slice(0, differencesMax);
        return at
          .map((key) => `${keys[key]}: ${nodes.map(({ id }, i) => `${id} ${last[i]?.[key]}`).join(', ')}`)
          .join('\n');
      },
    );
    return Object.fromEntries(keys.map((key, i) => [key, valueOf(equal[i] ?? 'absent')] as const));
  }
}

async function openLink(): Promise<Link> {
  const link = await Link.open();
  onTestFinished(() => link.close());
  return link;
}

/** The positions of the keys of which not all nodes hold the same. */
function differing(keys: readonly string[], held: readonly (readonly string[])[]): number[] {
  return [...keys.keys()].filter((at) => held.some((one) => one[at] !== held[0]?.[at]));
}

function valueOf(held: string): unknown {
  return held === 'absent' ? undefined : JSON.parse(held.slice(held.indexOf(' ') + 1));
}

function namesOf(nodes: readonly RealNode[]): string {
  return nodes.map(({ id }) => id).join(', ');
}
