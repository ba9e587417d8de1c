import { KvsError } from '../core/errors.ts';
import type { KeyPath } from '../core/key-path.ts';
import { compareEntries, entryBytes } from '../core/leaf-entries.ts';
import { limits } from '../core/limits.ts';
import type { PeerReply } from '../core/peer-calls.ts';
import type { VersionStore } from '../core/ports.ts';

/** What two nodes have to tell each other of some keys. */
export interface KeyDifference {
  /** The other node lacks them, or has an earlier version. */
  readonly greater: readonly KeyPath[];
  /** They are lacking here, or not known to be the earlier ones. */
  readonly wanted: readonly KeyPath[];
}

export interface ChangedKeysOptions {
  readonly store: Pick<VersionStore, 'changesSince' | 'entriesOf'>;
  readonly ask: (since: number) => Promise<PeerReply<'changes'>>;
  /** Up to where this store holds what the other one had. */
  readonly theirs: number;
  /** Up to where the other store holds what this one had. */
  readonly own: number;
}

/**
 * The keys in which two stores differ, by their change logs: whatever either has stored since the other one last held
 * all that it had. For whom a partition has parted, this costs as much as they have changed, however much they hold.
 *
 * It may find too little: a log may not reach back, and it does not list more than `limits.changedKeysMax`. Where the
 * other one's log does not, nothing is known of what that one holds, and the own changes are left alone as well. What is
 * not found here the digests find.
 */
export class ChangedKeys {
  readonly #options: ChangedKeysOptions;
  #theirs: number | null;
  #own: number | null;
  /** Keys that need no looking at among the own changes. */
  readonly #seen = new Set<KeyPath>();

  constructor(options: ChangedKeysOptions) {
    this.#options = options;
    this.#theirs = options.theirs;
    this.#own = options.own;
  }

  /**
   * Keys of the next page, with one request at most; null at the end.
   *
   * @throws what `ask` throws; KvsError KVS_PEER_FAILED when the other one's log has no end
   */
  async next(): Promise<KeyDifference | null> {
    if (this.#seen.size >= limits.changedKeysMax) return null;
    if (this.#theirs !== null) return this.#compareTheirs(this.#theirs);
    if (this.#own !== null) return this.#takeOwn(this.#own);
    return null;
  }

  async #compareTheirs(since: number): Promise<KeyDifference | null> {
    const { store, ask } = this.#options;
    const changes = await ask(since);
    if (changes === null) {
      this.#theirs = null;
      // Which of them have reached the other one can't be told, and the digests cost less than to push all of them.
      this.#own = null;
      return null;
    }
    const { paths, entries, next } = changes;
    if (next !== null && next <= since) {
      throw new KvsError('KVS_PEER_FAILED', 'The change log of the peer does not go on');
    }
    this.#theirs = next;
    const own = await store.entriesOf(paths);
    const entryOf = new Map(own.paths.map((path, index) => [path, entryAt(own.packed, index)]));
    const greater: KeyPath[] = [];
    const wanted: KeyPath[] = [];
    paths.forEach((path, index) => {
      this.#seen.add(path);
      const mine = entryOf.get(path);
      const order = mine === undefined ? null : compareEntries(mine, entryAt(entries, index));
      if (order === null || order > 0) wanted.push(path);
      else if (order < 0) greater.push(path);
    });
    return { greater, wanted };
  }

  /** What the other one has changed as well has been compared: all else it can't have. */
  async #takeOwn(since: number): Promise<KeyDifference> {
    const changes = (await this.#options.store.changesSince(since, limits.pageItemsMax)) ?? [];
    this.#own = changes.at(-1)?.sequence ?? null;
    const greater = new Set(changes.map(({ path }) => path).filter((path) => !this.#seen.has(path)));
    for (const path of greater) this.#seen.add(path);
    return { greater: [...greater], wanted: [] };
  }
}

function entryAt(packed: Uint8Array, index: number): Uint8Array {
  return packed.subarray(index * entryBytes, (index + 1) * entryBytes);
}
