import { assert } from '../../../src/core/errors.ts';
import { VirtualClock } from './clock.ts';
import { Disk } from './disk.ts';
import { RealityGuard } from './guard.ts';
import { Network } from './network.ts';
import { NodeClock, type NodeClockOptions } from './node-clock.ts';
import { RandomStreams } from './random.ts';
import { runEvents, type RunOptions, type RunResult } from './scheduler.ts';
import { SimulatedNode, type LifecycleEvent, type NodeProgram } from './simulated-node.ts';
import { Trace } from './trace.ts';

export interface WorldOptions {
  /** Everything that is left to chance follows from it: an integer in 0..2^64-1. */
  readonly seed: bigint | number;
  /** Gets each traced event as a line to read. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Calls of one node that wait for a reply at one time. */
  readonly callsMax?: number;
  /** Messages on their way to one node at one time. */
  readonly inFlightMax?: number;
}

/** An error of a run, with what it takes to see it again. */
export class SimulationError extends Error {
  constructor(seed: bigint, elapsedMs: number, cause: unknown) {
    const what = cause instanceof Error ? cause.message : String(cause);
    super(`Seed ${seed}, ${elapsedMs.toFixed(3)} ms: ${what}`, { cause });
    this.name = 'SimulationError';
  }
}

/**
 * A cluster's whole world in one process: one time, one seed, one network, and nodes. It takes the same course
 * whenever it is set up the same, which its trace's hash shows.
 */
export class World {
  readonly random: RandomStreams;
  readonly clock = new VirtualClock();
  readonly trace: Trace;
  readonly network: Network;
  readonly #nodes = new Map<string, SimulatedNode>();
  readonly #guard: RealityGuard;
  readonly #listeners: ((node: SimulatedNode, event: LifecycleEvent) => void)[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor({ seed, onLine, ...limits }: WorldOptions) {
    const { clock } = this;
    this.random = new RandomStreams(seed);
    this.trace = new Trace({ elapsedMs: () => clock.elapsedMs, onLine });
    this.network = new Network({ clock, random: this.random, trace: this.trace, ...limits });
    this.#guard = new RealityGuard(clock, this.random.named('Math.random'));
  }

  /** In the order in which they were added. */
  get nodes(): readonly SimulatedNode[] {
    return [...this.#nodes.values()];
  }

  /** @throws Error when there is no such node */
  node(name: string): SimulatedNode {
    const node = this.#nodes.get(name);
    assert(node !== undefined, `there is a node ${name}`);
    return node;
  }

  /** Adds a machine, which is down until it is started. Its name is its address. */
  addNode(name: string, program: NodeProgram, clockOptions: NodeClockOptions = {}): SimulatedNode {
    assert(!this.#nodes.has(name), `the name ${name} is free`);
    const node = new SimulatedNode({
      name,
      program,
      clock: new NodeClock(this.clock, clockOptions),
      disk: new Disk(this.random.named(`disk/${name}`)),
      random: this.random.named(`node/${name}`),
      network: this.network,
      trace: this.trace,
      onLifecycle: (changed, event) => {
        for (const listener of this.#listeners) listener(changed, event);
      },
      onFailure: (error) => this.fail(error),
    });
    this.#nodes.set(name, node);
    return node;
  }

  /** Calls `listener` whenever a node starts, stops, crashes, pauses or goes on. */
  onLifecycle(listener: (node: SimulatedNode, event: LifecycleEvent) => void): void {
    this.#listeners.push(listener);
  }

  /** Does something after a time from now, in no node's name. */
  after(delayMs: number, task: () => void): void {
    this.clock.at(this.clock.elapsedMs + delayMs, task);
  }

  /** Ends the present run with an error, or the next one: the first error counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /**
   * Lets the world take its course until something ends it.
   *
   * @throws SimulationError with the cause: what an event threw, what `fail` was told, or too many events
   */
  async run(options: RunOptions): Promise<RunResult> {
    const loop = { clock: this.clock, guard: this.#guard, check: () => this.#throwFailure() };
    try {
      return await runEvents(loop, options);
    } catch (cause) {
      throw new SimulationError(this.random.seed, this.clock.elapsedMs, cause);
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
