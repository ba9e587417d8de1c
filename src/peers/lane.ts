import type { Timers } from '../core/ports.ts';

/** After a call that failed a lane rests for so long, ms: whoever can't be reached is not called all the time. */
export const laneRestMs = 250;

export interface LaneOptions<Item> {
  /** Calls at one time. What comes meanwhile waits, and shares the next one. */
  readonly callsMax: number;
  readonly timers: Timers;
  /** The first of what waits, as many as fit in one call: one at least. */
  readonly pick: (waiting: Iterable<Item>) => readonly Item[];
  /** Makes a call, tells items what came of it, and settles with those that have to go with another call. */
  readonly call: (items: readonly Item[]) => Promise<readonly Item[]>;
  /** Told of each item of a call that failed. */
  readonly onFailure: (item: Item, error: unknown) => void;
  /** Called when nothing waits or is under way any more. */
  readonly onIdle: () => void;
}

/** Carries items to one member, many in one call, a few calls at one time. */
export class Lane<Item> {
  readonly #options: LaneOptions<Item>;
  readonly #waiting = new Set<Item>();
  #calls = 0;
  #isResting = false;

  constructor(options: LaneOptions<Item>) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#waiting.size === 0 && this.#calls === 0 && !this.#isResting;
  }

  /** Returns how to take the item back; that returns false once it is on its way, or was. */
  add(item: Item): () => boolean {
    this.#waiting.add(item);
    this.#goOn();
    return () => this.#waiting.delete(item);
  }

  #goOn(): void {
    const { callsMax, pick } = this.#options;
    while (this.#waiting.size > 0 && this.#calls < callsMax && !this.#isResting) {
      const items = pick(this.#waiting);
      for (const item of items) this.#waiting.delete(item);
      void this.#call(items);
    }
    if (this.isIdle) this.#options.onIdle();
  }

  async #call(items: readonly Item[]): Promise<void> {
    const { call, onFailure } = this.#options;
    this.#calls++;
    try {
      for (const item of await call(items)) this.#waiting.add(item);
    } catch (error) {
      this.#rest();
      for (const item of items) onFailure(item, error);
    }
    this.#calls--;
    this.#goOn();
  }

  #rest(): void {
    if (this.#isResting) return;
    this.#isResting = true;
    this.#options.timers.after(laneRestMs, () => {
      this.#isResting = false;
      this.#goOn();
    });
  }
}
