import type { Config } from '../../src/config.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import type { ActorTransition, WriteRequest } from '../../src/core/ports.ts';
import { KvsError } from '../../src/core/errors.ts';
import type { Version } from '../../src/core/version.ts';
import { audit, readVersions } from '../store/audit.ts';
import type { Coverage } from './coverage.ts';
import { History, Violation } from './history.ts';
import { kvsNode, type KvsNodeOptions, type Planted, type RunningKvs } from './kvs-node.ts';
import type { SimulatedNode } from './lib/simulated-node.ts';
import { World, type WorldOptions } from './lib/world.ts';
import { simulatedConfig } from './simulated-config.ts';

export interface SimulatedClusterOptions extends WorldOptions {
  /** How many nodes; the first has no seeds and the others have it as theirs, unless `config` says otherwise. */
  readonly nodes: number;
  readonly config?: Partial<Config>;
  /** Per node, beside `config`; `index` from 0. Asked at each start: a node's configuration may be changed. */
  readonly configOf?: (index: number) => Partial<Config>;
  readonly coverage?: Coverage;
  readonly startFailures?: KvsNodeOptions['startFailures'];
  readonly planted?: Planted | undefined;
  /** Told of each transition of each machine of each node. */
  readonly onTransition?: (name: string, transition: ActorTransition) => void;
  readonly onLog?: KvsNodeOptions['onLog'];
}

/** How long after a start that failed its supervisor starts the process anew, ms. */
const superviseMs = 1_000;

/** The address of the node with an index. */
export function addressOf(index: number): string {
  return `n${index + 1}:80`;
}

/** Real nodes in a simulated world, with clients, and a record of all that was promised. */
export class SimulatedCluster {
  readonly world: World;
  readonly history: History;
  readonly retentionMs: number;
  /** What ended the processes that ended by themselves: the last one of each machine, by its name. */
  readonly failures = new Map<string, Error>();
  readonly #options: SimulatedClusterOptions;
  readonly #running = new Map<string, RunningKvs>();

  constructor(options: SimulatedClusterOptions) {
    this.#options = options;
    this.world = new World(options);
    this.world.onLifecycle((node, event) => {
      if (event === 'started' || event === 'stopped' || event === 'crashed') this.#running.delete(node.name);
    });
    for (let index = 0; index < options.nodes; index++) this.addNode(index);
    const { tombstone_retention_hours: hours = 720 } = options.config ?? {};
    this.retentionMs = hours * 3_600_000;
    this.history = new History({
      retentionMs: this.retentionMs,
      latestMs: () => Math.max(...this.world.nodes.map(({ clock }) => clock.highest())),
    });
  }

  /** Adds a machine, which is down. */
  addNode(index: number): SimulatedNode {
    const { config, configOf, coverage, onLog, onTransition, planted = {}, startFailures } = this.#options;
    const name = addressOf(index);
    const makeConfig = (): Config =>
      simulatedConfig({
        node_id: `n${index + 1}`,
        cluster_name: 'simulated',
        seed_nodes: index === 0 ? [] : [addressOf(0)],
        ...config,
        ...configOf?.(index),
      });
    return this.world.addNode(
      name,
      kvsNode({
        get config() {
          return makeConfig();
        },
        planted,
        startFailures,
        onLog,
        onCompose: (_, { root, inspector }) => {
          inspector.subscribe((transition) => {
            coverage?.note(transition);
            onTransition?.(name, transition);
            const { actor, event, to } = transition;
            this.world.trace.record('transition', name, actor, event, JSON.stringify(to));
          });
          root.subscribe({ complete: () => this.#supervise(name, root.getSnapshot().context.failure) });
        },
        onServe: (running) => this.#onServe(running),
      }),
    );
  }

  /** By name; without those that are down or not serving yet. */
  get running(): ReadonlyMap<string, RunningKvs> {
    return this.#running;
  }

  startAll(): void {
    for (const node of this.world.nodes) if (node.state === 'down') node.start();
  }

  /** A client's write; settles with the version when it is acknowledged, with undefined when it was refused. */
  async write(name: string, request: WriteRequest): Promise<Version | undefined> {
    const node = this.#running.get(name);
    if (node === undefined || !node.status.isReady() || node.status.mode() !== 'normal') return undefined;
    const run = this.world.node(name).runs;
    try {
      const before = await node.store.get(request.path);
      const [result] = await node.store.write([request]);
      if (result === undefined || !('version' in result)) return undefined;
      // A process that has ended answers nobody.
      if (this.world.node(name).runs !== run) return undefined;
      this.history.acknowledge(name, request.path, result.version, before);
      return result.version;
    } catch (error) {
      if (error instanceof KvsError) return undefined;
      this.world.fail(error);
      return undefined;
    }
  }

  put(name: string, path: string, value: unknown, expiresAt?: number): Promise<Version | undefined> {
    const data = new TextEncoder().encode(JSON.stringify(value));
    const contentType = 'application/json';
    return this.write(name, { kind: 'put', path: path as KeyPath, contentType, data, expiresAt });
  }

  delete(name: string, path: string): Promise<Version | undefined> {
    return this.write(name, { kind: 'delete', path: path as KeyPath });
  }

  /** True when every node serves, knows every other one to be alive, and takes writes. */
  isSettled(): boolean {
    const nodes = [...this.#running.values()];
    return (
      nodes.length === this.world.nodes.length &&
      nodes.every(
        ({ status, cluster, store }) =>
          status.isReady() &&
          status.mode() !== 'syncing' &&
          store.digestsReady &&
          cluster.members.present().length === nodes.length - 1 &&
          cluster.members.present().every(({ state }) => state === 'alive'),
      )
    );
  }

  /** True when all stores hold the same; with a short retention, but for what some have collected already. */
  isEqual(): boolean {
    const nodes = [...this.#running.values()];
    const [first] = nodes;
    if (first === undefined) return false;
    const root = first.store.rootDigest().join();
    if (nodes.every(({ store }) => store.rootDigest().join() === root)) return true;
    if (this.retentionMs > 3_600_000) return false;
    return this.history.paths.every((path) =>
      nodes.every(({ name }) => this.history.isFinal(path, this.history.held(name, path))),
    );
  }

  /**
   * Checks every promise that can be checked in the end, when all nodes run and have come to rest.
   *
   * @throws Violation
   */
  async check(): Promise<void> {
    for (const { name, level, store, node, cluster } of this.#running.values()) {
      const { versions, tree, missing, stray } = await audit(level);
      if (missing.length > 0 || stray.length > 0) {
        throw new Violation(
          'Indexes equal the data',
          `${name}: ${missing.length} missing, ${stray.length} stray`,
        );
      }
      if (tree.root().join() !== store.rootDigest().join()) {
        throw new Violation('The digest tree equals the data', name);
      }
      const { supervised } = node.root.getSnapshot().context;
      for (const [actor, { restarts, failures, lastError }] of Object.entries(supervised)) {
        if (restarts + failures > 0) throw new Violation('No actor fails', `${name} ${actor}: ${lastError}`);
      }
      if (cluster.members.list().length !== this.world.nodes.length) {
        throw new Violation('Membership settles', `${name} knows ${cluster.members.list().length} members`);
      }
      this.history.checkFinal(name, versions);
    }
  }

  #onServe(running: RunningKvs): void {
    const { name, store } = running;
    this.#running.set(name, running);
    void this.#readBack(running);
    store.onWrite((commit) => this.history.write(commit));
    store.onCommit((commit) => {
      try {
        this.history.commit(name, commit);
      } catch (error) {
        this.world.fail(error);
      }
    });
  }

  async #readBack({ name, level, cluster }: RunningKvs): Promise<void> {
    try {
      this.history.reopen(name, cluster.members.self.id, await readVersions(level));
    } catch (error) {
      this.world.fail(error);
    }
  }

  #supervise(name: string, failure: unknown): void {
    if (failure === undefined) return;
    this.failures.set(name, failure as Error);
    const node = this.world.node(name);
    node.crash({ powerLoss: false });
    this.world.after(superviseMs, () => {
      if (node.state === 'down') node.start();
    });
  }
}
