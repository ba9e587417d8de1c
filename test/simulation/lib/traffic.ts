/** What was sent, and what became of it. A request and its reply are a message each. */
export interface Traffic {
  /** Messages that were handed to the network, the lost ones included, duplicates not. */
  messages: number;
  bytes: number;
  /** By chance, by a cut, or for want of a receiver. */
  lost: number;
  duplicated: number;
  /** Dropped because the receiver had too many under way. */
  overflowed: number;
}

export function noTraffic(): Traffic {
  return { messages: 0, bytes: 0, lost: 0, duplicated: 0, overflowed: 0 };
}

/** Counts by kind of call, and over all. */
export class TrafficCounters {
  readonly total = noTraffic();
  readonly #byKind = new Map<string, Traffic>();

  /** The counters of a kind; they are live. */
  of(kind: string): Traffic {
    let traffic = this.#byKind.get(kind);
    if (traffic === undefined) {
      traffic = noTraffic();
      this.#byKind.set(kind, traffic);
    }
    return traffic;
  }

  /** In the order of their names. */
  kinds(): readonly string[] {
    return [...this.#byKind.keys()].toSorted();
  }

  count(kind: string, what: keyof Traffic, by = 1): void {
    this.total[what] += by;
    this.of(kind)[what] += by;
  }
}
