import { DigestTree } from '../core/digest-tree.ts';
import type { KeyPath } from '../core/key-path.ts';
import { entryBytes } from '../core/leaf-entries.ts';
import type { LeafEntries } from '../core/ports.ts';
import { lane } from './bytes.ts';
import { digestEncodedIdentity, hashPath, packHashEntry } from './key-digest.ts';
import type { KeyFilter } from './key-filter.ts';
import {
  hashKey,
  hashRange,
  leafOfHashKey,
  leafRange,
  parseDeathKey,
  parseHashKey,
  retiredRange,
} from './keyspace.ts';
import { asBytes, type Level } from './level.ts';

/** Entries that the summing takes from the index before it lets others run. */
const sumBatchEntries = 500;

/** Leaves that are read from the index at one time: the engine has few threads, and each leaf takes them little. */
const leavesAtOnceMax = 16;

/** Entries that enter or leave the tree with a commit, in one array of numbers: as objects they would be too many. */
export class DigestDeltas {
  /** Six numbers each: the leaf, 1 for entering or 0 for leaving, four lanes. */
  #numbers = new Uint32Array(6 * 2);
  #length = 0;

  push(leaf: number, digest: Uint32Array, isAdded: boolean): void {
    if (this.#length === this.#numbers.length) this.#grow();
    this.#numbers[this.#length] = leaf;
    this.#numbers[this.#length + 1] = isAdded ? 1 : 0;
    for (let i = 0; i < 4; i++) this.#numbers[this.#length + 2 + i] = lane(digest, i);
    this.#length += 6;
  }

  applyTo(tree: DigestTree): void {
    const digest = new Uint32Array(4);
    for (let at = 0; at < this.#length; at += 6) {
      const leaf = lane(this.#numbers, at);
      for (let i = 0; i < 4; i++) digest[i] = lane(this.#numbers, at + 2 + i);
      if (this.#numbers[at + 1] === 1) tree.add(leaf, digest);
      else tree.remove(leaf, digest);
    }
  }

  #grow(): void {
    const larger = new Uint32Array(2 * this.#numbers.length);
    larger.set(this.#numbers);
    this.#numbers = larger;
  }
}

/**
 * The digest tree over the hash index of a level. The tree is kept in memory only and summed anew at each start, from
 * the index as it stood then; commits that come meanwhile are added to the same sums, whose order doesn't matter. So
 * it can't drift from the data, whatever a crash left behind. What is read for it fills the filter of keys as well.
 */
export class DigestIndex {
  readonly tree = new DigestTree();
  readonly whenReady: Promise<void>;
  #isReady = false;
  #isClosed = false;
  readonly #level: Level;

  /** No commit may be under way: the sum starts from the index as it stands now. */
  constructor(level: Level, filter: KeyFilter) {
    this.#level = level;
    this.whenReady = this.#sum(filter);
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  apply(deltas: DigestDeltas): void {
    deltas.applyTo(this.tree);
  }

  /** See `VersionStore.listLeaves`. */
  async list(leaves: readonly number[], entriesMax: number): Promise<LeafEntries[]> {
    const listings: LeafEntries[] = [];
    let room = entriesMax;
    let largest = 1;
    while (listings.length < leaves.length) {
      const count = Math.max(1, Math.min(Math.floor(room / largest), leavesAtOnceMax));
      const some = leaves.slice(listings.length, listings.length + count);
      const isFirst = listings.length === 0;
      const read = await Promise.all(
        // One more than there is room for shows that a leaf doesn't fit.
        some.map((leaf, index) => this.#leaf(leaf, isFirst && index === 0 ? -1 : Math.max(0, room) + 1)),
      );
      for (const listing of read) {
        const entries = listing.paths.length;
        if (listings.length > 0 && entries > room) return listings;
        listings.push(listing);
        room -= entries;
        largest = Math.max(largest, entries);
      }
    }
    return listings;
  }

  /** See `VersionStore.entriesOf`. */
  async entriesOf(paths: readonly KeyPath[]): Promise<Omit<LeafEntries, 'leaf'>> {
    const lanes = new Uint32Array(4);
    const keys = paths.map((path) => {
      hashPath(path, lanes);
      return hashKey(lanes, path);
    });
    const identities = await this.#level.getMany<Uint8Array, Uint8Array>(keys, asBytes);
    const found: KeyPath[] = [];
    const packed = new Uint8Array(paths.length * entryBytes);
    paths.forEach((path, index) => {
      const [key, identity] = [keys[index], identities[index]];
      if (key === undefined || identity === undefined) return;
      packHashEntry(key, identity, packed, found.length * entryBytes);
      found.push(path);
    });
    return { paths: found, packed: packed.subarray(0, found.length * entryBytes) };
  }

  /** Ends a summing that is still under way; `whenReady` then settles without `isReady`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.whenReady.catch(() => undefined);
  }

  async #leaf(leaf: number, limit: number): Promise<LeafEntries> {
    const range = { ...asBytes, ...leafRange(leaf), limit };
    const entries = await this.#level.iterator<Uint8Array, Uint8Array>(range).all();
    const packed = new Uint8Array(entries.length * entryBytes);
    const paths = entries.map(([key, identity], index) => {
      packHashEntry(key, identity, packed, index * entryBytes);
      return parseHashKey(key);
    });
    return { leaf, paths, packed };
  }

  async #sum(filter: KeyFilter): Promise<void> {
    const isCancelled = (): boolean => this.#isClosed;
    // Both are read as they stand now: a key that leaves the one and enters the other meanwhile must not be missed.
    const [isSummed, isFiltered] = await Promise.all([
      sumIndex(this.#level, this.tree, filter, isCancelled),
      filterRetired(this.#level, filter, isCancelled),
    ]);
    if (isSummed && isFiltered) filter.complete();
    this.#isReady = isSummed;
  }
}

/** Puts the keys into a filter that stand in no index but that of the retired; false when it was ended early. */
async function filterRetired(level: Level, filter: KeyFilter, isCancelled: () => boolean): Promise<boolean> {
  const keys = level.keys<Uint8Array>({ keyEncoding: 'view', ...retiredRange });
  const pathLanes = new Uint32Array(4);
  try {
    while (!isCancelled()) {
      const page = await keys.nextv(sumBatchEntries);
      if (page.length === 0) return true;
      for (const key of page) {
        hashPath(parseDeathKey(key), pathLanes);
        filter.add(pathLanes);
      }
    }
    return false;
  } finally {
    await keys.close();
  }
}

/** Sums the hash index of a level into a tree, and its keys into a filter; false when it was ended early. */
async function sumIndex(
  level: Level,
  tree: DigestTree,
  filter: KeyFilter,
  isCancelled: () => boolean,
): Promise<boolean> {
  const iterator = level.iterator<Uint8Array, Uint8Array>({ ...asBytes, ...hashRange });
  const pathLanes = new Uint32Array(4);
  const digest = new Uint32Array(4);
  try {
    while (!isCancelled()) {
      const entries = await iterator.nextv(sumBatchEntries);
      if (entries.length === 0) return true;
      for (const [key, identity] of entries) {
        hashPath(parseHashKey(key), pathLanes);
        digestEncodedIdentity(identity, pathLanes, digest);
        tree.add(leafOfHashKey(key), digest);
        filter.add(pathLanes);
      }
    }
    return false;
  } finally {
    await iterator.close();
  }
}
