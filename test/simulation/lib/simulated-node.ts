import { assert } from '../../../src/core/errors.ts';
import type { Level } from '../../../src/store/level.ts';
import type { Disk } from './disk.ts';
import type { Endpoint } from './endpoint.ts';
import type { Network } from './network.ts';
import type { NodeClock } from './node-clock.ts';
import { ProcessClock } from './process-clock.ts';
import type { RandomStream } from './random.ts';
import type { Trace } from './trace.ts';

/** All that a node's process has of the world. It is made anew at each start. */
export interface NodeContext {
  readonly name: string;
  /** The clock for its actors, and its wall clock. */
  readonly clock: ProcessClock;
  /** The node's own chance; it goes on from start to start. */
  readonly random: RandomStream;
  /** The database on its disk, not opened yet. */
  readonly level: Level;
  readonly endpoint: Endpoint;
  /** Runs a task a little later: what a store coalesces by. */
  readonly defer: (task: () => void) => void;
  /** Which start of the node this is, from 1. */
  readonly run: number;
}

/** What a node runs. May give back how it stops in order; a crash doesn't ask for it. */
export type NodeProgram = (context: NodeContext) => Promise<StopProgram | void> | StopProgram | void;

export type StopProgram = () => Promise<void>;

export interface CrashOptions {
  /** False: only the process dies (kill -9), and the disk keeps all writes. Default true: the machine goes down. */
  readonly powerLoss?: boolean;
  /** Whether some of the unsynced writes may survive a power loss; default true, and then drawn. */
  readonly keepsSome?: boolean;
}

/** What happened to a node. */
export type LifecycleEvent = 'started' | 'stopped' | 'crashed' | 'paused' | 'resumed';

export interface SimulatedNodeParts {
  readonly name: string;
  readonly program: NodeProgram;
  readonly clock: NodeClock;
  readonly disk: Disk;
  readonly random: RandomStream;
  readonly network: Network;
  readonly trace: Trace;
  readonly onLifecycle: (node: SimulatedNode, event: LifecycleEvent) => void;
  /** Told of what a program threw while it started or stopped. */
  readonly onFailure: (error: unknown) => void;
}

interface Process {
  readonly clock: ProcessClock;
  readonly endpoint: Endpoint;
  /** Undefined while it starts, and for a program that has no end of its own. */
  stop: StopProgram | undefined;
}

/**
 * One machine: a clock and a disk that outlive its processes, and at most one process. A process that crashed never
 * runs on: its timers, its messages and its disk are gone, and with them all that could wake it.
 */
export class SimulatedNode {
  readonly #parts: SimulatedNodeParts;
  #process: Process | undefined;
  #isPaused = false;
  #runs = 0;

  constructor(parts: SimulatedNodeParts) {
    this.#parts = parts;
  }

  get name(): string {
    return this.#parts.name;
  }

  get clock(): NodeClock {
    return this.#parts.clock;
  }

  get disk(): Disk {
    return this.#parts.disk;
  }

  /** How often it was started. */
  get runs(): number {
    return this.#runs;
  }

  get state(): 'running' | 'paused' | 'down' {
    if (this.#process === undefined) return 'down';
    return this.#isPaused ? 'paused' : 'running';
  }

  /** Starts the program, as an event of its own. It must be down. */
  start(): void {
    assert(this.#process === undefined, `${this.name} is down before it starts`);
    const { name, clock: nodeClock, disk, random, network, program } = this.#parts;
    const clock = new ProcessClock(nodeClock);
    const process: Process = { clock, endpoint: network.attach(name, clock), stop: undefined };
    this.#process = process;
    const context: NodeContext = {
      name,
      clock,
      random,
      level: disk.level(clock),
      endpoint: process.endpoint,
      defer: clock.defer,
      run: ++this.#runs,
    };
    this.#tell('started');
    clock.defer(() => {
      this.#attempt(process, async () => {
        process.stop = (await program(context)) ?? undefined;
      });
    });
  }

  /** Stops in order: the program is asked to, and when it has, the process ends. One that is down stays so. */
  stop(): void {
    const process = this.#process;
    if (process === undefined) return;
    process.clock.defer(() => {
      this.#attempt(process, async () => {
        await process.stop?.();
        if (this.#process !== process) return;
        this.#end(process);
        this.#parts.disk.kill();
        this.#tell('stopped');
      });
    });
  }

  /** Ends the process without a word to it. One that is down stays so. */
  crash({ powerLoss = true, keepsSome = true }: CrashOptions = {}): void {
    if (this.#process === undefined) return;
    this.#end(this.#process);
    const { disk, trace } = this.#parts;
    if (powerLoss) {
      const { kept, lost } = disk.crash({ keepsSome });
      trace.record('disk.crashed', this.name, kept, lost);
    } else {
      disk.kill();
    }
    this.#tell('crashed');
  }

  /** Stops the process from running (SIGSTOP): it answers nothing, and finds everything late when it goes on. */
  pause(): void {
    if (this.state !== 'running') return;
    this.#isPaused = true;
    this.#process?.clock.pause();
    this.#tell('paused');
  }

  resume(): void {
    if (this.state !== 'paused') return;
    this.#isPaused = false;
    this.#process?.clock.resume();
    this.#tell('resumed');
  }

  #end({ clock, endpoint }: Process): void {
    endpoint.close();
    clock.end();
    this.#process = undefined;
    this.#isPaused = false;
  }

  /** What becomes of a process that is already gone is of no interest. */
  #attempt(process: Process, act: () => Promise<void>): void {
    act().catch((error: unknown) => {
      if (this.#process === process) this.#parts.onFailure(error);
    });
  }

  #tell(event: LifecycleEvent): void {
    this.#parts.trace.record(`node.${event}`, this.name);
    this.#parts.onLifecycle(this, event);
  }
}
