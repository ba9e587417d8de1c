import { KvsError } from '../core/errors.ts';
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
import type { Clock, Logger, Members, Membership, MembershipChange, Timers } from '../core/ports.ts';
import { Absences } from './absences.ts';
import { ClaimLedger, type LeastClaim } from './claim-ledger.ts';
import { KnownMembers } from './known-members.ts';
import { recordOf } from './news.ts';
import { Rumours } from './rumours.ts';
import { TableSaver } from './table-saver.ts';
import { viewDigest } from './view-digest.ts';
import { checkRecord, decodeTable, encodeTable, type LastServed } from './wire.ts';

/** How long a member that is gone stays in the public list, ms. Its record stays until it is forgotten. */
export const shownAfterGoneMs = 600_000;

export interface MemberTableOptions {
  /** This node, as its configuration and its store know it; the incarnation is taken from what was saved. */
  readonly self: Omit<Member, 'incarnation' | 'state' | 'lastSeen'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** What `save` was given last before this start; undefined for a new store. */
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
  readonly #others = new KnownMembers();
  readonly #forgotten = new Set<string>();
  /** Of stores of known members only. */
  readonly #claims: ClaimLedger;
  readonly #rumours = new Rumours();
  readonly #absences: Absences;
  readonly #saver: TableSaver;
  readonly #listeners = new Set<(change: MembershipChange) => void>();
  #onElsewhere: (address: string) => void = () => undefined;
  /** Until something changes. */
  #digest: string | undefined;
  #isFull = false;
  #isMemoryFull = false;
  #refusal: KvsError | undefined;
  #lastServed: LastServed | undefined;
  #hasYielded = false;

  constructor(options: MemberTableOptions) {
    this.#options = options;
    const { clock, timers, logger, save } = options;
    this.#absences = new Absences(clock);
    this.#saver = new TableSaver({ encode: () => this.#encode(), save, logger, timers });
    const saved = options.saved === undefined ? undefined : decodeTable(options.saved);
    // One more than ever before: whatever the others still believe of an earlier life is thereby out of date.
    const incarnation = (saved?.incarnation ?? -1) + 1;
    this.#self = { ...options.self, incarnation, state: 'alive', lastSeen: clock.now() };
    this.#lastServed = saved?.served;
    for (const member of saved?.members ?? []) this.#restore(member);
    for (const storeId of saved?.forgotten ?? []) this.#forgotten.add(storeId);
    // What others hold of another store says nothing of this one.
    this.#claims = new ClaimLedger(saved?.storeId === this.#self.storeId ? saved.claims : []);
    this.#selfChanged();
  }

  get self(): Member {
    return this.#self;
  }

  /** Why the others won't have this node, or undefined. */
  get refusal(): KvsError | undefined {
    return this.#refusal;
  }

  /** Where the data folder was served last, and as which store; undefined when it never was. */
  get lastServed(): LastServed | undefined {
    return this.#lastServed;
  }

  /** The address is known for certain only once the port is open. Whoever has heard another one learns the new one. */
  setAddress(address: string): void {
    this.#noteServed(address);
    if (address === this.#self.address) return;
    this.#self = { ...this.#self, address };
    this.#raiseIncarnation(this.#self.incarnation);
  }

  get(id: string): Member | undefined {
    return id === this.#self.id ? this.#self : this.#others.get(id);
  }

  present(): readonly Member[] {
    return this.#others.present;
  }

  absent(): readonly Member[] {
    return this.#others.absent;
  }

  list(): readonly Member[] {
    const now = this.#options.clock.now();
    const isShown = (member: Member) => isPresent(member) || now - member.lastSeen < shownAfterGoneMs;
    return [{ ...this.#self, lastSeen: now }, ...this.#others.all.filter(isShown)];
  }

  digest(): string {
    return (this.#digest ??= viewDigest([this.#self, ...this.#others.all], this.#forgotten));
  }

  news(): MembershipNews {
    return {
      records: [this.#self, ...this.#others.all].map(recordOf),
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
    this.#others.noteContact(id, this.#options.clock.now());
    this.#absences.end(id);
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
    const membersCount = this.#others.size + 1;
    const { members, forgotten } = this.#rumours.take({ countMax: recordsMax, times, membersCount });
    const known = members.map((id) => this.get(id)).filter((member) => member !== undefined);
    return { records: known.map(recordOf), forgotten };
  }

  get hasRumours(): boolean {
    return !this.#rumours.isEmpty;
  }

  /** Calls `listener` at each change that actors care about; returns how to stop it. */
  onChange(listener: (change: MembershipChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `listener` whenever there is news to spread. */
  onRumour(listener: () => void): void {
    this.#rumours.onRumour(listener);
  }

  /**
   * Calls `listener` with the address when the cluster believes that this node's store is served somewhere else: by
   * another process, or in an earlier life of this node.
   */
  onElsewhere(listener: (address: string) => void): void {
    this.#onElsewhere = listener;
  }

  /** Leaves this node's place to the process with its store at another address; the next start asks there first. */
  yieldTo(address: string): void {
    this.#noteServed(address);
    this.#hasYielded = true;
  }

  get hasYielded(): boolean {
    return this.#hasYielded;
  }

  announceLeave(): void {
    this.#self = { ...this.#self, state: 'left' };
    this.#selfChanged();
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
      throw duplicateId(known);
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
    if (this.#others.get(member.id) === undefined && this.#others.size >= limits.membersMax - 1) {
      throw new KvsError('KVS_OVERLOADED', `This node knows ${limits.membersMax} members already`);
    }
    this.#mergeOther(member);
    return [{ ...this.#self, lastSeen: this.#options.clock.now() }, ...this.#others.all];
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
   * `absenceStepMsMax`.
   */
  forgetLongGone(): void {
    const { forgetAfterMs } = this.#options;
    if (forgetAfterMs === 0) return;
    for (const { storeId } of this.#absences.look(this.absent(), forgetAfterMs)) this.#forgetStore(storeId);
  }

  /**
   * Notes up to where a store holds what this one has, as its node says. Claims of stores that no member has are
   * ignored.
   */
  noteClaim(storeId: string, sequence: number): void {
    if (sequence <= this.#claims.of(storeId) || !this.isMemberStore(storeId)) return;
    this.#claims.note(storeId, sequence);
    this.#saver.save();
  }

  /** Up to where a store holds what this one has; 0 for one that has claimed nothing. */
  claimOf(storeId: string): number {
    return this.#claims.of(storeId);
  }

  /** True for the store of a member that is known, dead ones included. */
  isMemberStore(storeId: string): boolean {
    return this.#others.holderOf(storeId) !== undefined;
  }

  /** True when no other member is known, dead ones included. */
  get isAlone(): boolean {
    return this.#others.size === 0;
  }

  /** The least that any known member claims, and who claims it; `sequence` where there is nobody else. */
  leastClaim(sequence: number): LeastClaim {
    return this.#claims.least(this.#others.all, sequence);
  }

  /**
   * Settles when everything that is known by now is durable.
   *
   * @throws what `save` failed with
   */
  saved(): Promise<void> {
    return this.#saver.saved();
  }

  /** Settles when all is saved; from then on nothing is any more, for the store is about to close. */
  close(): Promise<void> {
    return this.#saver.close();
  }

  #restore(member: Member): void {
    // Under the name that it has now.
    if (member.id === this.#self.id || member.storeId === this.#self.storeId) return;
    this.#others.set(member);
  }

  #hearOfSelf(record: MemberRecord): void {
    const { storeId, state } = this.#self;
    if (state === 'left' || compareRecords(record, this.#self) <= 0) return;
    if (isPresent(record) && record.storeId !== storeId) {
      this.noteRefusal(duplicateId(record));
      return;
    }
    this.#outbid(record);
  }

  /** Answers what somebody says of this node's own store. */
  #outbid(record: MemberRecord): void {
    this.#raiseIncarnation(record.incarnation);
    if (isPresent(record) && record.address !== this.#self.address) this.#onElsewhere(record.address);
  }

  /** Makes what this node says of itself later than anything that was said of an incarnation. */
  #raiseIncarnation(heard: number): void {
    const incarnation = Math.min(Math.max(heard, this.#self.incarnation) + 1, limits.incarnationMax);
    this.#self = { ...this.#self, incarnation };
    this.#selfChanged();
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
      this.#claims.drop(before.storeId);
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
      if (record.incarnation >= this.#self.incarnation) this.#outbid(record);
      return false;
    }
    const holder = this.#others.holderOf(record.storeId);
    if (holder === undefined) return true;
    if ((record.incarnation - holder.incarnation || (record.id < holder.id ? -1 : 1)) < 0) return false;
    this.#remove(holder);
    return true;
  }

  #warnOfFull({ id, address }: MemberRecord): void {
    if (this.#isFull) return;
    this.#isFull = true;
    this.#options.logger.warn(
      `This node knows ${limits.membersMax} members already, and takes no notice of others: forget members that are gone`,
      { member: id, address },
    );
  }

  #warnOfFullMemory(storeId: string): void {
    if (this.#isMemoryFull) return;
    this.#isMemoryFull = true;
    this.#options.logger.warn(
      `This node remembers ${limits.forgottenMax} forgotten stores already, and forgets no other`,
      { store: storeId },
    );
  }

  #setState(member: Member, state: MemberState): void {
    this.#set({ ...member, state }, member);
  }

  #set(member: Member, before: Member | undefined): void {
    this.#others.set(member);
    this.#absences.end(member.id);
    const change = changeOf(before, member);
    this.#changed({ isSaved: isWorthSaving(change) });
    this.#rumours.addMember(member.id);
    if (change !== undefined) this.#tell({ change, member });
  }

  #remove(member: Member): void {
    this.#others.remove(member.id);
    this.#rumours.dropMember(member.id);
    this.#absences.end(member.id);
    this.#isFull = false;
    this.#changed();
    this.#tell({ change: 'forgotten', member });
  }

  #forgetStore(storeId: string): void {
    if (this.#forgotten.has(storeId) || storeId === this.#self.storeId) return;
    if (this.#forgotten.size >= limits.forgottenMax) {
      this.#warnOfFullMemory(storeId);
      return;
    }
    this.#forgotten.add(storeId);
    this.#claims.drop(storeId);
    this.#changed();
    this.#rumours.addForgotten(storeId);
    const holder = this.#others.holderOf(storeId);
    if (holder !== undefined) this.#remove(holder);
  }

  #tell(change: MembershipChange): void {
    const { id, address, state } = change.member;
    const level = isPassing(change.change) ? 'debug' : 'info';
    this.#options.logger[level](`Member ${id}: ${change.change}`, { member: id, address, state });
    for (const listener of this.#listeners) listener(change);
  }

  #noteServed(address: string): void {
    if (this.#hasYielded) return;
    this.#lastServed = { storeId: this.#self.storeId, address };
    this.#saver.save();
  }

  #selfChanged(): void {
    this.#changed();
    this.#rumours.addMember(this.#self.id);
  }

  #changed({ isSaved = true }: { readonly isSaved?: boolean } = {}): void {
    this.#digest = undefined;
    if (isSaved) this.#saver.save();
  }

  #encode(): Uint8Array {
    return encodeTable({
      storeId: this.#self.storeId,
      incarnation: this.#self.incarnation,
      members: this.#others.all,
      forgotten: [...this.#forgotten],
      claims: this.#claims.entries,
      served: this.#lastServed,
    });
  }
}

function duplicateId({ id, address }: MemberRecord): KvsError {
  return new KvsError(
    'KVS_DUPLICATE_ID',
    `Another node of the cluster is called ${id} (${address}): no two may have the same node_id`,
  );
}

/** A doubt and its end: for a node that starts anew, and for the log, it is as if they had never been. */
function isPassing(change: MemberChange): boolean {
  return change === 'suspected' || change === 'refuted';
}

function isWorthSaving(change: MemberChange | undefined): boolean {
  return change !== undefined && !isPassing(change);
}
