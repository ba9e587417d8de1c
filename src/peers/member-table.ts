import { KvsError } from '../core/errors.ts';
import { hash128 } from '../core/hash.ts';
import { limits } from '../core/limits.ts';
import {
  changeOf,
  compareRecords,
  isPresent,
  type Member,
  type MemberChange,
  type MemberRecord,
  type MemberState,
} from '../core/membership.ts';
import type { MembershipNews } from '../core/peer-calls.ts';
import type { Clock, Logger, Members, Membership, MembershipChange } from '../core/ports.ts';
import { recordOf } from './news.ts';
import { checkRecord, decodeTable, encodeTable, type SavedTable } from './wire.ts';

/** How long a member that is gone stays in the public list, ms. Its record stays until it is forgotten. */
export const shownAfterGoneMs = 600_000;

/**
 * The most that one look at the absent may count as time gone by, ms. A wall clock that was set right after a start
 * can make years pass between two looks, and forgetting is for good.
 */
export const absenceStepMsMax = 3_600_000;

/**
 * Each piece of news is told to this many others, times the decimal logarithm of the cluster's size. With 10 % loss one
 * node in some ten thousand misses it then (memberlist tells it 4 times).
 */
const retransmitMultiplier = 6;

export interface MemberTableOptions {
  /** This node, as its configuration and its store know it; the incarnation is taken from what was saved. */
  readonly self: Omit<Member, 'incarnation' | 'state' | 'lastSeen'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What `encode` gave before this start; undefined for a new store. */
  readonly saved: Uint8Array | undefined;
  /** After how long without a sign of life, while this node runs, a member that is gone is forgotten, ms; 0: never. */
  readonly forgetAfterMs: number;
  /** Makes the table durable, some time soon. */
  readonly save: (bytes: Uint8Array) => Promise<void>;
}

/**
 * What a node knows of its cluster: a record of each member by its id, the stores that are forgotten, and what each
 * store claims to hold of this one. Two tables that heard the same hold the same, in whatever order they heard it.
 */
export class MemberTable implements Membership, Members {
  readonly #options: MemberTableOptions;
  #self: Member;
  readonly #others = new Map<string, KnownMember>();
  readonly #forgotten = new Set<string>();
  /** By store id: up to where it holds what this store has. Of stores of known members only. */
  readonly #claims = new Map<string, number>();
  /** How often each piece of news has been told, by `rumourOf` a member or `rumourOfStore` that is forgotten. */
  readonly #rumours = new Map<string, number>();
  /** How long each absent member has been seen to be gone, ms, by its id. */
  readonly #absentMs = new Map<string, number>();
  #absenceLookedAt: number;
  readonly #listeners = new Set<(change: MembershipChange) => void>();
  #rumourListener: () => void = () => undefined;
  /** What is asked for often, until something changes. */
  #views: Views | undefined;
  #digest: string | undefined;
  #saving: Promise<void> | undefined;
  #saveFailure: unknown;
  #isDirty = false;
  #isClosed = false;
  #isFull = false;
  #refusal: KvsError | undefined;

  constructor(options: MemberTableOptions) {
    this.#options = options;
    this.#absenceLookedAt = options.clock.now();
    const saved = options.saved === undefined ? undefined : decodeTable(options.saved);
    // One more than ever before: whatever the others still believe of an earlier life is thereby out of date.
    const incarnation = (saved?.incarnation ?? -1) + 1;
    this.#self = { ...options.self, incarnation, state: 'alive', lastSeen: options.clock.now() };
    for (const member of saved?.members ?? []) this.#restore(member);
    for (const storeId of saved?.forgotten ?? []) this.#forgotten.add(storeId);
    // What others hold of another store says nothing of this one.
    const claims = saved?.storeId === this.#self.storeId ? saved.claims : [];
    for (const [storeId, sequence] of claims) this.#claims.set(storeId, sequence);
    this.#changed(rumourOf(this.#self.id));
  }

  get self(): Member {
    return this.#self;
  }

  /** Why the others won't have this node, or undefined. */
  get refusal(): KvsError | undefined {
    return this.#refusal;
  }

  /** The address is known for certain only once the port is open. Whoever has heard another one learns the new one. */
  setAddress(address: string): void {
    if (address === this.#self.address) return;
    this.#self = { ...this.#self, address };
    this.#raiseIncarnation(this.#self.incarnation);
  }

  get(id: string): Member | undefined {
    return id === this.#self.id ? this.#self : this.#others.get(id);
  }

  present(): readonly Member[] {
    return this.#view().present;
  }

  absent(): readonly Member[] {
    return this.#view().absent;
  }

  list(): readonly Member[] {
    const now = this.#options.clock.now();
    const isShown = (member: Member) => isPresent(member) || now - member.lastSeen < shownAfterGoneMs;
    return [{ ...this.#self, lastSeen: now }, ...[...this.#others.values()].filter(isShown)];
  }

  digest(): string {
    return (this.#digest ??= digestOf([this.#self, ...this.#others.values()], this.#forgotten));
  }

  news(): MembershipNews {
    return {
      records: [this.#self, ...this.#others.values()].map(recordOf),
      forgotten: [...this.#forgotten],
    };
  }

  merge({ records, forgotten }: MembershipNews): void {
    for (const storeId of forgotten) this.#forgetStore(storeId);
    for (const record of records) {
      if (record.id === this.#self.id) this.#hearOfSelf(record);
      else this.#mergeOther(record);
    }
  }

  noteContact(id: string): void {
    const member = this.#others.get(id);
    if (member === undefined) return;
    // In place: this happens with every message, and concerns none of the views.
    member.lastSeen = this.#options.clock.now();
    this.#absentMs.delete(id);
  }

  suspect(id: string): void {
    const member = this.#others.get(id);
    if (member?.state === 'alive') this.#setState(member, 'suspect');
  }

  bury(id: string): void {
    const member = this.#others.get(id);
    if (member?.state === 'suspect') this.#setState(member, 'dead');
  }

  takeRumours(recordsMax: number, times: number): MembershipNews {
    const toldMax = retransmitMultiplier * Math.ceil(Math.log10(this.#others.size + 2));
    const leastTold = [...this.#rumours].toSorted((a, b) => a[1] - b[1]).slice(0, recordsMax);
    const records: MemberRecord[] = [];
    const forgotten: string[] = [];
    for (const [name, told] of leastTold) {
      if (told + times >= toldMax) this.#rumours.delete(name);
      else this.#rumours.set(name, told + times);
      const subject = name.slice(1);
      if (name === rumourOfStore(subject)) {
        forgotten.push(subject);
        continue;
      }
      const member = this.get(subject);
      if (member !== undefined) records.push(recordOf(member));
    }
    return { records, forgotten };
  }

  get hasRumours(): boolean {
    return this.#rumours.size > 0;
  }

  /** Calls `listener` at each change that actors care about; returns how to stop it. */
  onChange(listener: (change: MembershipChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `listener` whenever there is news to spread. */
  onRumour(listener: () => void): void {
    this.#rumourListener = listener;
  }

  announceLeave(): void {
    this.#self = { ...this.#self, state: 'left' };
    this.#changed(rumourOf(this.#self.id));
  }

  /**
   * Decides whether a caller may speak to this node at all. `address`: where it says that it can be reached, if it
   * introduces itself.
   *
   * @throws KvsError KVS_FORGOTTEN, KVS_DUPLICATE_ID
   */
  admit(caller: {
    readonly id: string;
    readonly storeId: string;
    readonly address?: string | undefined;
  }): void {
    if (this.#forgotten.has(caller.storeId)) {
      throw new KvsError(
        'KVS_FORGOTTEN',
        `The cluster has forgotten the store of ${caller.id}: to join anew, stop the node, move its data folder away, and start it`,
      );
    }
    const known = this.get(caller.id);
    if (known !== undefined && known.storeId !== caller.storeId && isPresent(known)) {
      if (known.address === caller.address && known !== this.#self) {
        // The disk was replaced before anybody noticed. Whoever is asked at this address now answers for the new
        // store, so that nobody would ever find out that the old one is gone.
        this.#setState(known, 'dead');
        return;
      }
      throw new KvsError(
        'KVS_DUPLICATE_ID',
        `Another node of the cluster is called ${caller.id} (${known.address}): no two may have the same node_id`,
      );
    }
  }

  /** Notes that the others refuse this node; undefined when one of them does not any more. */
  noteRefusal(refusal: KvsError | undefined): void {
    if (refusal !== undefined && refusal.message !== this.#refusal?.message) {
      this.#options.logger.error(refusal.message, { code: refusal.code });
    }
    this.#refusal = refusal;
  }

  async join(member: Member): Promise<readonly Member[]> {
    checkRecord(member);
    // Anybody may send a handshake: it is no proof that the address has another store now.
    this.admit({ id: member.id, storeId: member.storeId });
    if (member.id === this.#self.id) {
      throw new KvsError('KVS_BAD_REQUEST', `id: ${member.id} is the id of this node`);
    }
    if (!this.#others.has(member.id) && this.#others.size >= limits.membersMax - 1) {
      throw new KvsError('KVS_OVERLOADED', `This node knows ${limits.membersMax} members already`);
    }
    this.#mergeOther(member);
    return [{ ...this.#self, lastSeen: this.#options.clock.now() }, ...this.#others.values()];
  }

  async leave(id: string, incarnation: number): Promise<void> {
    const member = this.#others.get(id);
    if (member === undefined) throw new KvsError('KVS_MEMBER_NOT_FOUND', `There is no member ${id}`);
    this.#mergeOther({ ...member, incarnation, state: 'left' });
  }

  async forget(id: string): Promise<void> {
    if (id === this.#self.id) throw new KvsError('KVS_MEMBER_ALIVE', 'A node does not forget itself');
    const member = this.#others.get(id);
    if (member === undefined) throw new KvsError('KVS_MEMBER_NOT_FOUND', `There is no member ${id}`);
    if (isPresent(member)) {
      throw new KvsError(
        'KVS_MEMBER_ALIVE',
        `${id} is ${member.state}; only a member that is gone can be forgotten`,
      );
    }
    if (this.#forgotten.size >= limits.forgottenMax) {
      throw new KvsError(
        'KVS_OVERLOADED',
        `This node remembers ${limits.forgottenMax} forgotten stores already`,
      );
    }
    this.#forgetStore(member.storeId);
    await this.saved();
  }

  /**
   * Forgets whoever has been gone for longer than the configuration allows. To be called at least once in
   * `absenceStepMsMax`; only time that passes between calls counts, and what this node was not there to see does not.
   */
  forgetLongGone(): void {
    const now = this.#options.clock.now();
    const passedMs = Math.min(Math.max(now - this.#absenceLookedAt, 0), absenceStepMsMax);
    this.#absenceLookedAt = now;
    const { forgetAfterMs } = this.#options;
    if (forgetAfterMs === 0) return;
    for (const { id, storeId } of this.absent()) {
      const absentMs = (this.#absentMs.get(id) ?? 0) + passedMs;
      this.#absentMs.set(id, absentMs);
      if (absentMs > forgetAfterMs) this.#forgetStore(storeId);
    }
  }

  /**
   * Notes up to where a store holds what this one has, as its node says. What a store once held it holds for ever, so
   * the greatest claim counts, in whatever order they come; those of stores that no member has are ignored.
   */
  noteClaim(storeId: string, sequence: number): void {
    if (sequence <= (this.#claims.get(storeId) ?? 0) || this.#holderOf(storeId) === undefined) return;
    this.#claims.set(storeId, sequence);
    this.#save();
  }

  /** True when no other member is known, dead ones included. */
  get isAlone(): boolean {
    return this.#others.size === 0;
  }

  /** The least that any known member claims, and who claims it; `sequence` where there is nobody else. */
  leastClaim(sequence: number): { readonly sequence: number; readonly member: string | undefined } {
    let least: { sequence: number; member: string | undefined } = { sequence, member: undefined };
    for (const { id, storeId } of this.#others.values()) {
      const claim = this.#claims.get(storeId) ?? 0;
      if (claim < least.sequence) least = { sequence: claim, member: id };
    }
    return least;
  }

  /**
   * Settles when everything that is known by now is durable.
   *
   * @throws what `save` failed with
   */
  async saved(): Promise<void> {
    this.#save();
    while (this.#saving !== undefined) await this.#saving;
    if (this.#saveFailure !== undefined) throw this.#saveFailure;
  }

  #restore(member: Member): void {
    // Under the name that it has now.
    if (member.id === this.#self.id || member.storeId === this.#self.storeId) return;
    this.#others.set(member.id, { ...member });
  }

  #view(): Views {
    if (this.#views !== undefined) return this.#views;
    const others = [...this.#others.values()];
    this.#views = {
      present: others.filter(isPresent),
      absent: others.filter((member) => !isPresent(member)),
    };
    return this.#views;
  }

  /** Settles when all is saved; from then on nothing is any more, for the store is about to close. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#saving !== undefined) await this.#saving;
  }

  #hearOfSelf(record: MemberRecord): void {
    const { storeId, state } = this.#self;
    if (state === 'left' || compareRecords(record, this.#self) <= 0) return;
    if (isPresent(record) && record.storeId !== storeId) {
      this.noteRefusal(
        new KvsError(
          'KVS_DUPLICATE_ID',
          `Another node of the cluster is called ${record.id} (${record.address}): no two may have the same node_id`,
        ),
      );
      return;
    }
    this.#raiseIncarnation(record.incarnation);
  }

  /** Makes what this node says of itself later than anything that was said of an incarnation. */
  #raiseIncarnation(heard: number): void {
    const incarnation = Math.min(Math.max(heard, this.#self.incarnation) + 1, limits.incarnationMax);
    this.#self = { ...this.#self, incarnation };
    this.#changed(rumourOf(this.#self.id));
  }

  #mergeOther(record: MemberRecord): void {
    if (this.#forgotten.has(record.storeId)) return;
    const before = this.#others.get(record.id);
    if (before !== undefined && compareRecords(record, before) <= 0) return;
    if (before?.storeId !== record.storeId && !this.#takesStore(record)) return;
    if (before === undefined && this.#others.size >= limits.membersMax - 1) {
      this.#warnOfFull(record);
      return;
    }
    const isSignOfLife = record.state === 'alive' || record.state === 'left' || before === undefined;
    const lastSeen = isSignOfLife ? this.#options.clock.now() : before.lastSeen;
    const member = { ...recordOf(record), lastSeen };
    if (before === undefined || before.storeId === record.storeId) {
      this.#set(member, before);
    } else if (isPresent(before)) {
      this.#claims.delete(before.storeId);
      this.#set(member, before);
    } else {
      // A new disk has taken the place of one that is gone: the old one must not come back with what it once held.
      this.#forgetStore(before.storeId);
      this.#set(member, this.#others.get(record.id));
    }
  }

  /**
   * Whether a record may bring a store that its member did not have: not when the store is known under another id
   * of a later or the same life. A node that was given a new name keeps its store, and its old name is gone.
   */
  #takesStore(record: MemberRecord): boolean {
    if (record.storeId === this.#self.storeId) {
      if (record.incarnation >= this.#self.incarnation) this.#raiseIncarnation(record.incarnation);
      return false;
    }
    const holder = this.#holderOf(record.storeId);
    if (holder === undefined) return true;
    if ((record.incarnation - holder.incarnation || (record.id < holder.id ? -1 : 1)) < 0) return false;
    this.#remove(holder);
    return true;
  }

  #holderOf(storeId: string): Member | undefined {
    for (const member of this.#others.values()) if (member.storeId === storeId) return member;
    return undefined;
  }

  #warnOfFull({ id, address }: MemberRecord): void {
    if (this.#isFull) return;
    this.#isFull = true;
    this.#options.logger.warn(
      `This node knows ${limits.membersMax} members already, and takes no notice of others: forget members that are gone`,
      { member: id, address },
    );
  }

  #setState(member: Member, state: MemberState): void {
    this.#set({ ...member, state }, member);
  }

  #set(member: KnownMember, before: Member | undefined): void {
    this.#others.set(member.id, member);
    this.#absentMs.delete(member.id);
    const change = changeOf(before, member);
    this.#changed(rumourOf(member.id), isWorthSaving(change));
    if (change !== undefined) this.#tell({ change, member });
  }

  #remove(member: Member): void {
    this.#others.delete(member.id);
    this.#rumours.delete(rumourOf(member.id));
    this.#absentMs.delete(member.id);
    this.#isFull = false;
    this.#changed();
    this.#tell({ change: 'forgotten', member });
  }

  #forgetStore(storeId: string): void {
    if (this.#forgotten.has(storeId) || this.#forgotten.size >= limits.forgottenMax) return;
    if (storeId === this.#self.storeId) return;
    this.#forgotten.add(storeId);
    this.#claims.delete(storeId);
    this.#changed(rumourOfStore(storeId));
    const holder = this.#holderOf(storeId);
    if (holder !== undefined) this.#remove(holder);
  }

  #tell(change: MembershipChange): void {
    const { id, address, state } = change.member;
    const level = isPassing(change.change) ? 'debug' : 'info';
    this.#options.logger[level](`Member ${id}: ${change.change}`, { member: id, address, state });
    for (const listener of this.#listeners) listener(change);
  }

  #changed(rumour?: string, isSaved = true): void {
    this.#digest = undefined;
    this.#views = undefined;
    if (isSaved) this.#save();
    if (rumour === undefined) return;
    this.#rumours.set(rumour, 0);
    this.#rumourListener();
  }

  /** One save at a time: what changes meanwhile goes with the next one. */
  #save(): void {
    if (this.#isClosed) return;
    this.#isDirty = true;
    this.#saving ??= this.#saveAll();
  }

  async #saveAll(): Promise<void> {
    // What changes in one go is saved in one go.
    await Promise.resolve();
    try {
      while (this.#isDirty) {
        this.#isDirty = false;
        await this.#options.save(encodeTable(this.#table()));
        this.#saveFailure = undefined;
      }
    } catch (error) {
      this.#saveFailure = error;
      this.#options.logger.warn('The member list could not be saved', { error });
    } finally {
      this.#saving = undefined;
    }
  }

  #table(): SavedTable {
    return {
      storeId: this.#self.storeId,
      incarnation: this.#self.incarnation,
      members: [...this.#others.values()],
      forgotten: [...this.#forgotten],
      claims: [...this.#claims],
    };
  }
}

/** Its last sign of life is noted in place. */
interface KnownMember extends Member {
  lastSeen: number;
}

interface Views {
  readonly present: readonly Member[];
  readonly absent: readonly Member[];
}

function rumourOf(id: string): string {
  return `@${id}`;
}

function rumourOfStore(storeId: string): string {
  return `!${storeId}`;
}

const encoder = new TextEncoder();

/** Sums the hashes of all parts, so that their order doesn't matter. */
function digestOf(members: readonly MemberRecord[], forgotten: ReadonlySet<string>): string {
  const sum = new Uint32Array(4);
  const lanes = new Uint32Array(4);
  const add = (text: string) => {
    const bytes = encoder.encode(text);
    hash128(bytes, bytes.length, lanes);
    lanes.forEach((lane, index) => (sum[index] = (sum[index] ?? 0) + lane));
  };
  for (const record of members) add(JSON.stringify(Object.values(recordOf(record))));
  for (const storeId of forgotten) add(storeId);
  return Array.from(sum, (lane) => lane.toString(16).padStart(8, '0')).join('');
}

/** A doubt and its end: for a node that starts anew, and for the log, it is as if they had never been. */
function isPassing(change: MemberChange): boolean {
  return change === 'suspected' || change === 'refuted';
}

function isWorthSaving(change: MemberChange | undefined): boolean {
  return change !== undefined && !isPassing(change);
}
