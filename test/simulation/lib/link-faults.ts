import type { Delay } from './delay.ts';

/** How one direction between two addresses behaves. Messages overtake each other where delays differ enough. */
export interface LinkFaults {
  readonly delay: Delay;
  /** The share of messages that are lost, 0 to 1. */
  readonly lossRate: number;
  /** The share of messages that come twice, 0 to 1; each copy has a delay of its own. */
  readonly duplicationRate: number;
  /** What the link carries at most; messages queue behind each other. Infinity: no limit. */
  readonly bytesPerSecond: number;
}

/** A local network on a good day. */
export const healthyLink: LinkFaults = {
  delay: { minMs: 0.2, meanMs: 0.5, maxMs: 5 },
  lossRate: 0,
  duplicationRate: 0,
  bytesPerSecond: Infinity,
};
