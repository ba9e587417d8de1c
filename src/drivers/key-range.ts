import { compareBytes, successor } from './bytes.ts';

/** The bounds of a range as abstract-level hands them over, encoded; of two on one side the inclusive one counts. */
export interface KeyBounds {
  readonly gt?: Uint8Array | undefined;
  readonly gte?: Uint8Array | undefined;
  readonly lt?: Uint8Array | undefined;
  readonly lte?: Uint8Array | undefined;
}

/** All keys from `start` up to and without `end`; without `end`, up to the last one. */
export interface KeyRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

const emptyKey = new Uint8Array(0);

export function toKeyRange({ gt, gte, lt, lte }: KeyBounds): KeyRange {
  const start = gte ?? (gt === undefined ? emptyKey : successor(gt));
  return { start, end: lte === undefined ? lt : successor(lte) };
}

export function isWhole({ start, end }: KeyRange): boolean {
  return start.length === 0 && end === undefined;
}

export function isInRange(key: Uint8Array, { start, end }: KeyRange): boolean {
  return compareBytes(key, start) >= 0 && (end === undefined || compareBytes(key, end) < 0);
}
