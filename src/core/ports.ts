import type { EventPage, EventPosition } from './key-events.ts';
import type { KeyPath } from './key-path.ts';
import type { Member, MemberChange } from './membership.ts';
import type { MembershipNews } from './peer-calls.ts';
import type { KeyVersion, Stamp, Version } from './version.ts';
import type { WriteCondition } from './write-condition.ts';

/** The wall clock. */
export interface Clock {
  /** Milliseconds since the epoch, an integer. It may jump both ways. */
  now(): number;
}

/** Where those who are no actors set their timers. */
export interface Timers {
  /** Calls a task once, after so many ms; returns how to call it off. */
  after(ms: number, task: () => void): () => void;
}

/** Where everything random comes from, so that a simulation can repeat it. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A random UUID (RFC 9562, version 4). */
  uuid(): string;
}

/** Where log lines go: one message for people, and fields for machines. No user value is ever a field. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** What a node accepts at the moment. */
export type Mode = 'normal' | 'read-only' | 'syncing';

/** By what a write that is sent again is known. */
export interface Idempotency {
  /** Chosen by the client, for one path. At most `limits.idempotencyKeyBytesMax` characters. */
  readonly key: string;
  /** The digest of what is written, 32 bytes: another one under the same key is a mistake. */
  readonly fingerprint: Uint8Array;
}

/** What the first of several writes with the same idempotency key was answered. */
export interface FirstAnswer {
  readonly outcome: 'created' | 'replaced';
  readonly uuid: string;
  /** ms since the epoch. */
  readonly timestamp: number;
  /** ms since the epoch; undefined: never. */
  readonly expiresAt: number | undefined;
}

/** A local write of one key. */
export type WriteRequest =
  | {
      readonly kind: 'put';
      readonly path: KeyPath;
      readonly contentType: string;
      readonly data: Uint8Array;
      /** Of `data`, as in a version. Whoever has the value as it was sent leaves it to the store. */
      readonly encoding?: 'gzip' | undefined;
      /** ms since the epoch; undefined: never. */
      readonly expiresAt?: number | undefined;
      readonly condition?: WriteCondition | undefined;
      /** Looked at before the condition: what was done once need not be possible again. */
      readonly idempotency?: Idempotency | undefined;
    }
  | {
      readonly kind: 'delete';
      readonly path: KeyPath;
      /** Of an absent key nothing can be deleted, whatever the condition says. */
      readonly condition?: WriteCondition | undefined;
    };

export type WriteResult =
  /** The key was absent and has a value now. */
  | { readonly outcome: 'created'; readonly version: Version }
  /** The key had a value and has a new one. */
  | { readonly outcome: 'replaced'; readonly version: Version }
  /** The key had a value and is absent now; `version` is the tombstone. */
  | { readonly outcome: 'deleted'; readonly version: Version }
  /** A delete of an absent key: nothing was written. */
  | { readonly outcome: 'absent' }
  /** The condition does not hold of the key's version, `current`; undefined: it is absent. Nothing was written. */
  | { readonly outcome: 'unmet'; readonly current: Version | undefined }
  /** The idempotency key is known: the write was done before, and nothing was written. */
  | { readonly outcome: 'repeated'; readonly first: FirstAnswer }
  /** The idempotency key is known from a write of something else. Nothing was written. */
  | { readonly outcome: 'mismatched' };

export type MergeResult =
  /** The version was greater than ours and is stored. */
  | { readonly outcome: 'accepted' }
  /** It is the version that we hold. */
  | { readonly outcome: 'known' }
  /** Ours is greater; whoever sent it lacks `current`. */
  | { readonly outcome: 'stale'; readonly current: Version }
  /** Same stamp, another uuid, no vote yet: ours stays until a vote. */
  | { readonly outcome: 'conflict'; readonly current: Version }
  /** A tombstone past the retention for a key that we do not have: nothing was written. */
  | { readonly outcome: 'declined' };

/** A version of a key, without its value. */
export interface Revision extends Pick<
  Version,
  'uuid' | 'timestamp' | 'origin' | 'contentType' | 'deleted' | 'expiresAt'
> {
  /** The length of its value as it was sent. */
  readonly bytes: number;
}

/** One commit group, told to listeners after it is durable. */
export interface Commit {
  /** Local, ascending, with gaps. */
  readonly sequence: number;
  /** What the commit stored, in order; a key that changed twice appears once, with its last version. */
  readonly changes: readonly Change[];
}

export interface Change extends KeyVersion {
  /** True for a write that this node accepted from a client; false for a merged version. */
  readonly local: boolean;
}

/** One entry of the change log. */
export interface LoggedChange extends Stamp {
  readonly sequence: number;
  readonly path: KeyPath;
  readonly uuid: string;
}

/** What a digest leaf holds, in the order of the hashes of its paths. */
export interface LeafEntries {
  readonly leaf: number;
  readonly paths: readonly KeyPath[];
  /** An entry for each path, in the form of `packEntries`. */
  readonly packed: Uint8Array;
}

/** What two nodes compare of one key. */
export interface DigestEntry extends Stamp {
  readonly path: KeyPath;
  readonly uuid: string;
  readonly votes: number;
}

/** A position in the time index. */
export interface TimeEntry extends Stamp {
  readonly path: KeyPath;
}

/** Versions of all keys, with their indexes, on one node's disk. Every method may throw KVS_STORAGE_FAILED. */
export interface VersionStore {
  /** Made with the data folder. Changes when the folder may have lost what it once held. */
  readonly storeId: string;
  /** When the data folder was made, ms since the epoch. */
  readonly createdAt: number;
  /** The sequence of the last durable commit; 0 before the first. */
  readonly sequence: number;

  /** The version of a key when memory has it: null when the key has none, undefined when only the disk knows. */
  peek(path: KeyPath): Version | null | undefined;
  /** The version of a key, tombstones and expired ones included. */
  get(path: KeyPath): Promise<Version | undefined>;
  getMany(paths: readonly KeyPath[]): Promise<(Version | undefined)[]>;
  /** False for a version of this store that was read before its commit was durable, as long as it is not. */
  isDurable(version: Version): boolean;

  /**
   * The versions of a key that this node has seen and still keeps: first the one that stands, dead or alive, then the
   * others from the newest to the oldest. Empty when the key has none, or was deleted or expired so long ago that only
   * the mark of it is left.
   */
  revisions(path: KeyPath): Promise<readonly Revision[]>;
  /** One of them; undefined when there is none with this uuid. */
  revision(path: KeyPath, uuid: string): Promise<Version | undefined>;

  /**
   * Writes in order, each atomic by itself; settles when all are durable. Writes of one call may share their commit
   * with others.
   *
   * @throws KvsError KVS_OVERLOADED when the queue is full, KVS_STORAGE_FULL, KVS_STORAGE_FAILED
   */
  write(requests: readonly WriteRequest[]): Promise<WriteResult[]>;
  /** Merges versions that came from other nodes, in order; settles when all that were accepted are durable. */
  merge(versions: readonly KeyVersion[]): Promise<MergeResult[]>;

  /** A small record that the node keeps beside the data; undefined when there is none. */
  note(name: string): Promise<Uint8Array | undefined>;
  /** Stores (or with undefined removes) a note, ordered after every write that was asked for before. */
  setNote(name: string, value: Uint8Array | undefined): Promise<void>;

  /** What changed after `sequence`, oldest first, whole commits. Null when the log no longer reaches back that far. */
  changesSince(sequence: number, entriesMax: number): Promise<LoggedChange[] | null>;
  /**
   * What happened to the keys that `selects` names, between two positions, a page at a time. Of several versions of one
   * key only the one that stands is told, at its own place in the order. Null when it is no longer known what happened
   * since, or `position` is none of this store. A page that ends where it began has to wait for a commit under way.
   */
  eventsAfter(
    position: EventPosition,
    until: EventPosition,
    selects: (path: KeyPath) => boolean,
  ): Promise<EventPage | null>;
  /** The first instant after `ms` at which a version may die, ms since the epoch; undefined when none will. */
  nextDeathAfter(ms: number): Promise<number | undefined>;
  /** The time index, newest first, from just below `before`. */
  newest(entriesMax: number, before?: TimeEntry): Promise<TimeEntry[]>;
  /** A page of what stands below a path in the hierarchy, or at its top: ordered as the paths are, byte by byte. */
  list(below: KeyPath | undefined, options: ListOptions): Promise<ListPage>;
  /**
   * The number of live keys below a path. Reads them all, a page at a time; what changes meanwhile is counted or not.
   * Between two pages it asks whether anybody still wants to know; if not, it returns what it has counted so far.
   */
  count(below: KeyPath | undefined, isWanted?: () => boolean): Promise<number>;

  /** False until the digests equal the data: right after a start they are still being summed. */
  readonly digestsReady: boolean;
  /** Settles when `digestsReady` becomes true. */
  whenDigestsReady(): Promise<void>;
  /** The root's four lanes. */
  rootDigest(): Uint32Array;
  branchDigests(): Uint32Array;
  leafDigests(branch: number): Uint32Array;
  /** The digest entries of keys, in their order, without those of keys that are in no digest. */
  entriesOf(paths: readonly KeyPath[]): Promise<Omit<LeafEntries, 'leaf'>>;
  /**
   * What some digest leaves hold, in the order of `leaves`: the first one, and of the others as many, one after the
   * other, as fit within `entriesMax` entries together. Each comes whole.
   */
  listLeaves(leaves: readonly number[], entriesMax: number): Promise<LeafEntries[]>;

  /**
   * Takes tombstones and expired versions that are older than the retention out of digests and listings, and removes
   * those whose sequence is at most `claimedSequence`: the least that any known member claims to hold.
   */
  collect(claimedSequence: number): Promise<CollectResult>;

  /**
   * Calls `listener` when a commit is written and not durable yet; returns how to stop it. After a power loss, or a
   * sync that failed, this node may know nothing of it any more: it is for telling others, who may as well know.
   */
  onWrite(listener: (commit: Commit) => void): () => void;
  /** Calls `listener` after each commit, once it is durable; returns how to stop it. */
  onCommit(listener: (commit: Commit) => void): () => void;

  stats(): StoreStats;
}

export interface ListOptions {
  /** Levels below the path that are listed, keys and directories; undefined: the keys of all levels, and no directory. */
  readonly depth?: number | undefined;
  /** Entries on the page; 1 or more. */
  readonly entriesMax: number;
  /** Bytes of values as they were sent, of values that are left out too; an entry that exceeds them comes only alone. */
  readonly bytesMax?: number | undefined;
  /** The path after which the page begins: the last one of the page before. It need not be there any more. */
  readonly after?: KeyPath | undefined;
  /** True: descending. */
  readonly isReverse?: boolean | undefined;
  /** True: with the data of the versions; otherwise it is empty. */
  readonly withValues?: boolean | undefined;
  /** True: tombstones and expired versions count as keys. */
  readonly withDead?: boolean | undefined;
}

export interface ListPage {
  readonly entries: readonly ListedKey[];
  /** True when there are entries after the last one. */
  readonly hasMore: boolean;
}

/** A key, a directory (a part of the paths of keys), or both. */
export interface ListedKey {
  readonly path: KeyPath;
  /** Of the key with this very path; undefined when there is none. */
  readonly version: Version | undefined;
  /** The length of its value as it was sent. */
  readonly bytes: number;
  /** The length of its value as it is stored: less, where it is compressed. */
  readonly storedBytes: number;
  /** Whether there are keys further down; false in a list without directories. */
  readonly hasChildren: boolean;
}

export interface CollectResult {
  /** Left digests and listings in this run. */
  readonly retired: number;
  /** Removed for good in this run. */
  readonly removed: number;
  /** Past the retention and held back, because some member has not claimed them. */
  readonly held: number;
}

export interface StoreStats {
  readonly cacheEntries: number;
  readonly cacheBytes: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly commits: number;
  readonly commitWrites: number;
  /** Of the commit's writes, those that clients of this node made. */
  readonly localWrites: number;
  readonly pendingWrites: number;
  /** Merged versions that stood too far ahead of this node's clock to be followed. */
  readonly futureVersions: number;
}

/** The cluster as the actors of one node see it. What changes is told to them as events. */
export interface Membership {
  readonly self: Member;
  /** Undefined for whoever is unknown, or forgotten. */
  get(id: string): Member | undefined;
  /** The others that are alive or suspected. */
  present(): readonly Member[];
  /** The others that are dead or have left. */
  absent(): readonly Member[];
  /** A digest of the whole view: equal for equal views. */
  digest(): string;
  news(): MembershipNews;
  /** Takes in what somebody else knows, or says of himself. */
  merge(news: MembershipNews): void;
  /** Notes a sign of life. */
  noteContact(id: string): void;
  /** Holds a member, in its present incarnation, for suspect; undone by its refutation. */
  suspect(id: string): void;
  /** Gives a suspected member up. */
  bury(id: string): void;
  /** The news that have not been told often enough yet, at most `recordsMax`; counts them as told `times` more. */
  takeRumours(recordsMax: number, times: number): MembershipNews;
  readonly hasRumours: boolean;
  /** Tells that this node goes away for good reasons. */
  announceLeave(): void;
  /** True once this node leaves its place in the cluster to another process with a copy of its data folder. */
  readonly hasYielded: boolean;
}

/** A change of the cluster, as `Membership` tells it. */
export interface MembershipChange {
  readonly change: MemberChange;
  readonly member: Member;
}

/** What came of an attempt to join: somebody answered, nobody did, or there is nobody but this node to ask. */
export type JoinResult = 'joined' | 'nobody' | 'empty';

/** How the gossiper speaks to the cluster. Each call settles by itself, within the deadlines of its requests. */
export interface Gossip {
  /** Asks the seeds, and whom this node knew in former days, to be let in. */
  join(): Promise<JoinResult>;
  /** Compares views with one to three members at random. */
  exchange(): Promise<void>;
  /** Tells the latest news to a few members. */
  spread(): Promise<void>;
  /** Tells the members that this node goes away. */
  leave(): Promise<void>;
}

/** What came of a probe. */
export type ProbeResult =
  /** The member answered, itself or through another one. */
  | 'alive'
  /** It did not, and those who were asked to try in this node's place did answer. */
  | 'silent'
  /** Nobody answered: this node may well be the one that is not well. */
  | 'unheard';

/** How the failure-detector asks who is alive. */
export interface Probing {
  /** Asks a member, and where it does not answer up to three others to ask it; tells it what is said of it. */
  probe(options: {
    readonly id: string;
    /** The time that the member itself has to answer, and the time that others have to ask it, ms. */
    readonly directMs: number;
    readonly indirectMs: number;
  }): Promise<ProbeResult>;
  /** Asks one dead member whether it is back; settles with true when it is. */
  revisit(): Promise<boolean>;
}

/** What is left in an outbox after a push; `more`: perhaps something. */
export type PushResult = 'empty' | 'more' | 'overflown';

/** Long work with a peer, a request at a time, so that whoever does it can pause, and give up, in between. */
export interface Steps {
  /** Does one step; settles with what it was, or with null when the work was complete. */
  step(): Promise<StepKind | null>;
  /** How far the work is, in numbers for display. */
  progress(): Readonly<Record<string, number>>;
}

/** What a step asked of its peer: something to compare, or data. */
export type StepKind = 'request' | 'fetch';

/** How a vote on some keys ended. */
export interface VoteResult {
  readonly decisions: readonly Decision[];
  /** Keys whose winner could not be had: they need another vote. */
  readonly undecided: readonly KeyPath[];
}

/** How a vote on one key ended. */
export interface Decision {
  readonly path: KeyPath;
  readonly at: number;
  /** The uuid of the version that stays, and the node that made it. */
  readonly winner: string;
  readonly origin: string;
  /** Votes by uuid. */
  readonly tally: Readonly<Record<string, number>>;
}

/** The cluster as the HTTP routes see it. */
export interface Members {
  /** Every member that is shown, this node included. */
  list(): readonly Member[];
  /** Takes in a node that introduces itself; answers with every member that is known. */
  join(member: Member): Promise<readonly Member[]>;
  /** Notes a graceful goodbye. */
  leave(id: string, incarnation: number): Promise<void>;
  /**
   * Drops a dead member for good.
   *
   * @throws KvsError KVS_MEMBER_NOT_FOUND, KVS_MEMBER_ALIVE
   */
  forget(id: string): Promise<void>;
}

/** Reads that a majority of the members vouches for. */
export interface Quorum {
  /**
   * The newest version of a key among those that a majority of all members holds, tombstones and expired ones included;
   * undefined when none of that majority has one. What this node lacked of it is durable then, and a majority holds it.
   *
   * @throws KvsError KVS_NO_QUORUM at the end of the time, or when `signal` is aborted; KVS_OVERLOADED; what the store
   * fails with
   */
  read(
    path: KeyPath,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Version | undefined>;
}

/** How it goes between this node and one of its members, as this node sees it. */
export interface LinkView {
  readonly id: string;
  /** Calls in a row that got no answer. */
  readonly failures: number;
  /** When the first of them failed, ms since the epoch, and what the last one failed with. */
  readonly failingSince: number | undefined;
  readonly error: string | undefined;
  /** How long an answer takes, smoothed, ms; undefined before the first. */
  readonly roundTripMs: number | undefined;
  /** Versions that wait to be pushed to it, and how old the oldest of them is, ms. */
  readonly waiting: number;
  readonly lagMs: number;
  /** Bytes of messages to and from it since the link was first used, calls and answers, without the headers of HTTP. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** What a running node tells HTTP about itself. */
export interface NodeStatus {
  readonly nodeId: string;
  mode(): Mode;
  /** False while it starts or drains: /health/ready says so. */
  isReady(): boolean;
  /** Tombstones that could be removed if everybody claimed them, and the member that lags most; undefined: none. */
  heldTombstones(): HeldTombstones | undefined;
  /** Why the cluster won't have this node; undefined when it does. */
  refusal(): string | undefined;
}

export interface HeldTombstones {
  readonly count: number;
  readonly member: string;
}

/** One actor as /debug shows it. Contains no user value and no secret. */
export interface ActorSnapshot {
  /** Stable across restarts: the name the node gave it, such as `mode-controller`. */
  readonly id: string;
  /** The id of its machine: actors of one kind share it. */
  readonly machine: string;
  /** XState's state value; null for an effect without states. */
  readonly state: unknown;
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  /** Context chosen for display. */
  readonly context: unknown;
  /** When it entered its present state, ms since the epoch. */
  readonly since: number;
  readonly restarts: number;
  /** The message of the failure it ended with, if any. */
  readonly error?: string | undefined;
}

export interface ActorTransition {
  /** Ascending over all actors of this process. */
  readonly id: number;
  readonly at: number;
  readonly actor: string;
  /** The type of the event that caused it. */
  readonly event: string;
  readonly from: unknown;
  readonly to: unknown;
}

export interface ActorDetail extends ActorSnapshot {
  /** States and transitions, as XState's machine definition lists them; null for an effect. */
  readonly definition: unknown;
  /** The last ones, oldest first. */
  readonly transitions: readonly ActorTransition[];
}

/** A read-only view of every actor of the node. */
export interface ActorInspector {
  actors(): readonly ActorSnapshot[];
  /** Undefined when there is no such actor. */
  actor(id: string): ActorDetail | undefined;
  /** Remembered transitions after `afterId`, oldest first, and whether some in between are gone. */
  transitionsSince(afterId: number): {
    readonly transitions: readonly ActorTransition[];
    readonly gap: boolean;
  };
  /** Calls `listener` at each transition; returns how to stop it. */
  subscribe(listener: (transition: ActorTransition) => void): () => void;
}
