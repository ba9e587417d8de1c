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
  readonly store: Pick<VersionStore, 'changesSince' | 'entriesOf' | 'sequence'>;
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
 * What others bring to either meanwhile is found in a further round, of which there are `limits.changeRoundsMax` at most.
 *
 * It may find too little: a log may not reach back, and no more than `limits.changedKeysMax` are listed. Where the other
 * one's log does not reach back, nothing is known of what that one holds, and the own changes are left alone as well.
 * What is not found here the digests find.
 */
export class ChangedKeys {
  readonly #options: ChangedKeysOptions;
  /** From where the other one's log is still to be read in this round; null at its end. */
  #theirs: number | null;
  /** Up to where the own log has been read, and is to be read in this round: what is written from then on is pushed anyway. */
  #own: number;
  #ownEnd: number | undefined;
  #isOwnRead = false;
  /** Keys that need no looking at among the own changes of this round. */
  readonly #seen = new Set<KeyPath>();
  #rounds = 1;
  #listed = 0;
  #hasFound = false;
  /** Whether a log does not reach back, or the keys are too many. */
  #isCut = false;

  constructor(options: ChangedKeysOptions) {
    this.#options = options;
    this.#theirs = options.theirs;
    this.#own = options.own;
  }

  /** False at the end of a round. */
  get isUnderWay(): boolean {
    return !this.#isCut && (this.#theirs !== null || !this.#isOwnRead);
  }

  /**
   * Keys of the next page, with one request at most; null at the end of the round.
   *
   * @throws what `ask` throws; KvsError KVS_PEER_FAILED when the other one's log has no end
   */
  async next(): Promise<KeyDifference | null> {
    if (!this.isUnderWay) return null;
    if (this.#theirs !== null) return this.#compareTheirs(this.#theirs);
    return this.#takeOwn();
  }

  /**
   * Begins another round, in which the other one's log is read from `theirs` on. False when that is not worth it: the
   * last round found nothing, or not all, or there were enough of them.
   */
  goOn(theirs: number): boolean {
    if (this.#isCut || !this.#hasFound || this.#rounds >= limits.changeRoundsMax) return false;
    this.#rounds++;
    this.#hasFound = false;
    this.#seen.clear();
    this.#theirs = theirs;
    this.#ownEnd = undefined;
    this.#isOwnRead = false;
    return true;
  }

  async #compareTheirs(since: number): Promise<KeyDifference | null> {
    const { store, ask } = this.#options;
    const changes = await ask(since);
    if (changes === null) {
      // Which of the own ones have reached the other one can't be told, and the digests cost less than to push all.
      this.#isCut = true;
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
    return this.#found(paths.length, { greater, wanted });
  }

  /** What the other one has changed as well has been compared: all else it can't have. */
  async #takeOwn(): Promise<KeyDifference | null> {
    const { store } = this.#options;
    this.#ownEnd ??= store.sequence;
    const changes = await store.changesSince(this.#own, limits.pageItemsMax);
    if (changes === null) {
      this.#isCut = true;
      return null;
    }
    this.#own = changes.at(-1)?.sequence ?? this.#own;
    this.#isOwnRead = changes.length === 0 || this.#own >= this.#ownEnd;
    const greater = new Set(changes.map(({ path }) => path).filter((path) => !this.#seen.has(path)));
    for (const path of greater) this.#seen.add(path);
    return this.#found(greater.size, { greater: [...greater], wanted: [] });
  }

  #found(listed: number, difference: KeyDifference): KeyDifference {
    this.#listed += listed;
    this.#isCut ||= this.#listed >= limits.changedKeysMax;
    this.#hasFound ||= difference.greater.length + difference.wanted.length > 0;
    return difference;
  }
}

function entryAt(packed: Uint8Array, index: number): Uint8Array {
  return packed.subarray(index * entryBytes, (index + 1) * entryBytes);
}
