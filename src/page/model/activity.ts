/** How often something happened in each lane, in equal spans of the last minute. */
export class Activity {
  /** Span of one bucket, ms. */
  readonly spanMs: number;
  readonly bucketCount: number;
  readonly #lanes = new Map<string, Uint16Array>();
  /** The number of the newest bucket since the epoch. */
  #newest = 0;

  constructor({ spanMs = 500, bucketCount = 120 } = {}) {
    this.spanMs = spanMs;
    this.bucketCount = bucketCount;
  }

  note(lane: string, atMs: number): void {
    const bucket = Math.floor(atMs / this.spanMs);
    this.advance(atMs);
    if (bucket <= this.#newest - this.bucketCount) return;
    const counts = this.#lanes.get(lane) ?? new Uint16Array(this.bucketCount);
    this.#lanes.set(lane, counts);
    const index = bucket % this.bucketCount;
    counts[index] = Math.min((counts[index] ?? 0) + 1, 65_535);
  }

  /** Lets time pass: what is older than all buckets is dropped. */
  advance(nowMs: number): void {
    const bucket = Math.floor(nowMs / this.spanMs);
    if (bucket <= this.#newest) return;
    const passed = Math.min(bucket - this.#newest, this.bucketCount);
    for (const counts of this.#lanes.values()) {
      for (let i = 0; i < passed; i++) counts[(bucket - i) % this.bucketCount] = 0;
    }
    this.#newest = bucket;
  }

  /** The counts of a lane, oldest first. */
  counts(lane: string): number[] {
    const counts = this.#lanes.get(lane);
    return Array.from({ length: this.bucketCount }, (_, i) => {
      const bucket = this.#newest - this.bucketCount + 1 + i;
      return counts?.[((bucket % this.bucketCount) + this.bucketCount) % this.bucketCount] ?? 0;
    });
  }
}
