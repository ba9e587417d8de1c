import { KvsError, assert } from '../../../src/core/errors.ts';
import type { Level } from '../../../src/store/level.ts';
import type { TimerClock } from './clock.ts';
import { drawDelayMs, type Delay } from './delay.ts';
import { DiskLevel, type DiskOperation } from './disk-level.ts';
import type { RandomStream } from './random.ts';

export interface DiskFaults {
  /** Refuses each write with this error; nothing of it is stored. */
  readonly writeError?: Error;
  /** Fails each sync with this error; what was written stays, unsynced. */
  readonly syncError?: Error;
  /** How long a sync takes; without it, no time at all. */
  readonly syncDelay?: Delay;
}

/** What a full disk says. */
export function noSpaceError(): KvsError {
  const cause = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  return new KvsError('KVS_STORAGE_FULL', 'No space is left for the simulated disk', { cause });
}

/** Writes that the operating system keeps to itself before it writes the oldest of them back. */
const unsyncedWritesMax = 65_536;

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** How a machine went down. */
export interface CrashReport {
  /** Unsynced writes that had reached the disk all the same. */
  readonly kept: number;
  /** Unsynced writes that are gone. */
  readonly lost: number;
}

/**
 * A machine's disk. What was synced stays for ever. What was written and not synced is a tail, in order, as in a
 * write-ahead log: the processes see it, and a crash of the machine takes it, or its end. A batch is one write: all of
 * it stays or none. Syncing one write syncs all before it.
 */
export class Disk {
  /** From now on; a write that is under way ends under the faults with which it began. */
  faults: DiskFaults = {};
  /** Syncs that were asked for and succeeded. */
  syncs = 0;
  readonly #random: RandomStream;
  readonly #durable = new Map<string, Entry>();
  #tail: (readonly DiskOperation[])[] = [];
  /** Writes so far, and how many of the first of them are durable. */
  #writes = 0;
  #durableWrites = 0;
  /** Raised when the processes that used the disk are gone: their handles are dead. */
  #generation = 0;
  #holder: DiskLevel | undefined;

  /** `random`: of how much survives a crash, and how long syncs take. */
  constructor(random: RandomStream) {
    this.#random = random;
  }

  /** Writes that a crash of the machine could take. */
  get unsyncedWrites(): number {
    return this.#tail.length;
  }

  /** A database on this disk, to be opened by whoever gets it. `clock` is where it waits for slow syncs. */
  level(clock: TimerClock): Level {
    const generation = this.#generation;
    const level: DiskLevel = new DiskLevel({
      checkAlive: () => this.#checkAlive(generation),
      acquire: () => this.#acquire(level),
      release: () => this.#release(level),
      write: (operations) => this.#write(operations),
      sync: (write) => this.#sync(write, clock, generation),
    });
    return level as unknown as Level;
  }

  /** The process is gone (kill -9) and the machine is not: every write stays, unsynced ones as unsynced as before. */
  kill(): void {
    this.#generation++;
    this.#holder = undefined;
  }

  /**
   * The machine is gone (power loss). Handles from before fail every later call. All unsynced writes are lost; with
   * `keepsSome` a drawn number of the first of them had reached the disk.
   */
  crash({ keepsSome }: { keepsSome: boolean }): CrashReport {
    this.kill();
    const kept = keepsSome ? this.#random.integer(0, this.#tail.length) : 0;
    const lost = this.#tail.length - kept;
    this.#persist(this.#durableWrites + kept);
    this.#tail = [];
    this.#writes = this.#durableWrites;
    return { kept, lost };
  }

  /** Takes in another disk's contents in place of its own: a copied folder, or with undefined an empty new disk. */
  replace(other: Disk | undefined): void {
    this.kill();
    this.#durable.clear();
    this.#tail = [];
    this.#writes = this.#durableWrites;
    if (other === undefined) return;
    for (const [name, entry] of other.#durable) this.#durable.set(name, entry);
    for (const write of other.#tail) apply(write, this.#durable);
  }

  #acquire(level: DiskLevel): readonly DiskOperation[] {
    if (this.#holder !== undefined && this.#holder !== level) {
      throw new KvsError('KVS_STORE_LOCKED', 'Another process holds the simulated disk');
    }
    this.#holder = level;
    const contents = new Map(this.#durable);
    for (const write of this.#tail) apply(write, contents);
    return [...contents.values()].map(({ key, value }) => ({ type: 'put', key, value }));
  }

  #release(level: DiskLevel): void {
    if (this.#holder === level) this.#holder = undefined;
  }

  /** Returns the number of the write. */
  #write(operations: readonly DiskOperation[]): number {
    if (this.faults.writeError !== undefined) throw this.faults.writeError;
    this.#tail.push(operations);
    this.#writes++;
    if (this.#tail.length > unsyncedWritesMax) this.#persist(this.#writes - unsyncedWritesMax / 2);
    return this.#writes;
  }

  async #sync(write: number, clock: TimerClock, generation: number): Promise<void> {
    const { syncError, syncDelay } = this.faults;
    if (syncDelay !== undefined) {
      const delayMs = drawDelayMs(syncDelay, this.#random);
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, delayMs));
      this.#checkAlive(generation);
    }
    if (syncError !== undefined) throw syncError;
    this.syncs++;
    this.#persist(write);
  }

  /** Makes the first so many writes durable. */
  #persist(writes: number): void {
    const count = Math.max(0, writes - this.#durableWrites);
    assert(count <= this.#tail.length, 'only what was written becomes durable');
    for (let at = 0; at < count; at++) apply(this.#tail[at] ?? [], this.#durable);
    this.#tail.splice(0, count);
    this.#durableWrites += count;
  }

  #checkAlive(generation: number): void {
    if (generation === this.#generation) return;
    throw new KvsError('KVS_STORAGE_FAILED', 'The process that opened the simulated disk is gone');
  }
}

function apply(operations: readonly DiskOperation[], contents: Map<string, Entry>): void {
  for (const operation of operations) {
    const { key } = operation;
    const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
    if (operation.type === 'put') contents.set(name, { key, value: operation.value });
    else contents.delete(name);
  }
}
