/**
 * How long to wait after the `failures`-th failure in a row, ms: twice as long each time, from `minMs` up to `maxMs`,
 * with full jitter in the upper half, so that those that failed together don't come back together. `chance` is in
 * [0, 1).
 */
export function backoffMs(
  failures: number,
  { minMs, maxMs, chance }: { readonly minMs: number; readonly maxMs: number; readonly chance: number },
): number {
  const longest = Math.min(maxMs, minMs * 2 ** Math.min(Math.max(0, failures - 1), 30));
  return longest / 2 + (longest / 2) * chance;
}
