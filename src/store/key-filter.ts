import { limits } from '../core/limits.ts';
import { lane } from './bytes.ts';

/** Keys that the first layer holds; each further one holds so many times as many. */
const firstLayerKeys = 65_536;
const layerGrowth = 4;
/** With six of sixteen bits set a full layer takes two keys in a thousand for one that it holds. */
const bitsPerKey = 16;
/** The bits of a key stand together, where one look at the memory finds them all (Putze et al. 2007). */
const blockBits = 512;

class Layer {
  readonly #words: Uint32Array;
  readonly #blockMask: number;
  /** Keys that it still takes. */
  room: number;

  constructor(keys: number) {
    this.room = keys;
    this.#words = new Uint32Array((keys * bitsPerKey) / 32);
    this.#blockMask = (keys * bitsPerKey) / blockBits - 1;
  }

  has(lanes: Uint32Array): boolean {
    const block = this.#blockOf(lanes);
    return this.#hasBits(block, lane(lanes, 2)) && this.#hasBits(block, lane(lanes, 3));
  }

  add(lanes: Uint32Array): void {
    const block = this.#blockOf(lanes);
    this.#setBits(block, lane(lanes, 2));
    this.#setBits(block, lane(lanes, 3));
    this.room--;
  }

  /** The first bit of a key's block. */
  #blockOf(lanes: Uint32Array): number {
    return (lane(lanes, 1) & this.#blockMask) * blockBits;
  }

  /** Three bits of a block, each by nine bits of a hash. */
  #hasBits(block: number, hash: number): boolean {
    return (
      this.#has(block + (hash & 511)) &&
      this.#has(block + ((hash >>> 9) & 511)) &&
      this.#has(block + ((hash >>> 18) & 511))
    );
  }

  #setBits(block: number, hash: number): void {
    this.#set(block + (hash & 511));
    this.#set(block + ((hash >>> 9) & 511));
    this.#set(block + ((hash >>> 18) & 511));
  }

  #has(bit: number): boolean {
    return ((this.#words[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;
  }

  #set(bit: number): void {
    this.#words[bit >>> 5] = (this.#words[bit >>> 5] ?? 0) | (1 << (bit & 31));
  }
}

/**
 * Tells of almost every key that a store lacks that it does, without a look at the disk: a Bloom filter (Bloom 1970)
 * in layers, each larger than the one before (Almeida et al. 2007, "Scalable Bloom Filters"). It knows nothing before
 * it is `complete`, and nothing any more once more than `limits.filteredKeysMax` keys were added: its memory is bounded. A
 * key never leaves it: one that was removed is looked for on the disk, and takes room until the next start.
 *
 * At a million keys it takes 2.7 MB.
 */
export class KeyFilter {
  #layers: Layer[] = [];
  #keys = 0;
  #isComplete = false;
  #hasGivenUp = false;
  readonly #keysMax: number;

  constructor(keysMax: number = limits.filteredKeysMax) {
    this.#keysMax = keysMax;
  }

  /** True once every key that the store has is in the filter. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  complete(): void {
    this.#isComplete = true;
  }

  /** Adds a key by the lanes of `hashPath`. One that is added again takes the room of two. */
  add(pathLanes: Uint32Array): void {
    if (this.#hasGivenUp) return;
    if (++this.#keys > this.#keysMax) {
      this.#hasGivenUp = true;
      this.#layers = [];
      return;
    }
    this.#roomyLayer().add(pathLanes);
  }

  /** False for a key that the store surely lacks. */
  mayHold(pathLanes: Uint32Array): boolean {
    if (!this.#isComplete || this.#hasGivenUp) return true;
    // The last one is the largest by far.
    for (let at = this.#layers.length - 1; at >= 0; at--) {
      if (this.#layers[at]?.has(pathLanes) === true) return true;
    }
    return false;
  }

  #roomyLayer(): Layer {
    const last = this.#layers.at(-1);
    if (last !== undefined && last.room > 0) return last;
    const layer = new Layer(firstLayerKeys * layerGrowth ** this.#layers.length);
    this.#layers.push(layer);
    return layer;
  }
}
