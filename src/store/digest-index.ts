import { DigestTree } from '../core/digest-tree.ts';
import type { KeyPath } from '../core/key-path.ts';
import type { DigestEntry } from '../core/ports.ts';
import {
  decodeIdentity,
  digestEncodedIdentity,
  hashKey,
  hashPath,
  hashRange,
  leafOfHashKey,
  leafRange,
  parseHashKey,
} from './keyspace.ts';
import { asBytes, type Level } from './level.ts';

/** Entries that the summing takes from the index before it lets others run. */
const sumBatchEntries = 500;

/** Entries that enter or leave the tree with a commit, in one array of numbers. */
export class DigestDeltas {
  /** Six numbers each: the leaf, 1 for entering or 0 for leaving, four lanes. */
  readonly #numbers: number[] = [];

  push(leaf: number, digest: Uint32Array, isAdded: boolean): void {
    this.#numbers.push(leaf, isAdded ? 1 : 0, digest[0] ?? 0, digest[1] ?? 0, digest[2] ?? 0, digest[3] ?? 0);
  }

  applyTo(tree: DigestTree): void {
    const digest = new Uint32Array(4);
    for (let at = 0; at < this.#numbers.length; at += 6) {
      for (let lane = 0; lane < 4; lane++) digest[lane] = this.#numbers[at + 2 + lane] ?? 0;
      if (this.#numbers[at + 1] === 1) tree.add(this.#numbers[at] ?? 0, digest);
      else tree.remove(this.#numbers[at] ?? 0, digest);
    }
  }
}

/**
 * The digest tree over the hash index of a level. The tree is kept in memory only and summed anew at each start, from
 * the index as it stood then; commits that come meanwhile are added to the same sums, whose order doesn't matter. So
 * it can't drift from the data, whatever a crash left behind.
 */
export class DigestIndex {
  readonly tree = new DigestTree();
  readonly whenReady: Promise<void>;
  #isReady = false;
  #isClosed = false;
  readonly #level: Level;

  /** No commit may be under way: the sum starts from the index as it stands now. */
  constructor(level: Level) {
    this.#level = level;
    this.whenReady = this.#sum();
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  apply(deltas: DigestDeltas): void {
    deltas.applyTo(this.tree);
  }

  async entries(leaf: number, entriesMax: number, after?: KeyPath): Promise<DigestEntry[]> {
    const { gte, lt } = leafRange(leaf);
    const lanes = new Uint32Array(4);
    if (after !== undefined) hashPath(after, lanes);
    const from = after === undefined ? { gte } : { gt: hashKey(lanes, after) };
    const entries: DigestEntry[] = [];
    const range = { ...asBytes, ...from, lt, limit: entriesMax };
    for await (const [key, value] of this.#level.iterator<Uint8Array, Uint8Array>(range)) {
      entries.push({ path: parseHashKey(key), ...decodeIdentity(value) });
    }
    return entries;
  }

  /** Ends a summing that is still under way; `whenReady` then settles without `isReady`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.whenReady.catch(() => undefined);
  }

  async #sum(): Promise<void> {
    this.#isReady = await sumIndex(this.#level, this.tree, () => this.#isClosed);
  }
}

/** Sums the hash index of a level into a tree; false when `isCancelled` ended it early. */
export async function sumIndex(level: Level, tree: DigestTree, isCancelled = () => false): Promise<boolean> {
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
      }
    }
    return false;
  } finally {
    await iterator.close();
  }
}
