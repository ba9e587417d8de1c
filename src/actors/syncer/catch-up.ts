/** How many members catch up at once with one that came back; in a larger cluster the others leave it to these. */
const partnersMax = 4;
/** The member with the greater id leaves the first word to the other one, for so long, ms. */
export const secondWordMs = 2_000;

/**
 * When to catch up with a member that has joined or come back, ms from now; undefined: not at all, others do. Both
 * sides learn of each other at about the same time: one begins, and the other one makes sure a little later, which
 * costs one small message when all went well.
 */
export function catchUpDelayMs(options: {
  readonly self: string;
  readonly other: string;
  readonly presentCount: number;
  /** In [0, 1). */
  readonly chance: number;
}): number | undefined {
  const { self, other, presentCount, chance } = options;
  if (chance >= partnersMax / Math.max(1, presentCount)) return undefined;
  return self < other ? 0 : secondWordMs;
}
