/** What a node believes of a member, from the most to the least alive. */
export type MemberState = 'alive' | 'suspect' | 'dead' | 'left';

/** One member of the cluster as nodes tell each other of it. */
export interface MemberRecord {
  /** The node's configured id. */
  readonly id: string;
  /** `host:port` under which its peers reach it. */
  readonly address: string;
  /** Identifies its data folder: a node that lost its disk comes back with another one. */
  readonly storeId: string;
  /** When its data folder was made, ms since the epoch: its age in the votes. */
  readonly joinedTimestamp: number;
  /** Raised only by the member itself, to refute what is said of it (Das et al. 2002, section 4.2). */
  readonly incarnation: number;
  readonly state: MemberState;
}

/** One member of the cluster, as one node knows it. */
export interface Member extends MemberRecord {
  /** When this node last had a sign of life of it, by this node's clock, ms since the epoch. */
  readonly lastSeen: number;
}

/** What became of a member, as the actors hear it. */
export type MemberChange = 'joined' | 'suspected' | 'refuted' | 'failed' | 'recovered' | 'left' | 'forgotten';

const ranks: Readonly<Record<MemberState, number>> = { alive: 0, suspect: 1, dead: 2, left: 3 };

/**
 * The total order of the records of one member: the later incarnation, then the worse state, then the store id and
 * the address, which differ only where two nodes use one id. So two views of a cluster have a join, whatever was
 * heard in whatever order, and a stale word of life never revives whom a later one buried.
 */
export function compareRecords(a: MemberRecord, b: MemberRecord): number {
  return (
    a.incarnation - b.incarnation ||
    ranks[a.state] - ranks[b.state] ||
    compareText(a.storeId, b.storeId) ||
    compareText(a.address, b.address) ||
    b.joinedTimestamp - a.joinedTimestamp
  );
}

/** The join of two records of one member. */
export function mergeRecords(a: MemberRecord, b: MemberRecord): MemberRecord {
  return compareRecords(a, b) >= 0 ? a : b;
}

/** True for a member that is worth calling: alive, or suspected and not yet given up. */
export function isPresent({ state }: { readonly state: MemberState }): boolean {
  return state === 'alive' || state === 'suspect';
}

/** What the actors hear when a record takes the place of another one; undefined when nothing they care about changed. */
export function changeOf(before: MemberRecord | undefined, after: MemberRecord): MemberChange | undefined {
  if (before === undefined) return isPresent(after) ? 'joined' : undefined;
  if (after.state === before.state) {
    // The member was restarted, or has a new disk or a new address: what was agreed with it must be looked at again.
    const isSame = after.storeId === before.storeId && after.address === before.address;
    return isSame || !isPresent(after) ? undefined : 'recovered';
  }
  if (after.state === 'alive') return before.state === 'suspect' ? 'refuted' : 'recovered';
  if (after.state === 'suspect') return isPresent(before) ? 'suspected' : 'recovered';
  return after.state === 'dead' ? 'failed' : 'left';
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
