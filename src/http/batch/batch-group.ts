import type { KvsError } from '../../core/errors.ts';
import type { KeyPath } from '../../core/key-path.ts';
import { limits } from '../../core/limits.ts';
import type { WriteRequest } from '../../core/ports.ts';
import type { BatchRequest } from './batch-line.ts';

/** Requests of a group that may be carried out at the same time, each with the index of its line in the group. */
export interface Step {
  readonly writes: WriteRequest[];
  readonly writeIndexes: number[];
  readonly reads: KeyPath[];
  readonly readIndexes: number[];
}

/** Lines that are carried out together. */
export class BatchGroup {
  /** What each line asks for, or why it can't be read. */
  readonly requests: (BatchRequest | KvsError)[] = [];
  readonly #numbers: number[] = [];
  /** Of the lines, as reserved for them. */
  bytes = 0;
  #reads = 0;
  #writes = 0;
  readonly #readsMax: number;

  constructor(maxValueBytes: number) {
    const fitting = Math.floor(limits.batchReadBytesMax / maxValueBytes);
    this.#readsMax = Math.max(1, Math.min(limits.batchReadsMax, fitting));
  }

  /** `number`: of the line in its batch. */
  add(number: number, request: BatchRequest | KvsError, bytes: number): void {
    this.#numbers.push(number);
    this.requests.push(request);
    this.bytes += bytes;
    if (!('kind' in request)) return;
    if (request.kind === 'get') this.#reads++;
    else this.#writes++;
  }

  /** The number of the line at an index. */
  numberOf(index: number): number {
    return this.#numbers[index] ?? 0;
  }

  get isFull(): boolean {
    return (
      this.requests.length >= limits.batchLinesMax ||
      this.bytes >= limits.batchBytesMax ||
      this.#reads >= this.#readsMax
    );
  }

  /** The store keeps writes in order, and reads of what nothing changes have none. */
  mayRunBeside(other: BatchGroup): boolean {
    return this.#reads === 0 ? other.#reads === 0 : this.#writes === 0 && other.#writes === 0;
  }

  /**
   * The requests in as few steps as keep the order of each key: a read stands in a later step than the write before
   * it, and a write in a later one than the read before it. Writes of one key may share a step, where they stand in
   * order.
   */
  steps(): readonly Step[] {
    const steps: Step[] = [];
    const stepAt = (level: number): Step => (steps[level] ??= newStep());
    const isMixed = this.#reads > 0 && this.#writes > 0;
    const levels = new Map<KeyPath, { write: number; read: number }>();
    this.requests.forEach((request, index) => {
      if (!('kind' in request)) return;
      const level = isMixed ? nextLevel(levels, request) : 0;
      const step = stepAt(level);
      if (request.kind === 'get') {
        step.reads.push(request.path);
        step.readIndexes.push(index);
      } else {
        step.writes.push(request);
        step.writeIndexes.push(index);
      }
    });
    return steps;
  }
}

function newStep(): Step {
  return { writes: [], writeIndexes: [], reads: [], readIndexes: [] };
}

/** `levels`: the steps of the last write and the last read of each key; -1: none. */
function nextLevel(
  levels: Map<KeyPath, { write: number; read: number }>,
  { kind, path }: BatchRequest,
): number {
  let last = levels.get(path);
  if (last === undefined) levels.set(path, (last = { write: -1, read: -1 }));
  if (kind === 'get') return (last.read = Math.max(last.read, last.write + 1));
  return (last.write = Math.max(last.write, last.read + 1, 0));
}
