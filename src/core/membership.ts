/** What a node believes of a member, from the most to the least alive. */
export type MemberState = 'alive' | 'suspect' | 'dead' | 'left';

/** One member of the cluster, as one node knows it. */
export interface Member {
  /** The node's configured id. */
  readonly id: string;
  /** `host:port` under which its peers reach it. */
  readonly address: string;
  /** Identifies its data folder: a node that lost its disk comes back with another one. */
  readonly storeId: string;
  /** When its data folder was made, ms since the epoch: its age in the votes. */
  readonly joinedTimestamp: number;
  /** Raised only by the member itself, to refute a suspicion (Das et al. 2002, section 4.2). */
  readonly incarnation: number;
  readonly state: MemberState;
  /** When this node last had a sign of life of it, by this node's clock, ms since the epoch. */
  readonly lastSeen: number;
}
