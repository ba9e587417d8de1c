/** What the node counts, read about once a second. */
export interface Reading {
  /** By the node's clock, ms since the epoch. */
  readonly at: number;
  readonly commits: number;
  readonly commitWrites: number;
  readonly localWrites: number;
  /** The lag of the member that lags most, ms. */
  readonly lagMs: number;
  /** Versions that the present comparison with a member, or the last one, found to differ. */
  readonly differences: number;
}

/** What is drawn of two readings. */
export interface Sample {
  readonly at: number;
  /** Versions a second that clients wrote here, and that came from other nodes. */
  readonly localPerSecond: number;
  readonly mergedPerSecond: number;
  readonly lagMs: number;
  /** Mean versions of a commit; null where there was none. */
  readonly commitSize: number | null;
  readonly differences: number;
}

/** Samples that are kept: a quarter of an hour. */
export const samplesMax = 900;

/** Makes samples of readings. A counter that fell belongs to another life of the node, and begins anew. */
export class Samples {
  #last: Reading | undefined;
  #samples: Sample[] = [];

  get all(): readonly Sample[] {
    return this.#samples;
  }

  get latest(): Sample | undefined {
    return this.#samples.at(-1);
  }

  add(reading: Reading): void {
    const last = this.#last;
    this.#last = reading;
    if (last === undefined || reading.at <= last.at || reading.commits < last.commits) return;
    const seconds = (reading.at - last.at) / 1_000;
    const commits = reading.commits - last.commits;
    const writes = reading.commitWrites - last.commitWrites;
    const local = reading.localWrites - last.localWrites;
    const sample = {
      at: reading.at,
      localPerSecond: local / seconds,
      mergedPerSecond: (writes - local) / seconds,
      lagMs: reading.lagMs,
      commitSize: commits === 0 ? null : writes / commits,
      differences: reading.differences,
    };
    this.#samples = [...this.#samples.slice(1 - samplesMax), sample];
  }
}
