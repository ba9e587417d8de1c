import type { Config } from '../../src/config.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import { Coverage } from './coverage.ts';
import { Violation } from './history.ts';
import { ownAlias, type Planted } from './kvs-node.ts';
import { applyFaultPlan, drawFaultPlan } from './lib/faults.ts';
import type { RandomStream } from './lib/random.ts';
import { QuorumReaders } from './quorum-readers.ts';
import { addressOf, SimulatedCluster } from './simulated-cluster.ts';

export interface SwarmOptions {
  readonly seed: bigint | number;
  readonly nodes: number;
  /** How long the faults last, minutes of simulated time; default: drawn, up to two. */
  readonly minutes?: number | undefined;
  readonly coverage?: Coverage;
  readonly onLine?: ((line: string) => void) | undefined;
  readonly planted?: Planted | undefined;
}

export interface SwarmResult {
  readonly seed: bigint;
  readonly hash: string;
  readonly events: number;
  readonly acknowledgements: number;
  /** How long after the healing all were equal, ms of simulated time. */
  readonly convergedAfterMs: number | undefined;
  readonly error: Error | undefined;
}

/** The longest that a cluster may take to become equal once everything is healed, ms of simulated time. */
const convergenceMsMax = 600_000;
/** Everything stays as it is for so long once it has converged, ms. */
const quietMs = 4_000;
/** The longest that a quorum read waits, ms. */
const quorumMsMax = 5_000;
/** In a healthy network a write has reached everybody after this time, ms. */
const promptMs = 200;

/** One run: faults that the seed draws, clients that write all the while, then healing, then every check. */
export async function runSwarm(options: SwarmOptions): Promise<SwarmResult> {
  const { seed, nodes, minutes, planted, onLine } = options;
  const coverage = options.coverage ?? new Coverage();
  const draw = new DrawnSetup(seed, nodes, minutes);
  const cluster = new SimulatedCluster({
    seed,
    nodes,
    coverage,
    config: draw.config,
    configOf: (index) => draw.configOf(index),
    startFailures: draw.startFailures,
    onLine,
    planted,
  });
  const { world } = cluster;
  let convergedAfterMs: number | undefined;
  let error: Error | undefined;
  try {
    applyFaultPlan(
      world,
      drawFaultPlan(world.random.named('faults'), { nodes: names(nodes), durationMs: draw.faultsMs }),
    );
    cluster.startAll();
    startClients(cluster, draw);
    const readers = new QuorumReaders(cluster);
    if (draw.readsByQuorum) startReaders(readers, cluster, draw);
    restartInOrder(cluster, draw);
    await world.run({ untilMs: draw.faultsMs });
    const { end } = await world.run({
      untilMs: draw.faultsMs + convergenceMsMax,
      until: () => cluster.isSettled() && cluster.isEqual(),
    });
    if (end !== 'reached') throw new Violation('Convergence', describe(cluster));
    convergedAfterMs = world.clock.elapsedMs - draw.faultsMs;
    await world.run({ untilMs: world.clock.elapsedMs + quietMs });
    await checkPromptness(cluster);
    if (draw.readsByQuorum) await checkReadable(readers, cluster);
    await cluster.check();
  } catch (cause) {
    error = cause instanceof Error ? cause : new Error(String(cause));
  }
  return {
    seed: world.random.seed,
    hash: world.trace.hash,
    events: world.trace.events,
    acknowledgements: cluster.history.acknowledgements,
    convergedAfterMs,
    error,
  };
}

/**
 * Where all is well, a write is everywhere without waiting for any interval.
 *
 * @throws Violation
 */
async function checkPromptness(cluster: SimulatedCluster): Promise<void> {
  const { world } = cluster;
  const written = [...cluster.running.values()].filter(({ status }) => status.mode() === 'normal');
  for (const { name } of written) void cluster.put(name, `prompt/${name}`, name);
  await world.run({ untilMs: world.clock.elapsedMs + promptMs });
  for (const { name } of written) {
    const path = `prompt/${name}` as KeyPath;
    const missing = [...cluster.running.keys()].find(
      (other) => cluster.history.held(other, path) === undefined,
    );
    if (missing !== undefined) {
      throw new Violation('A write is at once on every healthy member', `${missing} lacks that of ${name}`);
    }
  }
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => addressOf(index));
}

/** What a seed decides of a run, beside the faults. */
class DrawnSetup {
  readonly config: Partial<Config>;
  readonly faultsMs: number;
  readonly keys: number;
  /** Between two writes of all clients together, on average, ms. */
  readonly gapMs: number;
  readonly startFailures: { readonly listen: number; readonly open: number };
  readonly restarts: boolean;
  readonly readsByQuorum: boolean;
  readonly #allSeeds: boolean;
  readonly #readOnly: number | undefined;
  readonly #isFirstItsOwnSeed: boolean;
  readonly #nodes: number;

  constructor(seed: bigint | number, nodes: number, minutes: number | undefined) {
    const streams = new SimulatedCluster({ seed, nodes: 0 }).world.random;
    const random = streams.named('setup');
    this.readsByQuorum = streams.named('quorum setup').chance(0.5);
    this.#nodes = nodes;
    this.faultsMs = minutes === undefined ? random.between(10_000, 90_000) : minutes * 60_000;
    this.keys = random.integer(3, 40);
    this.gapMs = random.between(20, 500);
    const failing = random.chance(0.3);
    this.startFailures = failing ? { listen: 0.2, open: 0.2 } : { listen: 0, open: 0 };
    this.restarts = random.chance(0.4);
    this.#allSeeds = random.chance(0.3);
    this.config = {
      sync_interval: random.between(5, 60),
      catchup_interval: random.between(2, 20),
      gossip_interval_min: random.between(0.5, 5),
      gossip_interval_max: random.between(5, 20),
      throttle_delay_ms: random.integer(0, 100),
      fetch_delay_ms: random.integer(0, 50),
      tombstone_retention_hours: random.chance(0.5) ? random.between(10, 60) / 3_600 : 720,
      bootstrap_max_age_hours: random.chance(0.2) ? random.between(1, 20) / 3_600 : 720,
    };
    this.#readOnly = random.chance(0.2) ? random.integer(0, nodes - 1) : undefined;
    this.#isFirstItsOwnSeed = random.chance(0.2);
  }

  configOf(index: number): Partial<Config> {
    const others = names(this.#nodes).filter((_, other) => other !== index);
    return {
      read_only: index === this.#readOnly,
      ...(index === 0 && this.#isFirstItsOwnSeed ? { seed_nodes: [ownAlias] } : {}),
      ...(this.#allSeeds ? { seed_nodes: others } : {}),
    };
  }
}

/** Clients write to random nodes until the faults are over. */
function startClients(cluster: SimulatedCluster, draw: DrawnSetup): void {
  const { world } = cluster;
  const random = world.random.named('clients');
  const next = (): void => {
    if (world.clock.elapsedMs >= draw.faultsMs) return;
    writeOnce(cluster, random, draw.keys);
    world.after(random.exponential(draw.gapMs), next);
  };
  world.after(0, next);
}

function writeOnce(cluster: SimulatedCluster, random: RandomStream, keys: number): void {
  const { world } = cluster;
  const name = random.pick(world.nodes).name;
  const path = `keys/${random.integer(1, keys)}`;
  const what = random.next();
  const value = { n: random.integer(0, 1e9) };
  const expiresAt = world.node(name).clock.now() + random.integer(100, 20_000);
  if (what < 0.25) void cluster.delete(name, path);
  else if (what < 0.35) void cluster.put(name, path, value, expiresAt);
  else void cluster.put(name, path, value);
}

/** Clients read by a majority until the faults are over. */
function startReaders(readers: QuorumReaders, cluster: SimulatedCluster, draw: DrawnSetup): void {
  const { world } = cluster;
  const random = world.random.named('readers');
  const next = (): void => {
    if (world.clock.elapsedMs >= draw.faultsMs) return;
    const path = `keys/${random.integer(1, draw.keys)}` as KeyPath;
    void readers.read(random.pick(world.nodes).name, path, random.integer(10, quorumMsMax));
    world.after(random.exponential(draw.gapMs), next);
  };
  world.after(0, next);
}

/**
 * Where all is well, a majority vouches for every key, at every node.
 *
 * @throws Violation
 */
async function checkReadable(readers: QuorumReaders, cluster: SimulatedCluster): Promise<void> {
  const { world, history } = cluster;
  let open = 0;
  let refused = 0;
  const read = async (name: string, path: KeyPath): Promise<void> => {
    open++;
    if (!(await readers.read(name, path, quorumMsMax))) refused++;
    open--;
  };
  for (const name of cluster.running.keys()) for (const path of history.paths) void read(name, path);
  await world.run({ untilMs: world.clock.elapsedMs + 2 * quorumMsMax, until: () => open === 0 });
  if (open + refused > 0) {
    throw new Violation('A healthy majority vouches for every key', `${refused} refused, ${open} open`);
  }
}

/** Some nodes are stopped in order now and then, and started again. */
function restartInOrder(cluster: SimulatedCluster, draw: DrawnSetup): void {
  const { world } = cluster;
  const random = world.random.named('restarts');
  const next = (): void => {
    if (world.clock.elapsedMs >= draw.faultsMs - 5_000) return;
    const node = random.pick(world.nodes);
    if (node.state === 'running') node.stop();
    world.after(random.exponential(10_000), next);
  };
  world.onLifecycle((node, event) => {
    if (event !== 'stopped') return;
    world.after(random.between(100, 8_000), () => {
      if (node.state === 'down') node.start();
    });
  });
  if (draw.restarts) world.after(random.exponential(10_000), next);
}

function describe(cluster: SimulatedCluster): string {
  const lines = [...cluster.running.values()].map(({ name, status, cluster: part, store }) => {
    const members = part.members.list().map(({ id, state }) => `${id} ${state}`);
    return `${name} ${status.mode()} [${members.join(', ')}] root ${store.rootDigest().join()}`;
  });
  return `not equal within ${convergenceMsMax} ms of the healing\n${lines.join('\n')}`;
}
