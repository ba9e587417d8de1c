import type { Mode } from '../../core/ports.ts';
import type { MemberState } from '../../core/membership.ts';
import type { StateValue } from './state-value.ts';

/** What `GET /debug/cluster` answers. Times in ms since the epoch. */
export interface ClusterAnswer {
  readonly now: number;
  readonly node: {
    readonly id: string;
    readonly mode: Mode;
    readonly ready: boolean;
    /** Another one after each start. */
    readonly started_at: number;
    readonly refused: string | null;
    readonly tombstones_held: number;
    readonly tombstones_held_by: string | null;
  };
  readonly members: readonly MemberAnswer[];
}

export interface MemberAnswer {
  readonly id: string;
  readonly address: string;
  readonly state: MemberState;
  readonly last_seen: number;
  readonly joined_timestamp: number;
  readonly incarnation: number;
  /** Null for the node itself. */
  readonly link: LinkAnswer | null;
}

export interface LinkAnswer {
  readonly failures: number;
  readonly failing_since: number | null;
  readonly error: string | null;
  readonly round_trip_ms: number | null;
  readonly waiting: number;
  readonly lag_ms: number;
}

/** What `GET /debug/store` answers. */
export interface StoreAnswer {
  readonly store_id: string;
  readonly sequence: number;
  readonly digests_ready: boolean;
  readonly root: string;
  readonly cache_entries: number;
  readonly cache_bytes: number;
  readonly commits: number;
  readonly commit_writes: number;
  readonly local_writes: number;
  readonly pending_writes: number;
}

/** One of those that `GET /debug/actors` answers. */
export interface ActorAnswer {
  readonly id: string;
  readonly machine: string;
  readonly state: StateValue;
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  readonly context: Readonly<Record<string, unknown>>;
  readonly since: number;
  readonly restarts: number;
  readonly error?: string;
}

/** How a vote on one key ended, in the context of the conflict-resolver. */
export interface DecisionAnswer {
  readonly path: string;
  readonly at: number;
  readonly winner: string;
  readonly origin: string;
  readonly tally: Readonly<Record<string, number>>;
}

export interface VersionAnswer {
  readonly uuid: string;
  readonly timestamp: number;
  readonly counter: number;
  readonly origin: string;
  readonly origin_joined: number;
  readonly votes: number;
  readonly state: 'live' | 'deleted' | 'expired';
  readonly expires_at: number | null;
  readonly content_type: string;
  readonly bytes: number;
}

export interface ChildAnswer {
  readonly path: string;
  readonly name: string;
  readonly has_children: boolean;
  readonly version: VersionAnswer | null;
}

/** What `GET /debug/keys` answers. */
export interface KeysAnswer {
  readonly prefix: string;
  readonly children: readonly ChildAnswer[];
  readonly next: string | null;
}
