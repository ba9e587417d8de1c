import type { VersionStore } from '../core/ports.ts';
import type { MemberTable } from './member-table.ts';

/** The note whose writing begins a round: it gives the store a sequence that nobody has claimed yet. */
const note = 'claim-round';

/**
 * Up to which commit tombstones may be removed: what every member claimed in one round, once every member has claimed
 * again in a round that began after it.
 *
 * Why twice: a member that lacks the key and claims a retired tombstone does not hold it. It may be told the old value
 * afterwards, by another member that has not claimed yet. In the second round that value meets the tombstone here.
 */
export class ClaimRounds {
  readonly #store: Pick<VersionStore, 'sequence' | 'setNote'>;
  readonly #members: Pick<MemberTable, 'leastClaim' | 'isAlone'>;
  #removable = 0;
  #round: { readonly claimed: number; readonly beganAt: number } | undefined;

  constructor(
    store: Pick<VersionStore, 'sequence' | 'setNote'>,
    members: Pick<MemberTable, 'leastClaim' | 'isAlone'>,
  ) {
    this.#store = store;
    this.#members = members;
  }

  /** To be called before each collection. `isNeeded`: something waits for the end of a round. */
  async removable(isNeeded: boolean): Promise<number> {
    const { sequence: claimed } = this.#members.leastClaim(this.#store.sequence);
    // Nobody could bring anything back.
    if (this.#members.isAlone) return claimed;
    if (this.#round !== undefined && claimed >= this.#round.beganAt) {
      this.#removable = this.#round.claimed;
      this.#round = undefined;
    }
    if (this.#round === undefined && isNeeded && claimed > this.#removable) {
      await this.#store.setNote(note, new Uint8Array());
      this.#round = { claimed, beganAt: this.#store.sequence };
    }
    // A member that has joined meanwhile has claimed nothing.
    return Math.min(this.#removable, claimed);
  }
}
