import type { Timers } from '../src/core/ports.ts';

/** Timers that go off when a test says so. */
export class ManualTimers implements Timers {
  readonly #tasks = new Map<() => void, number>();
  #now = 0;

  after(ms: number, task: () => void): () => void {
    const own = () => task();
    this.#tasks.set(own, this.#now + ms);
    return () => void this.#tasks.delete(own);
  }

  get pending(): number {
    return this.#tasks.size;
  }

  /** Lets so much time go by. */
  advance(ms: number): void {
    this.#now += ms;
    for (const [task, dueAt] of this.#tasks) {
      if (dueAt > this.#now) continue;
      this.#tasks.delete(task);
      task();
    }
  }
}
