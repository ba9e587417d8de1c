import { HybridClock } from '../core/hybrid-clock.ts';
import type { KvsError } from '../core/errors.ts';
import type { EventPage, EventPosition } from '../core/key-events.ts';
import type { KeyPath } from '../core/key-path.ts';
import { limits } from '../core/limits.ts';
import type {
  Clock,
  CollectResult,
  Commit,
  LeafEntries,
  ListOptions,
  ListPage,
  LoggedChange,
  Logger,
  MergeResult,
  Random,
  Revision,
  StoreStats,
  TimeEntry,
  VersionStore,
  WriteRequest,
  WriteResult,
} from '../core/ports.ts';
import { checkVersion, type KeyVersion, type Stamp, type Version } from '../core/version.ts';
import { ChangeLog, type LogEnd } from './change-log.ts';
import { clockKey, type CommitGroup, type Operation } from './commit-group.ts';
import { DigestIndex } from './digest-index.ts';
import { EventReader } from './event-reader.ts';
import { GroupCommitter } from './group-committer.ts';
import {
  gravesAfter,
  gravesBefore,
  msOfDeathKey,
  noteKey,
  parseDeathKey,
  parseTimeKey,
  retiredRange,
  timeKey,
  timeRange,
  type Range,
} from './keyspace.ts';
import { decodeStamp } from './stamp.ts';
import type { StoredVersion } from './version-record.ts';
import type { GzipPacker } from './gzip-packer.ts';
import { countKeys, listKeys } from './key-listing.ts';
import { IdempotencyLedger } from './idempotency-ledger.ts';
import { KeyFilter } from './key-filter.ts';
import { asBytes, storageError, type Level } from './level.ts';
import { listRevisions, readRevision } from './revision-reader.ts';
import { closeIdentity, openIdentity, type StoreIdentity } from './store-identity.ts';
import { VersionCache } from './version-cache.ts';
import { VersionReader } from './version-reader.ts';

/** The same trouble is logged once in this time, ms: a busy node on a full disk must not fill another one. */
const repeatedLogIntervalMs = 60_000;

export interface VersionStoreOptions {
  /** Any abstract-level 3 database. The store opens it, owns it and closes it. */
  readonly level: Level;
  /** The origin of local writes. */
  readonly nodeId: string;
  /** True: a write is on stable storage before it is acknowledged. */
  readonly durable: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How long a tombstone or an expired version stays in digests and listings, ms. */
  readonly tombstoneRetentionMs: number;
  /** Versions of a key that are kept, the one that stands included: 1 to `limits.revisionsKeptMax`. */
  readonly revisionsKept: number;
  /** How far ahead of the wall clock a peer's stamp may stand and still be followed, ms. */
  readonly maxClockDriftMs: number;
  /** Compresses values before they are written; undefined: they are stored as they come. */
  readonly packer?: GzipPacker | undefined;
  /** What the cache of versions may take, bytes. */
  readonly cacheBytes: number;
  /** Told of each commit that failed. */
  readonly onFailure?: (error: KvsError) => void;
  /** Told of the first commit that succeeds after one that failed. */
  readonly onRecovery?: () => void;
  /** Identifies the run of the operating system, where it can be told. */
  readonly bootId?: string | undefined;
  /** Entries that the change log keeps; default `limits.changeLogEntriesMax`. */
  readonly changeLogEntriesMax?: number;
  /** Runs a task a little later, so that what comes at about the same time can share it; default `setImmediate`. */
  readonly defer?: (task: () => void) => void;
}

export interface OpenVersionStore extends VersionStore {
  /** Lets the writes that were accepted finish, and closes the level. */
  close(): Promise<void>;
}

/**
 * Opens the versions in a level, or starts new ones.
 *
 * @throws KvsError KVS_STORE_UNUSABLE when the folder has another format; and what the level's `open` throws
 */
export async function openVersionStore(options: VersionStoreOptions): Promise<OpenVersionStore> {
  const { level } = options;
  await level.open();
  try {
    const identity = await openIdentity({ ...options, bootId: options.bootId });
    const { log, end } = await ChangeLog.open(
      level,
      options.changeLogEntriesMax ?? limits.changeLogEntriesMax,
    );
    const removed = await level.get<Uint8Array, Uint8Array>(clockKey, asBytes);
    const clocks = [end.clock, ...(removed === undefined ? [] : [decodeStamp(removed)])];
    const ledger = await IdempotencyLedger.open(level);
    return new LevelVersionStore(options, identity, log, end, clocks, ledger);
  } catch (error) {
    await level.close();
    throw error;
  }
}

class LevelVersionStore implements OpenVersionStore {
  readonly storeId: string;
  readonly createdAt: number;
  readonly #options: VersionStoreOptions;
  readonly #level: Level;
  readonly #cache: VersionCache;
  readonly #reader: VersionReader;
  readonly #committer: GroupCommitter;
  readonly #digests: DigestIndex;
  readonly #log: ChangeLog;
  readonly #events: EventReader;
  readonly #writeListeners = new Set<(commit: Commit) => void>();
  readonly #commitListeners = new Set<(commit: Commit) => void>();
  /** Keys whose values are being compressed, until their writes are submitted or done. */
  readonly #packing = new Map<KeyPath, Promise<unknown>>();
  #commits = 0;
  #commitWrites = 0;
  #localWrites = 0;
  #futureVersions = 0;
  #driftWarnedAt = -Infinity;
  #failureLoggedAt = -Infinity;
  #isFailing = false;
  #trimming: Promise<void> = Promise.resolve();

  constructor(
    options: VersionStoreOptions,
    identity: StoreIdentity,
    log: ChangeLog,
    end: LogEnd,
    clocks: readonly Stamp[],
    ledger: IdempotencyLedger,
  ) {
    this.storeId = identity.storeId;
    this.createdAt = identity.createdAt;
    this.#options = options;
    this.#level = options.level;
    this.#log = log;
    this.#cache = new VersionCache(options.cacheBytes);
    const defer = options.defer ?? setImmediate;
    const filter = new KeyFilter();
    this.#reader = new VersionReader(options.level, this.#cache, filter, defer);
    const hybridClock = new HybridClock(options.clock, options.maxClockDriftMs);
    for (const clock of clocks) hybridClock.restore(clock);
    this.#committer = new GroupCommitter({
      level: options.level,
      reader: this.#reader,
      cache: this.#cache,
      context: {
        nodeId: options.nodeId,
        originJoined: identity.createdAt,
        tombstoneRetentionMs: options.tombstoneRetentionMs,
        revisionsKept: options.revisionsKept,
        hybridClock,
        ledger,
        filter,
        now: () => options.clock.now(),
        uuid: () => options.random.uuid(),
      },
      durable: options.durable,
      lastSequence: end.sequence,
      lastLogTotal: end.total,
      defer,
      onWritten: (group) => this.#tell(this.#writeListeners, group),
      onCommitted: (group) => this.#onCommitted(group),
      onFailure: (error) => this.#onFailure(error),
    });
    this.#events = new EventReader({
      level: options.level,
      log,
      reader: this.#reader,
      sequence: () => this.sequence,
      retainedFromMs: () => options.clock.now() - options.tombstoneRetentionMs,
    });
    this.#digests = new DigestIndex(options.level, filter);
    this.#digests.whenReady.catch((cause: unknown) => this.#onFailure(storageError(cause)));
  }

  get sequence(): number {
    return this.#committer.sequence;
  }

  peek(path: KeyPath): Version | null | undefined {
    return this.#reader.peek(path);
  }

  async get(path: KeyPath): Promise<Version | undefined> {
    return (await this.#reader.read(path)) ?? undefined;
  }

  async getMany(paths: readonly KeyPath[]): Promise<(Version | undefined)[]> {
    return Promise.all(paths.map((path) => this.get(path)));
  }

  async revisions(path: KeyPath): Promise<readonly Revision[]> {
    return this.#reading(() => listRevisions(this.#level, path, this.#options.revisionsKept));
  }

  async revision(path: KeyPath, uuid: string): Promise<Version | undefined> {
    return this.#reading(() => readRevision(this.#level, path, uuid, this.#options.revisionsKept));
  }

  isDurable(version: Version): boolean {
    return (version as StoredVersion).sequence <= this.sequence;
  }

  write(requests: readonly WriteRequest[]): Promise<WriteResult[]> {
    const packed = this.#options.packer?.pack(requests) ?? requests;
    const earlier =
      this.#packing.size === 0 ? [] : requests.flatMap(({ path }) => this.#packing.get(path) ?? []);
    if (!(packed instanceof Promise) && earlier.length === 0) return this.#write(packed);
    return this.#writeLater(requests, packed, earlier);
  }

  /** While values are being compressed, later writes of the same keys wait: they must not come before them. */
  async #writeLater(
    requests: readonly WriteRequest[],
    packed: readonly WriteRequest[] | Promise<readonly WriteRequest[]>,
    earlier: readonly Promise<unknown>[],
  ): Promise<WriteResult[]> {
    const ready = Promise.allSettled(earlier).then(() => packed);
    // In an object: who waits for its turn does not wait for the disk.
    const submitted = ready.then((writes) => ({ results: this.#write(writes) }));
    for (const { path } of requests) this.#packing.set(path, submitted);
    try {
      const { results } = await submitted;
      return await results;
    } finally {
      for (const { path } of requests) {
        if (this.#packing.get(path) === submitted) this.#packing.delete(path);
      }
    }
  }

  #write(requests: readonly WriteRequest[]): Promise<WriteResult[]> {
    return this.#committer.submit(requests) as Promise<WriteResult[]>;
  }

  async merge(versions: readonly KeyVersion[]): Promise<MergeResult[]> {
    for (const { version } of versions) checkVersion(version);
    const operations = versions.map(({ path, version }): Operation => ({ kind: 'merge', path, version }));
    return (await this.#committer.submit(operations)) as MergeResult[];
  }

  async note(name: string): Promise<Uint8Array | undefined> {
    return this.#reading(() => this.#level.get<Uint8Array, Uint8Array>(noteKey(name), asBytes));
  }

  async setNote(name: string, value: Uint8Array | undefined): Promise<void> {
    await this.#committer.setNote(name, value);
  }

  async changesSince(sequence: number, entriesMax: number): Promise<LoggedChange[] | null> {
    return this.#reading(() => this.#log.since(sequence, this.sequence, entriesMax));
  }

  async list(below: KeyPath | undefined, options: ListOptions): Promise<ListPage> {
    return this.#reading(() => listKeys(this.#level, below, options, this.#options.clock.now()));
  }

  async count(below: KeyPath | undefined, isWanted: () => boolean = () => true): Promise<number> {
    return this.#reading(() => countKeys(this.#level, below, isWanted, this.#options.clock.now()));
  }

  async eventsAfter(
    position: EventPosition,
    until: EventPosition,
    selects: (path: KeyPath) => boolean,
  ): Promise<EventPage | null> {
    return this.#reading(() => this.#events.after(position, until, selects));
  }

  async nextDeathAfter(ms: number): Promise<number | undefined> {
    const options = { keyEncoding: 'view', limit: 1, ...gravesAfter(ms) };
    const [key] = await this.#reading(() => this.#level.keys<Uint8Array>(options).all());
    return key === undefined ? undefined : msOfDeathKey(key);
  }

  async newest(entriesMax: number, before?: TimeEntry): Promise<TimeEntry[]> {
    const { gte, lt } = timeRange;
    const range = { gte, lt: before === undefined ? lt : timeKey(before, before.path) };
    const options = { keyEncoding: 'view', reverse: true, limit: entriesMax, ...range };
    const keys = await this.#reading(() => this.#level.keys<Uint8Array>(options).all());
    return keys.map(parseTimeKey);
  }

  get digestsReady(): boolean {
    return this.#digests.isReady;
  }

  async whenDigestsReady(): Promise<void> {
    await this.#digests.whenReady;
  }

  rootDigest(): Uint32Array {
    return this.#digests.tree.root();
  }

  branchDigests(): Uint32Array {
    return this.#digests.tree.branches();
  }

  leafDigests(branch: number): Uint32Array {
    return this.#digests.tree.leaves(branch);
  }

  async entriesOf(paths: readonly KeyPath[]): Promise<Omit<LeafEntries, 'leaf'>> {
    return this.#reading(() => this.#digests.entriesOf(paths));
  }

  async listLeaves(leaves: readonly number[], entriesMax: number): Promise<LeafEntries[]> {
    return this.#reading(() => this.#digests.list(leaves, entriesMax));
  }

  async collect(claimedSequence: number): Promise<CollectResult> {
    const diedBeforeMs = this.#options.clock.now() - this.#options.tombstoneRetentionMs;
    // With each its revisions go, which must not make a commit any larger.
    const atOnce = Math.ceil(limits.pageItemsMax / this.#options.revisionsKept);
    const retired = await this.#sweep(gravesBefore(diedBeforeMs), atOnce, (path) => ({
      kind: 'retire',
      path,
      diedBeforeMs,
    }));
    const removed = await this.#sweep(retiredRange, limits.pageItemsMax, (path) => ({
      kind: 'remove',
      path,
      claimedSequence,
    }));
    return { retired: retired.done, removed: removed.done, held: removed.kept };
  }

  onWrite(listener: (commit: Commit) => void): () => void {
    this.#writeListeners.add(listener);
    return () => this.#writeListeners.delete(listener);
  }

  onCommit(listener: (commit: Commit) => void): () => void {
    this.#commitListeners.add(listener);
    return () => this.#commitListeners.delete(listener);
  }

  stats(): StoreStats {
    return {
      cacheEntries: this.#cache.entries,
      cacheBytes: this.#cache.bytes,
      cacheHits: this.#cache.hits,
      cacheMisses: this.#cache.misses,
      commits: this.#commits,
      commitWrites: this.#commitWrites,
      localWrites: this.#localWrites,
      pendingWrites: this.#committer.pending,
      futureVersions: this.#futureVersions,
    };
  }

  async close(): Promise<void> {
    await this.#committer.close();
    await this.#digests.close();
    await this.#trimming;
    try {
      if (!this.#options.durable) await closeIdentity(this.#level);
    } finally {
      await this.#level.close();
    }
  }

  /** Hands every path that a range of deaths names to an operation, so many at once. */
  async #sweep(
    range: Range,
    atOnce: number,
    operationOf: (path: KeyPath) => Operation,
  ): Promise<{ done: number; kept: number }> {
    const tally = { done: 0, kept: 0 };
    const keys = await this.#reading(async () =>
      this.#level.keys<Uint8Array>({ keyEncoding: 'view', ...range }),
    );
    try {
      for (;;) {
        const page = await this.#reading(() => keys.nextv(atOnce));
        if (page.length === 0) return tally;
        const results = await this.#committer.submit(page.map((key) => operationOf(parseDeathKey(key))));
        for (const { outcome } of results) tally[outcome === 'done' ? 'done' : 'kept']++;
      }
    } finally {
      await keys.close();
    }
  }

  #onCommitted(group: CommitGroup): void {
    this.#digests.apply(group.digestDeltas);
    if (this.#isFailing && group.hasParts) this.#onRecovery();
    this.#noteDrift(group);
    if (group.changes.size === 0) return;
    this.#commits++;
    this.#commitWrites += group.changes.size;
    for (const { local } of group.changes.values()) if (local) this.#localWrites++;
    this.#trimming = this.#trimming
      .then(() => this.#log.trim(this.#committer.logTotal))
      .catch((cause: unknown) => this.#onFailure(storageError(cause)));
    this.#tell(this.#commitListeners, group);
  }

  #tell(listeners: ReadonlySet<(commit: Commit) => void>, group: CommitGroup): void {
    if (listeners.size === 0 || group.changes.size === 0) return;
    const commit: Commit = { sequence: group.sequence, changes: [...group.changes.values()] };
    for (const listener of listeners) {
      try {
        listener(commit);
      } catch (error) {
        this.#options.logger.error('A listener of commits failed', { error });
      }
    }
  }

  #noteDrift(group: CommitGroup): void {
    this.#futureVersions += group.drifted.length;
    const [first] = group.drifted;
    const now = this.#options.clock.now();
    if (first === undefined || now - this.#driftWarnedAt < repeatedLogIntervalMs) return;
    this.#driftWarnedAt = now;
    this.#options.logger.warn('A version from the future was stored; its clock is not followed', {
      origin: first.version.origin,
      aheadMs: first.version.timestamp - now,
    });
  }

  #onFailure(error: KvsError): void {
    const now = this.#options.clock.now();
    if (!this.#isFailing || now - this.#failureLoggedAt >= repeatedLogIntervalMs) {
      this.#failureLoggedAt = now;
      this.#options.logger.error(error.message, { code: error.code, error });
    }
    this.#isFailing = true;
    this.#options.onFailure?.(error);
  }

  #onRecovery(): void {
    this.#isFailing = false;
    this.#options.logger.info('The storage takes writes again');
    this.#options.onRecovery?.();
  }

  async #reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (cause) {
      throw storageError(cause);
    }
  }
}
