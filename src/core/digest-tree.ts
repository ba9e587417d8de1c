import { assert } from './errors.ts';

/** Buckets on the lowest level: two levels of 256 below the root. */
export const leafCount = 65_536;
export const branchCount = 256;

/** 32-bit lanes in one digest: 128 bits. */
export const lanesPerDigest = 4;

/**
 * What two nodes compare to learn where they differ. Each entry (a key's current version) has a 128-bit digest;
 * each leaf holds the sum of the digests of its entries, each branch the sum of its 256 leaves, the root the sum
 * of all. Lanes are summed modulo 2^32, each by itself, so that
 *
 * - the order of changes doesn't matter, and an entry is taken out by subtraction,
 * - an emptied leaf is zero again, exactly as if it had never held anything,
 * - a tree equals any other tree over the same entries.
 *
 * A sum rather than an exclusive-or: the same entry counted twice by mistake stays visible.
 * Memory: 65,793 digests of 16 bytes, 1,028 KiB.
 */
export class DigestTree {
  readonly #leaves = new Uint32Array(leafCount * lanesPerDigest);
  readonly #branches = new Uint32Array(branchCount * lanesPerDigest);
  readonly #root = new Uint32Array(lanesPerDigest);

  /** Adds an entry's digest, four lanes, to its leaf. */
  add(leaf: number, digest: Uint32Array): void {
    assert(leaf >= 0 && leaf < leafCount, 'a leaf index is within the tree');
    addLanes(this.#leaves, leaf, digest);
    addLanes(this.#branches, leaf >>> 8, digest);
    addLanes(this.#root, 0, digest);
  }

  /** Takes out what `add` put in. */
  remove(leaf: number, digest: Uint32Array): void {
    assert(leaf >= 0 && leaf < leafCount, 'a leaf index is within the tree');
    subtractLanes(this.#leaves, leaf, digest);
    subtractLanes(this.#branches, leaf >>> 8, digest);
    subtractLanes(this.#root, 0, digest);
  }

  /** Adds every digest of another tree to this one. */
  addTree(other: DigestTree): void {
    for (let leaf = 0; leaf < leafCount; leaf++) {
      const at = leaf * lanesPerDigest;
      this.add(leaf, other.#leaves.subarray(at, at + lanesPerDigest));
    }
  }

  /** The root: four lanes, a copy. */
  root(): Uint32Array {
    return this.#root.slice();
  }

  /** The digests of all 256 branches, four lanes each, a copy. */
  branches(): Uint32Array {
    return this.#branches.slice();
  }

  /** The digests of the 256 leaves below one branch, four lanes each, a copy. */
  leaves(branch: number): Uint32Array {
    assert(branch >= 0 && branch < branchCount, 'a branch index is within the tree');
    const at = branch * branchCount * lanesPerDigest;
    return this.#leaves.slice(at, at + branchCount * lanesPerDigest);
  }
}

/** The indexes at which two equally long rows of digests differ, ascending. */
export function differingDigests(a: Uint32Array, b: Uint32Array): number[] {
  assert(a.length === b.length, 'only rows of the same level are compared');
  const indexes: number[] = [];
  for (let at = 0; at < a.length; at += lanesPerDigest) {
    if (a[at] !== b[at] || a[at + 1] !== b[at + 1] || a[at + 2] !== b[at + 2] || a[at + 3] !== b[at + 3]) {
      indexes.push(at / lanesPerDigest);
    }
  }
  return indexes;
}

/** A digest as 32 lower-case hexadecimal digits. */
export function digestToHex(digest: Uint32Array): string {
  return Array.from(digest, (lane) => lane.toString(16).padStart(8, '0')).join('');
}

function addLanes(row: Uint32Array, index: number, digest: Uint32Array): void {
  const at = index * lanesPerDigest;
  for (let lane = 0; lane < lanesPerDigest; lane++) {
    row[at + lane] = (row[at + lane] ?? 0) + (digest[lane] ?? 0);
  }
}

function subtractLanes(row: Uint32Array, index: number, digest: Uint32Array): void {
  const at = index * lanesPerDigest;
  for (let lane = 0; lane < lanesPerDigest; lane++) {
    row[at + lane] = (row[at + lane] ?? 0) - (digest[lane] ?? 0);
  }
}
