/** How often what was observed fell into which bucket; cheap enough to be fed by every request. */
export class Histogram {
  /** The upper bounds of the buckets, ascending; a last bucket has none. */
  readonly bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let bucket = 0;
    while (value > (this.bounds[bucket] ?? Infinity)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  /** How many observations were at most each bound, and in the end how many there were. */
  cumulated(): readonly number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => (total += count));
  }
}

/** From a value out of memory to a client that hardly reads. */
export const requestSecondsBounds = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
/** From the grain of a timer to a process that does nothing but one thing. */
export const delaySecondsBounds = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** From a disk with a cache of its own to one that is about to fail. */
export const syncSecondsBounds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1,
];
/** Up to `limits.commitWritesMax`. */
export const commitSizeBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];
