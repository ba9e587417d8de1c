/** The bounds of a range as abstract-level hands them over, encoded; of two on one side the inclusive one counts. */
export interface KeyBounds {
  readonly gt?: Uint8Array | undefined;
  readonly gte?: Uint8Array | undefined;
  readonly lt?: Uint8Array | undefined;
  readonly lte?: Uint8Array | undefined;
}

/** All keys from `start` up to and without `end`, in the order of their bytes; without `end`, up to the last one. */
export interface KeyRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

/** The empty key, which is the least of all. */
export const emptyKey: Uint8Array = new Uint8Array(0);

export const wholeRange: KeyRange = { start: emptyKey, end: undefined };

export function toKeyRange({ gt, gte, lt, lte }: KeyBounds): KeyRange {
  const start = gte ?? (gt === undefined ? emptyKey : successor(gt));
  const end = lte === undefined ? lt : successor(lte);
  return { start, end };
}

export function isEmptyRange({ start, end }: KeyRange): boolean {
  return end !== undefined && Buffer.compare(start, end) >= 0;
}

export function isInRange(key: Uint8Array, { start, end }: KeyRange): boolean {
  return Buffer.compare(key, start) >= 0 && (end === undefined || Buffer.compare(key, end) < 0);
}

/** What a walk has still before it that begins at `key` and goes up, or down when `reverse`, to the end of the range. */
export function rangeFrom(key: Uint8Array, range: KeyRange, reverse: boolean): KeyRange {
  return reverse ? { start: range.start, end: successor(key) } : { start: key, end: range.end };
}

/** The same without `key` itself. */
export function rangeAfter(key: Uint8Array, range: KeyRange, reverse: boolean): KeyRange {
  return reverse ? { start: range.start, end: key } : { start: successor(key), end: range.end };
}

/** The least key above `key`: a zero byte is appended. */
export function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
