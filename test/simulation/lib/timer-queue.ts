/** One task at one time. Without a task it was cancelled, or has been taken. */
export class Timer {
  readonly atMs: number;
  readonly order: number;
  task: (() => void) | undefined;

  constructor(atMs: number, order: number, task: () => void) {
    this.atMs = atMs;
    this.order = order;
    this.task = task;
  }
}

/** Below this many entries, cancelled ones are not worth a sweep. */
const sweepEntriesMin = 1_024;

/**
 * Timers by time, then by the order in which they were added: a binary heap. A cancelled timer stays until it comes
 * up, or until cancelled ones are more than half of all.
 */
export class TimerQueue {
  #heap: Timer[] = [];
  #orders = 0;
  #cancelled = 0;

  /** Timers that wait. */
  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  add(atMs: number, task: () => void): Timer {
    const timer = new Timer(atMs, this.#orders++, task);
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1);
    return timer;
  }

  /** Does nothing to a timer that was taken or cancelled before. */
  cancel(timer: Timer): void {
    if (timer.task === undefined) return;
    timer.task = undefined;
    this.#cancelled++;
    if (this.#heap.length >= sweepEntriesMin && this.#cancelled * 2 > this.#heap.length) this.#sweep();
  }

  /** When the next timer is due; undefined when none waits. */
  nextAtMs(): number | undefined {
    let first = this.#heap[0];
    while (first !== undefined && first.task === undefined) {
      this.#cancelled--;
      this.#removeFirst();
      first = this.#heap[0];
    }
    return first?.atMs;
  }

  /** Takes the next timer's task out; undefined when none waits. */
  take(): (() => void) | undefined {
    if (this.nextAtMs() === undefined) return undefined;
    const first = this.#heap[0] as Timer;
    const { task } = first;
    first.task = undefined;
    this.#removeFirst();
    return task;
  }

  #removeFirst(): void {
    const last = this.#heap.pop() as Timer;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #sweep(): void {
    this.#heap = this.#heap.filter((timer) => timer.task !== undefined);
    this.#cancelled = 0;
    for (let at = (this.#heap.length >>> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    const timer = heap[from] as Timer;
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >>> 1;
      const parent = heap[parentAt] as Timer;
      if (!isBefore(timer, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = timer;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const timer = heap[from] as Timer;
    let at = from;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = heap[childAt];
      if (child === undefined) break;
      const right = heap[childAt + 1];
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        childAt++;
      }
      if (!isBefore(child, timer)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = timer;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
