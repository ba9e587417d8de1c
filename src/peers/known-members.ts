import { isPresent, type Member } from '../core/membership.ts';

/** Its last sign of life is noted in place. */
interface KnownMember extends Member {
  lastSeen: number;
}

interface Views {
  readonly all: readonly Member[];
  readonly present: readonly Member[];
  readonly absent: readonly Member[];
}

/** The other members that a node knows, each by its id. */
export class KnownMembers {
  readonly #byId = new Map<string, KnownMember>();
  /** What is asked for often, until something changes. */
  #views: Views | undefined;

  get size(): number {
    return this.#byId.size;
  }

  get all(): readonly Member[] {
    return this.#view().all;
  }

  /** Those that are alive or suspected. */
  get present(): readonly Member[] {
    return this.#view().present;
  }

  /** Those that are dead or have left. */
  get absent(): readonly Member[] {
    return this.#view().absent;
  }

  get(id: string): Member | undefined {
    return this.#byId.get(id);
  }

  /** Whose store it is. */
  holderOf(storeId: string): Member | undefined {
    for (const member of this.#byId.values()) if (member.storeId === storeId) return member;
    return undefined;
  }

  /** Takes the place of what was known of this member. */
  set(member: Member): void {
    this.#byId.set(member.id, { ...member });
    this.#views = undefined;
  }

  remove(id: string): void {
    this.#byId.delete(id);
    this.#views = undefined;
  }

  /** In place, and in every list that was given out: it happens with every message. */
  noteContact(id: string, at: number): void {
    const member = this.#byId.get(id);
    if (member !== undefined) member.lastSeen = at;
  }

  #view(): Views {
    if (this.#views !== undefined) return this.#views;
    const all = [...this.#byId.values()];
    this.#views = {
      all,
      present: all.filter(isPresent),
      absent: all.filter((member) => !isPresent(member)),
    };
    return this.#views;
  }
}
