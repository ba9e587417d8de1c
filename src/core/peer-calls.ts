import type { KeyPath } from './key-path.ts';
import type { MemberRecord } from './membership.ts';
import type { TimeEntry } from './ports.ts';
import type { KeyVersion, Placed } from './version.ts';

/** The version of the protocol between nodes. Nodes whose versions differ don't speak to each other. */
export const peerProtocol = 2;

/** What nodes tell each other of the cluster. */
export interface MembershipNews {
  readonly records: readonly MemberRecord[];
  /** Store ids that are gone for good. */
  readonly forgotten: readonly string[];
}

/** The entries of one digest leaf, packed by `packEntries`. */
export interface LeafListing {
  readonly leaf: number;
  readonly entries: Uint8Array;
}

/** Entries of one leaf that somebody asks for, by the hashes of their paths. */
export interface LeafSelection {
  readonly leaf: number;
  /** 8 bytes for each. */
  readonly hashes: Uint8Array;
}

/** What a vote, or a quorum, has to know of a version. */
export type Ballot = Placed;

/** A process that runs a store. */
export interface StoreRun {
  /** Its node's configured id, and where its peers reach it. */
  readonly id: string;
  readonly address: string;
  /** Drawn at its start: no other process has it. */
  readonly process: string;
  /** By its own clock, ms since the epoch. */
  readonly startedAt: number;
}

/** Everything that nodes ask each other: for each call the request and its reply. */
export interface PeerCalls {
  /** Are you there? Both sides pass on their latest news. */
  readonly ping: { readonly request: MembershipNews; readonly reply: MembershipNews };
  /** Ask somebody in my place whether he is there (SWIM's indirect probe). */
  readonly probe: {
    readonly request: { readonly id: string; readonly deadlineMs: number };
    readonly reply: { readonly isAlive: boolean };
  };
  /** Everything known of the cluster, unless the digests of both views are equal. A join is the first of these. */
  readonly gossip: {
    readonly request: { readonly digest: string; readonly news: MembershipNews | null };
    readonly reply: { readonly digest: string; readonly news: MembershipNews | null };
  };
  /** Versions that the receiver may lack; it answers with those that it knows to be greater. */
  readonly push: {
    readonly request: {
      readonly versions: readonly KeyVersion[];
      /** The receiver passes on what was new to it. */
      readonly isRumour: boolean;
    };
    readonly reply: {
      readonly newer: readonly KeyVersion[];
      /**
       * The sender still lacks something that the receiver holds of these keys: the receiver keeps another version of
       * one until a vote has decided, or `newer` was more than a page and was cut.
       */
      readonly hasConflict: boolean;
    };
  };
  /** The beginning of an exchange. */
  readonly compare: {
    readonly request: { readonly sequence: number; readonly root: Uint8Array; readonly newest: Uint8Array };
    readonly reply: {
      /** False: the digests are still being summed, or the receiver is being bootstrapped. */
      readonly isReady: boolean;
      readonly sequence: number;
      readonly root: Uint8Array;
      /** The newest entries, packed; empty when the roots are equal. */
      readonly newest: Uint8Array;
    };
  };
  /** Digests of all branches. */
  readonly branches: { readonly request: null; readonly reply: { readonly digests: Uint8Array } };
  /** Digests of the leaves below some branches, in the order of the request. */
  readonly leaves: {
    readonly request: { readonly branches: readonly number[] };
    readonly reply: { readonly digests: readonly Uint8Array[] };
  };
  /**
   * What some leaves hold, each in the order of the hashes. A reply may stop early, but never before its first leaf:
   * those that are missing are asked for again.
   */
  readonly entries: {
    readonly request: { readonly leaves: readonly number[] };
    readonly reply: { readonly listings: readonly LeafListing[] };
  };
  /** Versions by the hashes of their paths. A reply may stop early, but never before its first version. */
  readonly fetch: {
    readonly request: { readonly selections: readonly LeafSelection[] };
    readonly reply: { readonly versions: readonly KeyVersion[]; readonly isComplete: boolean };
  };
  /**
   * Keys that the receiver has stored since a sequence of its own, oldest first, each with its present entry. Null where
   * its log does not reach back so far: then it can't tell, which is another answer than none.
   */
  readonly changes: {
    readonly request: { readonly since: number };
    readonly reply: {
      readonly paths: readonly KeyPath[];
      /** Packed, one for each path. Keys that are in no digest any more are left out. */
      readonly entries: Uint8Array;
      /** Where the next page begins; null at the end. */
      readonly next: number | null;
    } | null;
  };
  /** The present versions of keys, in order. A reply may stop early, but never before its first version. */
  readonly get: {
    readonly request: { readonly paths: readonly KeyPath[] };
    readonly reply: {
      readonly versions: readonly KeyVersion[];
      /** How many of the paths this answers. */
      readonly answered: number;
    };
  };
  /**
   * The exchange is complete: the sender holds what the receiver had at `holds`, and the other way round. Refused with
   * KVS_OTHER_MEMBER by another store than the sender met.
   */
  readonly complete: {
    readonly request: {
      /** The receiver's sequence, at the beginning, that the sender now holds. */
      readonly holds: number;
      /** The sender's own sequence at the beginning, which the receiver now holds. */
      readonly sequence: number;
      /** The receiver's store as the sender met it. */
      readonly storeId: string;
    };
    readonly reply: null;
  };
  /** A page of versions, newest first, from below `before`. */
  readonly page: {
    readonly request: { readonly before: TimeEntry | null };
    readonly reply: {
      readonly versions: readonly KeyVersion[];
      /** Where the next page begins; null at the end. */
      readonly next: TimeEntry | null;
      /** False while the answering node is being bootstrapped itself and may lack much. */
      readonly isWhole: boolean;
    };
  };
  /** Which versions of these keys do you hold? Null for none. */
  readonly vote: {
    readonly request: { readonly paths: readonly KeyPath[] };
    readonly reply: { readonly held: readonly (Ballot | null)[] };
  };
  /** Which versions of these keys do you hold, for a quorum? Null for none. */
  readonly vouch: {
    readonly request: { readonly paths: readonly KeyPath[] };
    readonly reply: {
      readonly held: readonly (Ballot | null)[];
      /** False while the answering node is being bootstrapped: what it lacks says nothing then. */
      readonly isWhole: boolean;
    };
  };
  /** A graceful goodbye. */
  readonly leave: { readonly request: { readonly incarnation: number }; readonly reply: null };
  /** Do you run this store of mine? Refused with KVS_OTHER_MEMBER by whoever does not. */
  readonly twin: {
    readonly request: {
      readonly storeId: string;
      /** Who asks; null when it does not serve yet, and will not if somebody does. */
      readonly run: StoreRun | null;
    };
    readonly reply: StoreRun;
  };
}

export type PeerCallName = keyof PeerCalls;
export type PeerRequest<Name extends PeerCallName> = PeerCalls[Name]['request'];
export type PeerReply<Name extends PeerCallName> = PeerCalls[Name]['reply'];

/** Whom a call is for. */
export interface PeerAddress {
  readonly address: string;
  /** Who must answer there; undefined for a seed, of whom only the address is known. */
  readonly id?: string | undefined;
}

/** How a node calls its peers. */
export interface PeerTransport {
  /**
   * Sends a request and settles with the reply. The request may arrive any number of times, none included.
   *
   * @throws KvsError KVS_PEER_UNREACHABLE when nobody answers in time; the code that the peer refused with; or
   * KVS_PEER_FAILED for any other answer
   */
  call<Name extends PeerCallName>(
    to: PeerAddress,
    name: Name,
    request: PeerRequest<Name>,
    options: { readonly deadlineMs: number },
  ): Promise<PeerReply<Name>>;
}
