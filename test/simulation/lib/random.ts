import { assert } from '../../../src/core/errors.ts';
import { hash128 } from '../../../src/core/hash.ts';
import type { Random } from '../../../src/core/ports.ts';

/** A simulation's only source of chance: as many independent streams as it has consumers, all from one seed. */
export class RandomStreams {
  readonly seed: bigint;
  readonly #streams = new Map<string, RandomStream>();

  /** `seed`: an integer in 0..2^64-1; a number must be a safe one. */
  constructor(seed: bigint | number) {
    assert(typeof seed === 'bigint' || Number.isSafeInteger(seed), `seed ${seed} is an exact integer`);
    this.seed = BigInt(seed);
    assert(this.seed >= 0n && this.seed < 1n << 64n, `seed ${seed} fits in 64 bits`);
  }

  /**
   * The stream of this name: always the same one. Its start depends on the seed and the name alone, so that a new
   * consumer with a name of its own leaves every other sequence as it was.
   */
  named(name: string): RandomStream {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const text = new TextEncoder().encode(name);
    const bytes = new Uint8Array(8 + text.length);
    new DataView(bytes.buffer).setBigUint64(0, this.seed, true);
    bytes.set(text, 8);
    const lanes = new Uint32Array(4);
    hash128(bytes, bytes.length, lanes);
    const stream = new RandomStream(lanes);
    this.#streams.set(name, stream);
    return stream;
  }
}

/** Rounds that mix the state before the first number is given out. */
const warmUpRounds = 12;

/**
 * sfc32, the "small fast counting" generator (Chris Doty-Humphrey, PractRand 0.94, `sfc.h`; public domain):
 * a period of at least 2^32, about 2^127 on average, in four words of state.
 */
export class RandomStream implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `lanes`: three words of state; they may be anything. */
  constructor(lanes: Uint32Array) {
    this.#a = (lanes[0] ?? 0) | 0;
    this.#b = (lanes[1] ?? 0) | 0;
    this.#c = (lanes[2] ?? 0) | 0;
    for (let round = 0; round < warmUpRounds; round++) this.bits();
  }

  /** 32 random bits, as an unsigned integer. */
  bits(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** In [0, 1), a multiple of 2^-53. */
  next(): number {
    const high = this.bits() >>> 5;
    const low = this.bits() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  uuid(): string {
    const words = [this.bits(), this.bits(), this.bits(), this.bits()];
    const hex = words.map((word) => word.toString(16).padStart(8, '0')).join('');
    const variant = '89ab'.charAt(this.bits() & 3);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  /** An integer in `min..max`, both included. */
  integer(min: number, max: number): number {
    assert(Number.isSafeInteger(max - min) && max >= min, `${min}..${max} holds an integer`);
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** A number in [min, max). */
  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  /** True with this probability; one draw, whatever the probability is. */
  chance(probability: number): boolean {
    return this.bits() < probability * 2 ** 32;
  }

  /** Exponentially distributed: what lies between events that come at a mean distance, each regardless of the last. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }

  /** One of the items, of which there must be some. */
  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, 'there is something to pick from');
    return items[this.integer(0, items.length - 1)] as T;
  }

  /** The items in a random order (Fisher-Yates), in a new array. */
  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.integer(0, last);
      const item = shuffled[last] as T;
      shuffled[last] = shuffled[other] as T;
      shuffled[other] = item;
    }
    return shuffled;
  }
}
