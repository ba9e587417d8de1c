import { branchCount, differingDigests } from '../core/digest-tree.ts';
import { KvsError } from '../core/errors.ts';
import type { KeyPath } from '../core/key-path.ts';
import {
  compareEntries,
  differenceOf,
  entryBytes,
  hex,
  leafOfEntry,
  packEntries,
  pathHash,
  pathHashBytes,
  unpackEntries,
} from '../core/leaf-entries.ts';
import { limits } from '../core/limits.ts';
import type { Member } from '../core/membership.ts';
import type {
  LeafSelection,
  PeerCallName,
  PeerReply,
  PeerRequest,
  PeerTransport,
} from '../core/peer-calls.ts';
import type { StepKind, Steps, VersionStore } from '../core/ports.ts';
import type { KeyVersion } from '../core/version.ts';
import { ChangedKeys } from './changed-keys.ts';
import type { Claims } from './claims.ts';
import type { Merger } from './merger.ts';
import { digestBytes, digestLanes, newestEntries, pageOf, VersionPage } from './pages.ts';

/** For one request of an exchange, ms. A page may have to be read from a slow disk first. */
export const exchangeCallDeadlineMs = 10_000;

export interface ExchangePorts {
  readonly store: VersionStore;
  readonly transport: PeerTransport;
  readonly claims: Claims;
  readonly merger: Merger;
}

/**
 * Makes this node and one member equal: compares digests from the root down to where they differ, fetches what is
 * greater there and pushes what is greater here. Whoever began does all the work; each step is one request. What
 * changes meanwhile may or may not be seen: it reaches the other by its own push, or by the next exchange.
 */
export class Exchange implements Steps {
  readonly #ports: ExchangePorts;
  readonly #member: Member;
  #start: { readonly own: number; readonly theirs: number } | undefined;
  #branches: number[] | undefined;
  #leaves: number[] = [];
  #leavesAtOnce: number = limits.pageItemsMax;
  #triedNewest = false;
  #changedKeys: ChangedKeys | undefined;
  /** The other one's sequence before its changes were read last. */
  #changesReadAt: number | undefined;
  #wanted: readonly KeyPath[] = [];
  #selections: LeafSelection[] = [];
  #toPush: KeyPath[] = [];
  #newer: KeyVersion[] = [];
  #hasConflict = false;
  readonly #counts = { requests: 0, fetched: 0, pushed: 0, leaves: 0 };

  constructor(ports: ExchangePorts, member: Member) {
    this.#ports = ports;
    this.#member = member;
  }

  progress(): Readonly<Record<string, number>> {
    return { ...this.#counts };
  }

  async step(): Promise<StepKind | null> {
    // First of all what is in memory with its values.
    if (this.#newer.length > 0) return this.#push();
    if (this.#selections.length > 0) return this.#fetch();
    if (this.#wanted.length > 0) return this.#get();
    if (this.#toPush.length > 0) return this.#push();
    if (this.#changedKeys?.isUnderWay) return this.#takeChanges(this.#changedKeys);
    if (this.#leaves.length > 0) return this.#listLeaves();
    if (this.#start === undefined || this.#branches === undefined) return this.#compare();
    if (this.#branches.length > 0) return this.#descend(this.#branches);
    return this.#complete(this.#start);
  }

  async #compare(): Promise<StepKind | null> {
    const { store } = this.#ports;
    if (!store.digestsReady) throw new KvsError('KVS_NOT_READY', 'The digests of this node are being summed');
    const { sequence } = store;
    const root = digestBytes(store.rootDigest());
    const newest = packEntries(await newestEntries(store));
    const theirs = await this.#call('compare', { sequence, root, newest });
    if (!theirs.isReady) {
      throw new KvsError('KVS_NOT_READY', `${this.#member.id} can't be compared with yet`);
    }
    this.#start ??= { own: sequence, theirs: theirs.sequence };
    if (hex(theirs.root) === hex(root)) return this.#complete(this.#start);
    if (!this.#triedNewest) {
      // Where only the last writes differ, their leaves are all there is to look at.
      this.#triedNewest = true;
      this.#leaves = leavesOfDifferent(newest, theirs.newest);
      if (this.#leaves.length > 0) return 'request';
    }
    if (await this.#beginChanges(theirs.sequence)) return 'request';
    const { digests } = await this.#call('branches', null);
    this.#branches = differingDigests(store.branchDigests(), digestLanes(digests));
    return 'request';
  }

  /** False where the change logs have no more to say. */
  async #beginChanges(theirs: number): Promise<boolean> {
    const readAt = this.#changesReadAt;
    this.#changesReadAt = theirs;
    // What others brought to either while the two were at it is in their logs as well.
    if (readAt !== undefined) return this.#changedKeys?.goOn(readAt) ?? false;
    this.#changedKeys = await this.#changesSinceClaims();
    return this.#changedKeys !== undefined;
  }

  /** Undefined where the two have never been compared to the end. */
  async #changesSinceClaims(): Promise<ChangedKeys | undefined> {
    const { store, claims } = this.#ports;
    const theirs = await claims.holds(this.#member.storeId);
    const own = claims.claimOf(this.#member.storeId);
    if (theirs === 0 && own === 0) return undefined;
    return new ChangedKeys({ store, theirs, own, ask: (since) => this.#call('changes', { since }) });
  }

  async #takeChanges(changedKeys: ChangedKeys): Promise<StepKind | null> {
    const { requests } = this.#counts;
    const difference = await changedKeys.next();
    this.#wanted = difference?.wanted ?? [];
    this.#toPush.push(...(difference?.greater ?? []));
    // The own changes take no request: nobody needs a pause after them.
    return this.#counts.requests > requests ? 'request' : this.step();
  }

  async #get(): Promise<StepKind> {
    const asked = this.#wanted.slice(0, limits.pageItemsMax);
    const { versions, answered } = await this.#call('get', { paths: asked });
    if (answered < 1 || answered > asked.length)
      throw new KvsError('KVS_PEER_FAILED', 'The peer answers nothing of what was asked for');
    await this.#merge(versions);
    this.#wanted = this.#wanted.slice(answered);
    return 'fetch';
  }

  async #merge(versions: readonly KeyVersion[]): Promise<void> {
    const { newer, hasConflict } = await this.#ports.merger.merge(versions, { from: this.#member.id });
    this.#newer.push(...newer);
    this.#hasConflict ||= hasConflict;
    this.#counts.fetched += versions.length;
  }

  async #descend(branches: readonly number[]): Promise<StepKind> {
    const { store } = this.#ports;
    const asked = branches.slice(0, limits.comparedBranchesMax);
    const { digests } = await this.#call('leaves', { branches: asked });
    if (digests.length !== asked.length)
      throw new KvsError('KVS_PEER_FAILED', 'The peer answers for other branches than were asked for');
    asked.forEach((branch, index) => {
      const theirs = digestLanes(digests[index] ?? new Uint8Array());
      for (const leaf of differingDigests(store.leafDigests(branch), theirs)) {
        this.#leaves.push(branch * branchCount + leaf);
      }
    });
    this.#branches = branches.slice(asked.length);
    return 'request';
  }

  async #listLeaves(): Promise<StepKind> {
    const { store } = this.#ports;
    const asked = this.#leaves.slice(0, this.#leavesAtOnce);
    // At the same time on both sides, as far as each of them gets: a difference of many leaves is all about this.
    const [ownListings, { listings }] = await Promise.all([
      store.listLeaves(asked, limits.listedEntriesMax),
      this.#call('entries', { leaves: asked }),
    ]);
    const own = new Map(ownListings.map((listing) => [listing.leaf, listing]));
    const selections: LeafSelection[] = [];
    const toPush: KeyPath[] = [];
    const listed = new Set<number>();
    for (const { leaf, entries } of listings) {
      const known = own.get(leaf);
      if (known === undefined) continue;
      const { greater, wanted } = differenceOf(known.packed, entries);
      for (const index of greater) toPush.push(...known.paths.slice(index, index + 1));
      selections.push(...selectionsOf(leaf, entries, wanted));
      listed.add(leaf);
    }
    if (listed.size === 0) throw new KvsError('KVS_PEER_FAILED', 'The peer lists no leaf that was asked for');
    this.#selections = selections;
    this.#toPush = toPush;
    this.#leaves = this.#leaves.filter((leaf) => !listed.has(leaf));
    this.#counts.leaves += listed.size;
    return 'request';
  }

  async #fetch(): Promise<StepKind> {
    const asked: LeafSelection[] = [];
    let count = 0;
    for (const selection of this.#selections) {
      count += selection.hashes.length / pathHashBytes;
      if (asked.length > 0 && count > limits.pageItemsMax) break;
      asked.push(selection);
    }
    const { versions, isComplete } = await this.#call('fetch', { selections: asked });
    const rest = isComplete ? [] : without(asked, versions);
    if (!isComplete && hashesIn(rest) === hashesIn(asked))
      throw new KvsError('KVS_PEER_FAILED', 'The peer sends nothing of what was asked for');
    await this.#merge(versions);
    this.#selections = [...rest, ...this.#selections.slice(asked.length)];
    return 'fetch';
  }

  /** What is pushed stays on the list until the peer has it: a step that failed may be taken again. */
  async #push(): Promise<StepKind> {
    const page = new VersionPage();
    const answered =
      this.#newer.length > 0
        ? 0
        : await page.fill(this.#ports.store, this.#toPush.slice(0, limits.pageItemsMax));
    const versions = answered > 0 ? page.versions : pageOf(this.#newer);
    if (versions.length > 0) {
      const { newer, hasConflict } = await this.#call('push', { versions, isRumour: false });
      const back = await this.#ports.merger.merge(newer, { from: this.#member.id });
      this.#hasConflict ||= hasConflict || back.hasConflict;
      this.#newer = [...this.#newer.slice(versions.length), ...back.newer];
      this.#counts.pushed += versions.length;
    }
    this.#toPush.splice(0, answered);
    return 'fetch';
  }

  async #complete({ own, theirs }: { readonly own: number; readonly theirs: number }): Promise<null> {
    // While a vote is open, neither holds what the other has.
    if (this.#hasConflict) return null;
    const { claims } = this.#ports;
    const { storeId } = this.#member;
    // First on the own disk: what this node claims must be true also after it has lost its memory.
    await claims.noteHeld(storeId, theirs);
    await this.#call('complete', { holds: theirs, sequence: own, storeId });
    // Only now is it certain that it was this store all along.
    claims.noteClaim(storeId, own);
    return null;
  }

  async #call<Name extends PeerCallName>(name: Name, request: PeerRequest<Name>): Promise<PeerReply<Name>> {
    this.#counts.requests++;
    return this.#ports.transport.call(this.#member, name, request, { deadlineMs: exchangeCallDeadlineMs });
  }
}

/** The leaves of entries that only one of two packed lists has. */
function leavesOfDifferent(own: Uint8Array, theirs: Uint8Array): number[] {
  const ours = unpackEntries(own);
  const others = unpackEntries(theirs);
  const leaves = new Set<number>();
  for (const [key, entry] of [...ours, ...others]) {
    const [a, b] = [ours.get(key), others.get(key)];
    if (a === undefined || b === undefined || compareEntries(a, b) !== 0) leaves.add(leafOfEntry(entry));
  }
  return [...leaves];
}

/** What is left of a selection once some of its versions have come. */
function without(selections: readonly LeafSelection[], versions: readonly KeyVersion[]): LeafSelection[] {
  const come = new Set(versions.map(({ path }) => hex(pathHash(path))));
  return selections.flatMap(({ leaf, hashes }) => {
    const rest: Uint8Array[] = [];
    for (let at = 0; at < hashes.length; at += pathHashBytes) {
      const hash = hashes.subarray(at, at + pathHashBytes);
      if (!come.has(hex(hash))) rest.push(hash);
    }
    return rest.length === 0 ? [] : [{ leaf, hashes: joined(rest) }];
  });
}

function selectionsOf(leaf: number, entries: Uint8Array, wanted: readonly number[]): LeafSelection[] {
  const selections: LeafSelection[] = [];
  for (let at = 0; at < wanted.length; at += limits.pageItemsMax) {
    const hashes = wanted
      .slice(at, at + limits.pageItemsMax)
      .map((index) => entries.subarray(index * entryBytes, index * entryBytes + pathHashBytes));
    selections.push({ leaf, hashes: joined(hashes) });
  }
  return selections;
}

function hashesIn(selections: readonly LeafSelection[]): number {
  return selections.reduce((count, { hashes }) => count + hashes.length / pathHashBytes, 0);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.length * pathHashBytes);
  parts.forEach((part, index) => bytes.set(part, index * pathHashBytes));
  return bytes;
}
