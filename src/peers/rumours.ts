/**
 * Each piece of news is told to this many others, times the decimal logarithm of the cluster's size. With 10 % loss one
 * node in some ten thousand misses it then (memberlist tells it 4 times).
 */
const retransmitMultiplier = 6;

/** What rumours are about: members by their ids, and stores that are forgotten. */
export interface RumourSubjects {
  readonly members: readonly string[];
  readonly forgotten: readonly string[];
}

interface Rumour {
  readonly subject: string;
  readonly isOfMember: boolean;
  /** How often it has been told. */
  readonly told: number;
}

/** The news that have not been told often enough yet. What they say is looked up when they are told. */
export class Rumours {
  /** By what they are about, with a mark in front: a member may be called like a store. */
  readonly #rumours = new Map<string, Rumour>();
  #listener: () => void = () => undefined;

  get isEmpty(): boolean {
    return this.#rumours.size === 0;
  }

  /** Calls `listener` whenever there is news to spread. */
  onRumour(listener: () => void): void {
    this.#listener = listener;
  }

  /** Begins to tell of a member, anew if it was told of before. */
  addMember(id: string): void {
    this.#rumours.set(markOfMember(id), { subject: id, isOfMember: true, told: 0 });
    this.#listener();
  }

  /** Begins to tell that a store is forgotten. */
  addForgotten(storeId: string): void {
    this.#rumours.set(markOfStore(storeId), { subject: storeId, isOfMember: false, told: 0 });
    this.#listener();
  }

  dropMember(id: string): void {
    this.#rumours.delete(markOfMember(id));
  }

  /** The least told ones, at most `countMax`, in a cluster of `membersCount`; counts them as told `times` more. */
  take({
    countMax,
    times,
    membersCount,
  }: {
    readonly countMax: number;
    readonly times: number;
    readonly membersCount: number;
  }): RumourSubjects {
    const toldMax = retransmitMultiplier * Math.ceil(Math.log10(membersCount + 1));
    const leastTold = this.#leastTold(countMax);
    for (const [mark, rumour] of leastTold) {
      const told = rumour.told + times;
      if (told >= toldMax) this.#rumours.delete(mark);
      else this.#rumours.set(mark, { ...rumour, told });
    }
    const taken = leastTold.map(([, rumour]) => rumour);
    return {
      members: taken.filter(({ isOfMember }) => isOfMember).map(({ subject }) => subject),
      forgotten: taken.filter(({ isOfMember }) => !isOfMember).map(({ subject }) => subject),
    };
  }

  /** In the order in which they came, where they were told as often: no sorting, for there may be thousands. */
  #leastTold(countMax: number): readonly (readonly [mark: string, rumour: Rumour])[] {
    const byTold: [string, Rumour][][] = [];
    for (const entry of this.#rumours) (byTold[entry[1].told] ??= []).push(entry);
    return byTold.flat().slice(0, countMax);
  }
}

function markOfMember(id: string): string {
  return `@${id}`;
}

function markOfStore(storeId: string): string {
  return `!${storeId}`;
}
