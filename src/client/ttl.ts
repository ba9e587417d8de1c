/** A time to live in seconds, to the ms, rounded up: without an exponent, which nodes don't read. */
export function ttlOf(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.ceil(seconds * 1_000) / 1_000;
}
