import { KvsError } from '../../src/core/errors.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import { compareStamps, type Version } from '../../src/core/version.ts';
import { Violation } from './history.ts';
import type { RunningKvs } from './kvs-node.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

/** Clients that read by a majority, and a check of what such a read promises. */
export class QuorumReaders {
  readonly #cluster: SimulatedCluster;
  /** How the reads ended. */
  readonly counts = { answered: 0, refused: 0 };

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
  }

  /** Reads on one node; settles when that has ended, with whether there was an answer. */
  async read(name: string, path: KeyPath, timeoutMs: number): Promise<boolean> {
    const { running, world, history } = this.#cluster;
    const node = running.get(name);
    if (node === undefined || !node.status.isReady()) return false;
    const { runs } = world.node(name);
    const voters = votersOf(node);
    const needed = Math.floor(voters.length / 2) + 1;
    const held = history.heldByAll(path, voters, needed);
    try {
      const version = await node.cluster.quorum.read(path, { timeoutMs });
      // A process that has ended answers nobody.
      if (world.node(name).runs !== runs || world.node(name).state !== 'running') return false;
      this.counts.answered++;
      this.#check(name, path, version, held);
      this.#checkHeld(name, path, version, history.heldByAll(path, voters, needed));
      return true;
    } catch (error) {
      if (!(error instanceof KvsError)) world.fail(error);
      this.counts.refused++;
      return false;
    }
  }

  /** What a majority held when the read began must be seen. */
  #check(name: string, path: KeyPath, version: Version | undefined, held: Version | undefined): void {
    const { history } = this.#cluster;
    if (held === undefined || history.isPast(held)) return;
    if (version !== undefined && compareStamps(version, held) >= 0) return;
    throw new Violation(
      'A quorum read sees what a majority holds',
      `${name} read ${history.tell(version)} of ${path}, and a majority held ${history.tell(held)}`,
    );
  }

  /** What is answered is held by a majority, so that every later read sees it; unless it waits for a vote. */
  #checkHeld(name: string, path: KeyPath, version: Version | undefined, held: Version | undefined): void {
    const { history } = this.#cluster;
    if (version === undefined || history.isPast(version) || history.hasRival(path, version)) return;
    if (held !== undefined && compareStamps(held, version) >= 0) return;
    throw new Violation(
      'A majority holds what a quorum read answers',
      `${name} read ${history.tell(version)} of ${path}, and a majority holds ${history.tell(held)}`,
    );
  }
}

/** The names of the machines whose word counts at a node. */
function votersOf({ name, cluster: { members } }: RunningKvs): readonly string[] {
  const others = [...members.present(), ...members.absent()].filter(({ state }) => state !== 'left');
  return [name, ...others.map(({ address }) => address)];
}
