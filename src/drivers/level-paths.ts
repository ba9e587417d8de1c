import { justBefore, justBehind, keyBytesFor, keyOfSegment, segmentOf } from './key-segment.ts';

/** What a node takes as a path, bytes in UTF-8. */
const pathBytesMax = 1_024;

/** Where the keys of a level are: each in a segment of its own below the base. */
export class LevelPaths {
  readonly base: string;
  /** The longest key that has a path, bytes: three quarters of what the base leaves. */
  readonly keyBytesMax: number;

  /** @throws TypeError when the base is no path, or leaves no room for a key */
  constructor(base: string) {
    if (base === '' || base.split('/').includes('')) throw new TypeError('The base of a level is a path');
    this.base = base;
    // A slash, and the character that stands before or behind a key to begin a list there.
    this.keyBytesMax = keyBytesFor(pathBytesMax - new TextEncoder().encode(base).length - 2);
    if (this.keyBytesMax < 1) throw new TypeError('The base of a level leaves no room for its keys');
  }

  /** The path of a key; undefined where it is too long to have one. */
  pathOf(key: Uint8Array): string | undefined {
    return key.length > this.keyBytesMax ? undefined : this.#below(segmentOf(key));
  }

  /** The key of a path; undefined for what others have put below the base. */
  keyOf(path: string): Uint8Array | undefined {
    const key = keyOfSegment(path.slice(this.base.length + 1));
    return key !== undefined && key.length <= this.keyBytesMax ? key : undefined;
  }

  /** Behind which path all keys stand that are at least `key`; undefined: behind none. */
  behindWhich(key: Uint8Array): string | undefined {
    // Every key that is greater than one that is too long is greater than what of it would not be.
    const { isWhole, segment } = this.#cut(key);
    const start = isWhole ? justBefore(segment) : segment;
    return start === '' ? undefined : this.#below(start);
  }

  /** Before which path all keys stand that are less than `key`. */
  beforeWhich(key: Uint8Array): string {
    const { isWhole, segment } = this.#cut(key);
    return this.#below(isWhole ? segment : justBehind(segment));
  }

  #cut(key: Uint8Array): { isWhole: boolean; segment: string } {
    const isWhole = key.length <= this.keyBytesMax;
    return { isWhole, segment: segmentOf(isWhole ? key : key.subarray(0, this.keyBytesMax)) };
  }

  #below(segment: string): string {
    return `${this.base}/${segment}`;
  }
}
