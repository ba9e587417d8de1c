import type { KeyPath } from './key-path.ts';

/** What became of a member. */
export interface MemberFact {
  readonly type:
    | 'member.joined'
    | 'member.suspected'
    | 'member.refuted'
    | 'member.failed'
    | 'member.recovered'
    | 'member.left'
    | 'member.forgotten';
  readonly id: string;
}

/** Versions were stored here that some members have not been told of: their outboxes hold them. */
export interface VersionsAccepted {
  readonly type: 'versions.accepted';
  readonly members: readonly string[];
}

/** More was to be told to a member than its outbox holds: only a comparison of all data can tell it. */
export interface MemberFellBehind {
  readonly type: 'member.fellBehind';
  readonly id: string;
}

/** Versions of the same instant stand against each other. */
export interface ConflictDetected {
  readonly type: 'conflict.detected';
  readonly paths: readonly KeyPath[];
}

/** There is news of members to spread. */
export interface RumourHeard {
  readonly type: 'rumour.heard';
}

/** Every seed turned out to be this node: there is no cluster to join. */
export interface ClusterFoundEmpty {
  readonly type: 'cluster.foundEmpty';
}

export type Fact =
  MemberFact | VersionsAccepted | MemberFellBehind | ConflictDetected | RumourHeard | ClusterFoundEmpty;
