import type { KeyPath } from './key-path.ts';
import { diedAtMs, type Version } from './version.ts';

/**
 * How far somebody has been told what happens to the keys of one store. There are two sources: the commits, in their
 * order, and the instants of expiry, at which no commit happens. Whoever goes on from a position hears first of the
 * commits, then of what expired among the versions of these.
 */
export interface EventPosition {
  /** Every commit up to this one is told. */
  readonly sequence: number;
  /** And so many entries of the one after it. */
  readonly entries: number;
  /** Every expiry up to this instant is told, ms since the epoch; */
  readonly expiredMs: number;
  /** but those of the instant itself only up to this path, byte by byte. Undefined: all of them. */
  readonly expiredPath: KeyPath | undefined;
}

/** What happened to a key. */
export type KeyEvent =
  | { readonly kind: 'put'; readonly path: KeyPath; readonly version: Version }
  | { readonly kind: 'delete'; readonly path: KeyPath; readonly uuid: string; readonly timestamp: number }
  | {
      readonly kind: 'expire';
      readonly path: KeyPath;
      readonly uuid: string;
      readonly timestamp: number;
      /** ms since the epoch. */
      readonly expiresAt: number;
    };

export interface ToldEvent {
  readonly event: KeyEvent;
  /** The position of whoever has been told of it. */
  readonly after: EventPosition;
}

/** Events after a position, and how far they reach. */
export interface EventPage {
  readonly events: readonly ToldEvent[];
  readonly position: EventPosition;
}

/**
 * What a commit means for whoever stands at a position. A version whose instant of expiry has been told before it came
 * will not expire for him any more, so it never lives for him either.
 */
export function eventOf(path: KeyPath, version: Version, position: EventPosition): KeyEvent {
  if (version.deleted) return { kind: 'delete', path, uuid: version.uuid, timestamp: version.timestamp };
  return isExpiryTold(path, version, position) ? expiryOf(path, version) : { kind: 'put', path, version };
}

/** Expects a version that expires. */
export function expiryOf(path: KeyPath, { uuid, timestamp, expiresAt }: Version): KeyEvent {
  return { kind: 'expire', path, uuid, timestamp, expiresAt: expiresAt ?? timestamp };
}

/** False when nothing happened between the two. A position that can't lead to the other one counts as behind it. */
export function isBehind(position: EventPosition, until: EventPosition): boolean {
  return (
    position.sequence !== until.sequence ||
    position.entries > 0 ||
    position.expiredMs < until.expiredMs ||
    (position.expiredMs === until.expiredMs &&
      position.expiredPath !== undefined &&
      (until.expiredPath === undefined || comparePaths(position.expiredPath, until.expiredPath) < 0))
  );
}

function isExpiryTold(path: KeyPath, version: Version, { expiredMs, expiredPath }: EventPosition): boolean {
  if (version.expiresAt === undefined) return false;
  const at = diedAtMs(version);
  if (at !== expiredMs || expiredPath === undefined) return at <= expiredMs;
  return comparePaths(path, expiredPath) <= 0;
}

const encoder = new TextEncoder();

/** By their UTF-8, which has another order than UTF-16. */
function comparePaths(a: string, b: string): number {
  const left = encoder.encode(a);
  const right = encoder.encode(b);
  const at = left.findIndex((byte, index) => byte !== right[index]);
  return at < 0 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? -1);
}
