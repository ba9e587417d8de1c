import { LRUCache } from 'lru-cache';
import type { KeyPath } from '../core/key-path.ts';
import { entryBytes, hex, pathHashBytes, unpackHashes } from '../core/leaf-entries.ts';
import { limits } from '../core/limits.ts';
import type { LeafSelection } from '../core/peer-calls.ts';
import type { LeafEntries, VersionStore } from '../core/ports.ts';

/** Entries of leaves that are remembered: those of the last listings. About 250 bytes each. */
const rememberedEntriesMax = 2 * limits.listedEntriesMax;

/**
 * Lists leaves, and finds the paths behind the hashes in a listing. Whoever asks for a listing asks for some of its
 * versions next, so the last ones are remembered. They can't mislead: which path has which hash never changes, and
 * what is not among them is looked for in the store.
 */
export class ListedLeaves {
  readonly #store: Pick<VersionStore, 'listLeaves'>;
  readonly #remembered = new LRUCache<number, LeafEntries>({
    maxSize: rememberedEntriesMax,
    sizeCalculation: ({ paths }) => paths.length + 1,
  });

  constructor(store: Pick<VersionStore, 'listLeaves'>) {
    this.#store = store;
  }

  /** See `VersionStore.listLeaves`. */
  async list(leaves: readonly number[]): Promise<LeafEntries[]> {
    const listings = await this.#store.listLeaves(leaves, limits.listedEntriesMax);
    for (const listing of listings) this.#remembered.set(listing.leaf, listing);
    return listings;
  }

  /** The paths that are selected, in order, without those that no leaf holds any more. */
  async pathsOf(selections: readonly LeafSelection[]): Promise<KeyPath[]> {
    const found = selections.map(({ leaf, hashes }) => {
      const wanted = unpackHashes(hashes);
      const paths = select(this.#remembered.get(leaf), wanted);
      return { leaf, wanted, paths: paths.length < wanted.size ? undefined : paths };
    });
    let unknown = found.filter(({ paths }) => paths === undefined);
    while (unknown.length > 0) {
      const listings = await this.list([...new Set(unknown.map(({ leaf }) => leaf))]);
      const byLeaf = new Map(listings.map((listing) => [listing.leaf, listing]));
      for (const one of unknown) {
        const listing = byLeaf.get(one.leaf);
        if (listing !== undefined) one.paths = select(listing, one.wanted);
      }
      unknown = unknown.filter(({ paths }) => paths === undefined);
    }
    return found.flatMap(({ paths }) => paths ?? []);
  }
}

function select(listing: LeafEntries | undefined, hashes: ReadonlySet<string>): KeyPath[] {
  if (listing === undefined) return [];
  const { paths, packed } = listing;
  return paths.filter((_, index) => {
    const at = index * entryBytes;
    return hashes.has(hex(packed.subarray(at, at + pathHashBytes)));
  });
}
