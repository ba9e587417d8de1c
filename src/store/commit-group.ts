import type { HybridClock } from '../core/hybrid-clock.ts';
import type { KeyPath } from '../core/key-path.ts';
import type { Change, Idempotency, MergeResult, WriteRequest, WriteResult } from '../core/ports.ts';
import {
  compareVersions,
  diedAtMs,
  isAbsentAt,
  isConflict,
  isMortal,
  type Stamp,
  type Version,
} from '../core/version.ts';
import { isMet } from '../core/write-condition.ts';
import { DigestDeltas } from './digest-index.ts';
import {
  idempotencyId,
  storedChange,
  type IdempotencyLedger,
  type LedgerChange,
} from './idempotency-ledger.ts';
import { encodeIdentity } from './identity.ts';
import { digestEncodedIdentity, hashPath, leafOf } from './key-digest.ts';
import type { KeyFilter } from './key-filter.ts';
import {
  graveKey,
  hashKey,
  keyspaceOf,
  logKey,
  mainKey,
  metaKey,
  noteKey,
  retiredKey,
  revisionKey,
  timeKey,
} from './keyspace.ts';
import { encodeLogRecord, type EncodedLogEntry } from './log-record.ts';
import { encodeStamp } from './stamp.ts';
import { encodeRecord, noRevisions, type StoredVersion } from './version-record.ts';
import type { KeysAndValues } from './level.ts';
import { changeList, slotsOf, type ListChange } from './revision-list.ts';

/** What the store may be asked to do to one key. */
export type Operation =
  | WriteRequest
  | { readonly kind: 'merge'; readonly path: KeyPath; readonly version: Version }
  /** Takes a version past its retention out of digests and listings, if it is still the one that stands there. */
  | { readonly kind: 'retire'; readonly path: KeyPath; readonly diedBeforeMs: number }
  /** Removes a retired version for good, if it still stands there and everybody claims it. */
  | { readonly kind: 'remove'; readonly path: KeyPath; readonly claimedSequence: number };

export type OperationResult = WriteResult | MergeResult | { readonly outcome: 'done' | 'kept' };

interface GroupChange extends Change {
  readonly version: StoredVersion;
  /** Of its entry among those of the change log's record. */
  readonly logIndex: number;
}

/** The version that stands under a key; null: none. */
export interface Standing {
  current: StoredVersion | null;
}

/** What a commit needs to know of its node. */
export interface CommitContext {
  readonly nodeId: string;
  readonly originJoined: number;
  readonly tombstoneRetentionMs: number;
  /** Versions of a key that are kept, the one that stands included. */
  readonly revisionsKept: number;
  readonly hybridClock: HybridClock;
  readonly ledger: IdempotencyLedger;
  readonly filter: KeyFilter;
  now(): number;
  uuid(): string;
}

/**
 * One atomic batch in the making: operations in order, the records and index entries that they put and delete, and
 * what must follow once it is durable.
 */
export class CommitGroup {
  readonly sequence: number;
  readonly changes = new Map<KeyPath, GroupChange>();
  readonly digestDeltas = new DigestDeltas();
  /** Keys whose record or place changed without a new version: it left the indexes or the store, or has other revisions. */
  readonly settled = new Map<KeyPath, StoredVersion | null>();
  /** Merged versions whose clock stood too far ahead to be followed. */
  readonly drifted: Change[] = [];
  /** What the ledger holds already, and must not if the batch fails. */
  readonly ledgerChanges: LedgerChange[] = [];
  /** Bytes of values that it writes beside those that it was asked to write: of what is kept as a revision. */
  revisionBytes = 0;
  #hasRemoved = false;
  /** What is put and deleted, by keyspace. */
  readonly #parts = new Map<
    number,
    { readonly keys: Uint8Array[]; readonly values: (Uint8Array | undefined)[] }
  >();
  readonly #logEntries: EncodedLogEntry[] = [];
  readonly #context: CommitContext;
  readonly #nowMs: number;
  readonly #pathLanes = new Uint32Array(4);
  readonly #digest = new Uint32Array(4);

  constructor(sequence: number, context: CommitContext) {
    this.sequence = sequence;
    this.#context = context;
    this.#nowMs = context.now();
  }

  /** False when nothing of it has to be written. */
  get hasParts(): boolean {
    return this.#parts.size > 0;
  }

  /** Keyspace by keyspace: a memtable takes a key quicker that lies beside the one before it. */
  parts(): KeysAndValues[] {
    return [...this.#parts.values()];
  }

  /** How many entries it adds to the change log: a key that changes twice has one. */
  get logEntryCount(): number {
    return this.changes.size;
  }

  /** Applies one operation to what stands under its key, which is the result's version then where it wrote one. */
  apply(operation: Operation, standing: Standing): OperationResult {
    switch (operation.kind) {
      case 'put':
      case 'delete':
        return this.#write(operation, standing);
      case 'merge':
        return this.#merge(operation.path, operation.version, standing);
      case 'retire':
        return this.#retire(operation.path, operation.diedBeforeMs, standing);
      case 'remove':
        return this.#remove(operation.path, operation.claimedSequence, standing);
    }
  }

  setNote(name: string, value: Uint8Array | undefined): void {
    if (value === undefined) this.#del(noteKey(name));
    else this.#put(noteKey(name), value);
  }

  /** Adds the change log's record: its entries, and the clock as it stands after them. A removal has the clock alone. */
  seal(clock: Stamp, logTotal: number): void {
    if (this.#hasRemoved) this.#put(clockKey, encodeStamp(clock));
    if (this.changes.size === 0) return;
    this.#put(logKey(this.sequence), encodeLogRecord(clock, logTotal, this.#logEntries));
  }

  #write(request: WriteRequest, standing: Standing): WriteResult {
    const { current } = standing;
    const repeated = this.#repeated(request);
    if (repeated !== undefined) return repeated;
    const isAbsent = current === null || isAbsentAt(current, this.#nowMs);
    if (request.kind === 'delete' && isAbsent) return { outcome: 'absent' };
    const live = isAbsent ? undefined : current;
    if (request.condition !== undefined && !isMet(request.condition, live?.uuid)) {
      return { outcome: 'unmet', current: live };
    }
    const stamp = this.#context.hybridClock.next(current ?? undefined);
    const isPut = request.kind === 'put';
    const fresh: StoredVersion = {
      uuid: this.#context.uuid(),
      timestamp: stamp.timestamp,
      counter: stamp.counter,
      origin: this.#context.nodeId,
      originJoined: this.#context.originJoined,
      votes: 0,
      deleted: !isPut,
      expiresAt: isPut ? request.expiresAt : undefined,
      contentType: isPut ? request.contentType : '',
      data: isPut ? request.data : noData,
      encoding: isPut ? request.encoding : undefined,
      sequence: this.sequence,
      retired: false,
      revisions: noRevisions,
    };
    const version = this.#replace(request.path, fresh, standing, true);
    if (!isPut) return { outcome: 'deleted', version };
    const outcome = isAbsent ? 'created' : 'replaced';
    if (request.idempotency !== undefined)
      this.#remember(request.path, request.idempotency, outcome, version);
    return { outcome, version };
  }

  /** The result of a write that was done before; undefined when it was not. */
  #repeated(request: WriteRequest): WriteResult | undefined {
    if (request.kind !== 'put' || request.idempotency === undefined) return undefined;
    const { path, idempotency } = request;
    const first = this.#context.ledger.find(idempotencyId(path, idempotency), this.#nowMs);
    if (first === undefined) return undefined;
    return first.fingerprint === textOfFingerprint(idempotency)
      ? { outcome: 'repeated', first }
      : { outcome: 'mismatched' };
  }

  #remember(
    path: KeyPath,
    idempotency: Idempotency,
    outcome: 'created' | 'replaced',
    { uuid, timestamp, expiresAt }: Version,
  ): void {
    const fingerprint = textOfFingerprint(idempotency);
    const entry = { outcome, uuid, timestamp, expiresAt, fingerprint, writtenMs: this.#nowMs };
    for (const change of this.#context.ledger.add(idempotencyId(path, idempotency), entry)) {
      this.ledgerChanges.push(change);
      const { key, value } = storedChange(change);
      if (value === undefined) this.#del(key);
      else this.#put(key, value);
    }
  }

  #merge(path: KeyPath, version: Version, standing: Standing): MergeResult {
    const { current } = standing;
    if (current === null) {
      if (isMortal(version) && this.#isPastRetention(version)) return { outcome: 'declined' };
    } else {
      const order = compareVersions(version, current);
      if (order === 0) return { outcome: 'known' };
      const outcome = isConflict(version, current) ? 'conflict' : 'stale';
      if (outcome === 'conflict' || order < 0) {
        standing.current = this.#keepLoser(path, version, current);
        return { outcome, current };
      }
    }
    if (!this.#context.hybridClock.observe(version)) this.drifted.push({ path, version, local: false });
    this.#replace(path, this.#stored(version), standing, false);
    return { outcome: 'accepted' };
  }

  #retire(path: KeyPath, diedBeforeMs: number, standing: Standing): OperationResult {
    const { current } = standing;
    if (current === null || current.retired || !isMortal(current) || diedAtMs(current) >= diedBeforeMs) {
      return { outcome: 'kept' };
    }
    const bytes = Buffer.from(path);
    const identity = encodeIdentity(current);
    hashPath(bytes, this.#pathLanes);
    this.#unindex(bytes, current, identity, false);
    for (const slot of slotsOf(current.revisions)) this.#del(revisionKey(slot, bytes));
    const next = { ...current, retired: true, data: noData, encoding: undefined, revisions: noRevisions };
    this.#put(mainKey(bytes), encodeRecord(next, identity));
    this.#put(retiredKey(current, bytes), noData);
    this.settled.set(path, next);
    standing.current = next;
    return { outcome: 'done' };
  }

  #remove(path: KeyPath, claimedSequence: number, standing: Standing): OperationResult {
    const { current } = standing;
    if (current === null || !current.retired || current.sequence > claimedSequence)
      return { outcome: 'kept' };
    this.#del(mainKey(path));
    this.#del(retiredKey(current, path));
    // Nothing is left to stand above but the clock: a later write must win over who still holds what is removed here,
    // also when the wall clock has stepped back meanwhile.
    this.#context.hybridClock.restore(current);
    this.#hasRemoved = true;
    this.settled.set(path, null);
    standing.current = null;
    return { outcome: 'done' };
  }

  /** Returns the version that stands there now: the new one, with its revisions. */
  #replace(path: KeyPath, fresh: StoredVersion, standing: Standing, local: boolean): StoredVersion {
    const { current } = standing;
    const bytes = Buffer.from(path);
    const identity = encodeIdentity(fresh);
    hashPath(bytes, this.#pathLanes);
    // Before the batch is written: from then on the key may be there.
    const { filter } = this.#context;
    if (current === null || !filter.isComplete) filter.add(this.#pathLanes);
    const version = current === null ? fresh : this.#supersede(bytes, current, fresh, identity);
    this.#put(mainKey(bytes), encodeRecord(version, identity));
    this.#put(timeKey(version, bytes), noData);
    this.#put(hashKey(this.#pathLanes, bytes), identity);
    if (isMortal(version)) this.#put(graveKey(version, bytes), noData);
    this.#addDelta(identity, true);
    this.#note(path, bytes, identity, version, local);
    standing.current = version;
    return version;
  }

  /** A key that changes twice has one entry in the log, its last. */
  #note(path: KeyPath, bytes: Buffer, identity: Buffer, version: StoredVersion, local: boolean): void {
    const index = this.changes.get(path)?.logIndex ?? this.#logEntries.length;
    this.#logEntries[index] = { path: bytes, identity };
    this.changes.set(path, { path, version, local, logIndex: index });
    this.settled.delete(path);
  }

  /** Takes a version out of the indexes and keeps it as a revision of the one in its place, which is returned. */
  #supersede(path: Buffer, current: StoredVersion, fresh: StoredVersion, standing: Buffer): StoredVersion {
    const identity = encodeIdentity(current);
    this.#unindex(path, current, identity, true);
    const countMax = this.#context.revisionsKept - 1;
    if (current.retired || (countMax === 0 && current.revisions.length === 0)) return fresh;
    const change = changeList(current.revisions, { added: identity, standing, countMax });
    this.#writeRevision(path, change, current, identity);
    return { ...fresh, revisions: change.list };
  }

  /**
   * A version that lost to the one that stands was acknowledged by somebody: it is kept as a revision, if it is among the
   * newest. Returns what stands there. The list of what is collected stays empty.
   */
  #keepLoser(path: KeyPath, loser: Version, current: StoredVersion): StoredVersion {
    const countMax = this.#context.revisionsKept - 1;
    if (current.retired || countMax === 0) return current;
    const standing = encodeIdentity(current);
    const added = encodeIdentity(loser);
    const change = changeList(current.revisions, { added, standing, countMax });
    if (change.slot === undefined) return current;
    const bytes = Buffer.from(path);
    const next = { ...current, revisions: change.list };
    this.#put(mainKey(bytes), encodeRecord(next, standing));
    this.#writeRevision(bytes, change, this.#stored(loser), added);
    this.revisionBytes += current.data.length;
    this.settled.set(path, next);
    return next;
  }

  #writeRevision(path: Buffer, change: ListChange, version: StoredVersion, identity: Buffer): void {
    for (const slot of change.freed) this.#del(revisionKey(slot, path));
    if (change.slot === undefined) return;
    this.#put(revisionKey(change.slot, path), encodeRecord(version, identity, noRevisions));
    this.revisionBytes += version.data.length;
  }

  /** A version from elsewhere, as this commit stores it. */
  #stored(version: Version): StoredVersion {
    return { ...version, sequence: this.sequence, retired: false, revisions: noRevisions };
  }

  /**
   * Takes a version out of every index but the main one; expects the lanes of its path. The entry of the hash index
   * stays when the next version overwrites it.
   */
  #unindex(path: Buffer, version: StoredVersion, identity: Buffer, isOverwritten: boolean): void {
    if (version.retired) {
      this.#del(retiredKey(version, path));
      return;
    }
    this.#del(timeKey(version, path));
    if (!isOverwritten) this.#del(hashKey(this.#pathLanes, path));
    if (isMortal(version)) this.#del(graveKey(version, path));
    this.#addDelta(identity, false);
  }

  #addDelta(identity: Uint8Array, isAdded: boolean): void {
    digestEncodedIdentity(identity, this.#pathLanes, this.#digest);
    this.digestDeltas.push(leafOf(this.#pathLanes), this.#digest, isAdded);
  }

  #isPastRetention(version: Version): boolean {
    return diedAtMs(version) < this.#nowMs - this.#context.tombstoneRetentionMs;
  }

  #put(key: Uint8Array, value: Uint8Array): void {
    this.#change(key, value);
  }

  #del(key: Uint8Array): void {
    this.#change(key, undefined);
  }

  #change(key: Uint8Array, value: Uint8Array | undefined): void {
    const keyspace = keyspaceOf(key);
    let part = this.#parts.get(keyspace);
    if (part === undefined) this.#parts.set(keyspace, (part = { keys: [], values: [] }));
    part.keys.push(key);
    part.values.push(value);
  }
}

/** Where the clock is kept that a removal has left behind. */
export const clockKey = metaKey('clock');

const noData = new Uint8Array(0);

function textOfFingerprint({ fingerprint }: Idempotency): string {
  return Buffer.from(fingerprint).toString('base64');
}
