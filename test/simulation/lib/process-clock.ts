import type { Clock } from '../../../src/core/ports.ts';
import { checkedDelayMs, type TimerClock } from './clock.ts';
import type { NodeClock } from './node-clock.ts';
import type { Timer } from './timer-queue.ts';

/** A timer of a process. Without a task it has fired or was cancelled. */
export interface ProcessTimer {
  task: (() => void) | undefined;
  timer: Timer | undefined;
}

/**
 * Time as one run of a node's process sees it, and the gate through which everything from outside reaches that
 * process: its timers, messages and disk. While the process is paused (SIGSTOP) what comes waits, in order; once it
 * has ended nothing comes any more.
 */
export class ProcessClock implements Clock, TimerClock<ProcessTimer> {
  readonly #clock: NodeClock;
  #state: 'running' | 'paused' | 'ended' = 'running';
  #held: (() => void)[] = [];

  constructor(clock: NodeClock) {
    this.#clock = clock;
  }

  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  now(): number {
    return this.#clock.now();
  }

  /** @throws Error for a delay that a real timer could not keep */
  setTimeout(task: () => void, delayMs: number): ProcessTimer {
    const own: ProcessTimer = { task, timer: undefined };
    if (this.#state === 'ended') return own;
    const { timeline } = this.#clock;
    const trueDelayMs = this.#clock.trueMs(checkedDelayMs(delayMs));
    own.timer = timeline.at(timeline.elapsedMs + trueDelayMs, () => this.deliver(() => fire(own)));
    return own;
  }

  clearTimeout(own: ProcessTimer | undefined): void {
    if (own === undefined) return;
    own.task = undefined;
    this.#clock.timeline.clearTimeout(own.timer);
  }

  /** Runs a task as its own event, at this instant: what comes at about the same time is there by then. */
  readonly defer = (task: () => void): void => {
    this.setTimeout(task, 0);
  };

  /** Hands something from outside to the process: at once, when it goes on, or never. */
  deliver(task: () => void): void {
    if (this.#state === 'running') task();
    else if (this.#state === 'paused') this.#held.push(task);
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  /** Goes on. What came meanwhile is delivered at this instant, each as its own event, in the order in which it came. */
  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    const { timeline } = this.#clock;
    for (const task of this.#held) timeline.at(timeline.elapsedMs, () => this.deliver(task));
    this.#held = [];
  }

  /** The process is gone, with all its timers. */
  end(): void {
    this.#state = 'ended';
    this.#held = [];
  }
}

function fire(own: ProcessTimer): void {
  const { task } = own;
  own.task = undefined;
  task?.();
}
