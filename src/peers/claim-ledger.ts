import type { MemberRecord } from '../core/membership.ts';

/** The least that anybody claims, and who claims it; undefined where nobody claims less than was asked about. */
export interface LeastClaim {
  readonly sequence: number;
  readonly member: string | undefined;
}

/**
 * Up to where each store says that it holds what this one has. What a store once held it holds for ever, so the
 * greatest claim counts, in whatever order they come.
 */
export class ClaimLedger {
  readonly #claims: Map<string, number>;

  /** `entries`: what another ledger of this store had. */
  constructor(entries: Iterable<readonly [storeId: string, sequence: number]>) {
    this.#claims = new Map(entries);
  }

  /** By store id. */
  get entries(): readonly (readonly [storeId: string, sequence: number])[] {
    return [...this.#claims];
  }

  /** 0 for a store that has claimed nothing. */
  of(storeId: string): number {
    return this.#claims.get(storeId) ?? 0;
  }

  note(storeId: string, sequence: number): void {
    if (sequence > this.of(storeId)) this.#claims.set(storeId, sequence);
  }

  drop(storeId: string): void {
    this.#claims.delete(storeId);
  }

  /** The least that any of some members claims, and who claims it; `sequence` where none claims less. */
  least(members: Iterable<Pick<MemberRecord, 'id' | 'storeId'>>, sequence: number): LeastClaim {
    let least: LeastClaim = { sequence, member: undefined };
    for (const { id, storeId } of members) {
      const claim = this.of(storeId);
      if (claim < least.sequence) least = { sequence: claim, member: id };
    }
    return least;
  }
}
