import { assert, KvsError } from '../core/errors.ts';
import type { KeyPath } from '../core/key-path.ts';
import { limits } from '../core/limits.ts';
import {
  CommitGroup,
  type CommitContext,
  type Operation,
  type OperationResult,
  type Standing,
} from './commit-group.ts';
import type { StoredVersion } from './version-record.ts';
import { storageError, writeBatch, type Level } from './level.ts';
import type { VersionReader } from './version-reader.ts';
import type { VersionCache } from './version-cache.ts';

/**
 * From this many waiting writes on, a group is made ready while the one before it is still being written, a read of its
 * last keys is waited for, and what it wrote is not remembered.
 */
const bulkWritesMin = 512;
/** Keys in one multi-get of current versions. */
const loadBatchMax = 1_024;

/** The current version of a key while writes of it are under way; ahead of the disk by what is not durable yet. */
interface Pin extends Standing {
  isLoaded: boolean;
  /** Operations that wait for a commit or are in one. */
  uses: number;
}

interface Request {
  readonly results: OperationResult[];
  open: number;
  failure: KvsError | undefined;
  readonly resolve: (results: OperationResult[]) => void;
  readonly reject: (error: KvsError) => void;
}

type Queued =
  | {
      readonly kind: 'operation';
      readonly operation: Operation;
      readonly pin: Pin;
      readonly request: Request;
      readonly index: number;
    }
  | {
      readonly kind: 'note';
      readonly name: string;
      readonly value: Uint8Array | undefined;
      readonly request: Request;
    };

interface FormedGroup {
  readonly group: CommitGroup;
  readonly members: readonly Queued[];
  readonly bytes: number;
}

export interface CommitterOptions {
  readonly level: Level;
  readonly reader: VersionReader;
  readonly cache: VersionCache;
  readonly context: CommitContext;
  /** True: a commit is on stable storage before it is acknowledged. */
  readonly durable: boolean;
  readonly lastSequence: number;
  readonly lastLogTotal: number;
  readonly defer: (task: () => void) => void;
  /** Told of each commit once it is written, before it is durable. */
  readonly onWritten: (group: CommitGroup) => void;
  /** Told of each commit once it is durable, before its writers are. */
  readonly onCommitted: (group: CommitGroup) => void;
  readonly onFailure: (error: KvsError) => void;
}

/**
 * Group commit. Operations wait in one queue, in order. Writes that arrive while a commit is on its way form the next
 * one: their keys' current versions are taken from memory or read in one multi-get, the operations are applied to them
 * in order, and all of it goes to the level as one batch that is synced once. `onWritten` hears of it before the sync,
 * everyone else after it: the cache, the digests and the listeners at once, the writers when the next group has been sent
 * on its way.
 *
 * A batch that fails is as if it had never been asked for, with every group that was built on it, unless only its sync
 * failed and `onWritten` has told of it: their callers get the error. After a failed sync nobody knows what the disk
 * holds, so every later write is refused.
 */
export class GroupCommitter {
  readonly #options: CommitterOptions;
  readonly #pins = new Map<KeyPath, Pin>();
  #queue: Queued[] = [];
  /** Index of the first entry of `#queue` that is still waiting. */
  #head = 0;
  #pendingBytes = 0;
  #toLoad: { readonly path: KeyPath; readonly pin: Pin }[] = [];
  #isLoading = false;
  #isForming = false;
  /** On its way to the disk. */
  #writing: FormedGroup | undefined;
  /** Formed on top of the one that is being written. */
  #next: FormedGroup | undefined;
  #sequence: number;
  #committedSequence: number;
  #logTotal: number;
  #committedLogTotal: number;
  #broken: KvsError | undefined;
  #isClosed = false;
  #whenIdle: (() => void)[] = [];

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#sequence = options.lastSequence;
    this.#committedSequence = options.lastSequence;
    this.#logTotal = options.lastLogTotal;
    this.#committedLogTotal = options.lastLogTotal;
  }

  /** The sequence of the last durable commit. */
  get sequence(): number {
    return this.#committedSequence;
  }

  /** Entries of the change log since the folder was made. */
  get logTotal(): number {
    return this.#committedLogTotal;
  }

  get pending(): number {
    return this.#queue.length - this.#head;
  }

  /**
   * Settles when all operations are durable. On an error none, some or all of those of one call may have been stored.
   *
   * @throws KvsError KVS_OVERLOADED when the queue is full, KVS_STORAGE_FULL, KVS_STORAGE_FAILED
   */
  submit(operations: readonly Operation[]): Promise<OperationResult[]> {
    if (operations.length === 0) return Promise.resolve([]);
    let bytes = 0;
    for (const operation of operations) bytes += dataBytes(operation);
    return this.#accept(operations.length, bytes, (request) => {
      operations.forEach((operation, index) => {
        const pin = this.#pin(operation.path);
        this.#queue.push({ kind: 'operation', operation, pin, request, index });
      });
    });
  }

  async setNote(name: string, value: Uint8Array | undefined): Promise<void> {
    await this.#accept(1, value?.length ?? 0, (request) =>
      this.#queue.push({ kind: 'note', name, value, request }),
    );
  }

  /** Refuses what comes from now on, and settles when everything that came before is done. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (!this.#isIdle()) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  #accept(count: number, bytes: number, enqueue: (request: Request) => void): Promise<OperationResult[]> {
    const refusal = this.#refusalOf(count, bytes);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#pendingBytes += bytes;
    return new Promise((resolve, reject) => {
      enqueue({ results: [], open: count, failure: undefined, resolve, reject });
      this.#load();
      this.#form();
    });
  }

  #refusalOf(count: number, bytes: number): KvsError | undefined {
    if (this.#broken !== undefined) return this.#broken;
    if (this.#isClosed) return new KvsError('KVS_NOT_READY', 'The store is closing');
    const isFull =
      this.pending + count > limits.pendingWritesMax ||
      this.#pendingBytes + bytes > limits.pendingWriteBytesMax;
    return isFull ? new KvsError('KVS_OVERLOADED', 'Too many writes wait for the disk') : undefined;
  }

  #pin(path: KeyPath): Pin {
    const known = this.#pins.get(path);
    if (known !== undefined) {
      known.uses++;
      return known;
    }
    const current = this.#options.reader.peek(path);
    const pin: Pin = { current: current ?? null, isLoaded: current !== undefined, uses: 1 };
    this.#pins.set(path, pin);
    if (!pin.isLoaded) this.#toLoad.push({ path, pin });
    return pin;
  }

  #load(): void {
    if (this.#isLoading || this.#toLoad.length === 0) return;
    this.#isLoading = true;
    this.#options.defer(() => void this.#loadAll());
  }

  /** Reads the current versions that are waited for. While it reads, more may come; they share the next multi-get. */
  async #loadAll(): Promise<void> {
    while (this.#toLoad.length > 0) {
      const batch = this.#toLoad.splice(0, loadBatchMax);
      try {
        const versions = await this.#options.reader.readStored(batch.map(({ path }) => path));
        batch.forEach(({ pin }, index) => {
          pin.current = versions[index] ?? null;
          pin.isLoaded = true;
        });
      } catch (cause) {
        this.#failUnloaded(batch, storageError(cause));
      }
      // Before it is asked whether to form a group: that may wait for what is being read.
      this.#isLoading = this.#toLoad.length > 0;
      this.#form();
    }
    this.#settleIdle();
  }

  /** Nothing can be decided without the current version: whoever waits for one of these keys gets the error. */
  #failUnloaded(batch: readonly { pin: Pin }[], error: KvsError): void {
    const pins = new Set(batch.map(({ pin }) => pin));
    const waiting = this.#queue.slice(this.#head);
    this.#head = 0;
    this.#queue = waiting.filter((queued) => {
      if (queued.kind !== 'operation' || !pins.has(queued.pin)) return true;
      fail(queued.request, error);
      this.#pendingBytes -= queuedBytes(queued);
      this.#release(queued.operation.path, queued.pin);
      return false;
    });
  }

  #form(): void {
    if (this.#isForming || !this.#isTimeToForm()) return;
    this.#isForming = true;
    this.#options.defer(() => {
      this.#isForming = false;
      this.#advance();
    });
  }

  /** While the disk is busy only a large group is made ready: a small one had better wait for more to join it. */
  #isTimeToForm(): boolean {
    if (this.#next !== undefined || !this.#isHeadReady()) return false;
    const isDiskFree = this.#writing === undefined;
    if (this.pending < bulkWritesMin) return isDiskFree;
    // Most of many keys are known to be absent. The few that have to be read must not cut the group in two.
    return !this.#isLoading || (isDiskFree && this.#isLargeGroupReady());
  }

  #isLargeGroupReady(): boolean {
    return this.#queue.slice(this.#head, this.#head + bulkWritesMin).every(isReady);
  }

  #isHeadReady(): boolean {
    const head = this.#queue[this.#head];
    return head !== undefined && isReady(head);
  }

  /** Forms the next group when it is time, and sends it on its way when the disk is free. */
  #advance(): void {
    if (this.#isTimeToForm()) this.#next = this.#takeGroup();
    if (this.#writing === undefined && this.#next !== undefined) {
      this.#writing = this.#next;
      this.#next = undefined;
      void this.#commit(this.#writing);
    }
    this.#form();
    this.#settleIdle();
  }

  async #commit(formed: FormedGroup): Promise<void> {
    const failure = await this.#write(formed.group);
    this.#writing = undefined;
    if (failure === undefined) this.#keep(formed);
    else this.#failAll(formed, failure);
    // The disk need not stand still while answers are made.
    this.#advance();
    if (failure === undefined) acknowledge(formed);
  }

  #takeGroup(): FormedGroup {
    const group = new CommitGroup(++this.#sequence, this.#options.context);
    const members: Queued[] = [];
    let bytes = 0;
    while (
      members.length < limits.commitWritesMax &&
      bytes + group.revisionBytes < limits.commitBytesMax &&
      this.#isHeadReady()
    ) {
      const queued = this.#queue[this.#head++];
      assert(queued !== undefined, 'the head of the queue is there');
      members.push(queued);
      bytes += queuedBytes(queued);
      if (queued.request.failure !== undefined) continue;
      apply(group, queued);
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head >= limits.commitWritesMax) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.#logTotal += group.logEntryCount;
    group.seal(this.#options.context.hybridClock.latest, this.#logTotal);
    return { group, members, bytes };
  }

  /** Settles with the error when the batch failed. */
  async #write(group: CommitGroup): Promise<KvsError | undefined> {
    if (this.#broken !== undefined) return this.#broken;
    if (!group.hasParts) return undefined;
    try {
      const { level, durable, onWritten } = this.#options;
      await writeBatch(level, group.parts(), { sync: durable, onWritten: () => onWritten(group) });
      return undefined;
    } catch (cause) {
      return storageError(cause);
    }
  }

  /** Makes what is durable now the current state, and tells of it. */
  #keep({ group, members, bytes }: FormedGroup): void {
    if (group.logEntryCount > 0) {
      this.#committedSequence = group.sequence;
      this.#committedLogTotal += group.logEntryCount;
    }
    // A load of many keys would only drive out what is read; it keeps current what the cache holds already.
    const isBulk = members.length >= bulkWritesMin;
    for (const [path, { version }] of group.changes) this.#remember(path, version, isBulk);
    for (const [path, version] of group.settled) this.#remember(path, version, true);
    for (const queued of members) {
      if (queued.kind === 'operation') this.#release(queued.operation.path, queued.pin);
    }
    this.#pendingBytes -= bytes;
    this.#options.onCommitted(group);
  }

  /** With a group fails the one that was built on it. */
  #failAll(formed: FormedGroup, error: KvsError): void {
    const builtOnIt = this.#next;
    this.#next = undefined;
    const { ledger } = this.#options.context;
    if (builtOnIt !== undefined) ledger.undo(builtOnIt.group.ledgerChanges);
    ledger.undo(formed.group.ledgerChanges);
    this.#fail(formed, error);
    if (builtOnIt !== undefined) this.#fail(builtOnIt, error);
  }

  #fail({ members, bytes }: FormedGroup, error: KvsError): void {
    if (error.code !== 'KVS_STORAGE_FULL') this.#broken ??= error;
    this.#options.onFailure(error);
    this.#logTotal = this.#committedLogTotal;
    this.#pendingBytes -= bytes;
    for (const queued of members) {
      fail(queued.request, error);
      if (queued.kind !== 'operation') continue;
      const { pin, operation } = queued;
      this.#release(operation.path, pin);
      if (pin.uses > 0 && pin.isLoaded) {
        pin.isLoaded = false;
        this.#toLoad.push({ path: operation.path, pin });
      }
    }
    this.#load();
  }

  /** A pin may be further ahead by now: what is remembered is what this group made durable. */
  #remember(path: KeyPath, version: StoredVersion | null, onlyIfCached: boolean): void {
    if (!onlyIfCached || this.#options.cache.has(path)) this.#options.cache.set(path, version);
    this.#options.reader.forget(path);
  }

  #release(path: KeyPath, pin: Pin): void {
    if (--pin.uses === 0) this.#pins.delete(path);
  }

  #isIdle(): boolean {
    const isWriting = this.#writing !== undefined || this.#next !== undefined;
    return this.pending === 0 && !this.#isForming && !isWriting && !this.#isLoading;
  }

  #settleIdle(): void {
    if (!this.#isIdle()) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}

/** Whether all is known that it takes to carry it out. */
function isReady(queued: Queued): boolean {
  return queued.kind === 'note' || queued.pin.isLoaded;
}

/** An operation that can't be done changes nothing: it fails its own request, and no other. */
function apply(group: CommitGroup, queued: Queued): void {
  if (queued.kind === 'note') {
    group.setNote(queued.name, queued.value);
    return;
  }
  try {
    queued.request.results[queued.index] = group.apply(queued.operation, queued.pin);
  } catch (error) {
    if (!(error instanceof KvsError)) throw error;
    fail(queued.request, error);
  }
}

function acknowledge({ members }: FormedGroup): void {
  for (const { request } of members) {
    if (--request.open === 0 && request.failure === undefined) request.resolve(request.results);
  }
}

function fail(request: Request, error: KvsError): void {
  if (request.failure !== undefined) return;
  request.failure = error;
  request.reject(error);
}

function queuedBytes(queued: Queued): number {
  return queued.kind === 'note' ? (queued.value?.length ?? 0) : dataBytes(queued.operation);
}

function dataBytes(operation: Operation): number {
  if (operation.kind === 'put') return operation.data.length;
  return operation.kind === 'merge' ? operation.version.data.length : 0;
}
