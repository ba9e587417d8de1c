import { KvsError } from '../core/errors.ts';
import { hash128 } from '../core/hash.ts';
import { limits } from '../core/limits.ts';
import {
  changeOf,
  compareRecords,
  isPresent,
  type Member,
  type MemberRecord,
  type MemberState,
} from '../core/membership.ts';
import type { MembershipNews } from '../core/peer-calls.ts';
import type { Clock, Logger, Members, Membership, MembershipChange } from '../core/ports.ts';
import { decodeTable, encodeTable, type SavedTable } from './wire.ts';

/** How long a member that is gone stays in the public list, ms. Its record stays until it is forgotten. */
export const shownAfterGoneMs = 600_000;

/** Each piece of news is told to this many others, times the decimal logarithm of the cluster's size (memberlist). */
const retransmitMultiplier = 4;

export interface MemberTableOptions {
  /** This node, as its configuration and its store know it; the incarnation is taken from what was saved. */
  readonly self: Omit<Member, 'incarnation' | 'state' | 'lastSeen'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What `encode` gave before this start; undefined for a new store. */
  readonly saved: Uint8Array | undefined;
  /** After how long a member that is gone is forgotten, ms; 0: never. */
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
  readonly #others = new Map<string, Member>();
  readonly #forgotten = new Set<string>();
  /** By store id: up to where it holds what this store has. */
  readonly #claims = new Map<string, number>();
  /** How often each piece of news has been told, by the id of the member or `!` and the forgotten store. */
  readonly #rumours = new Map<string, number>();
  readonly #listeners = new Set<(change: MembershipChange) => void>();
  #rumourListener: () => void = () => undefined;
  #digest: string | undefined;
  #saving: Promise<void> | undefined;
  #isDirty = false;
  #refusal: KvsError | undefined;

  constructor(options: MemberTableOptions) {
    this.#options = options;
    const saved = options.saved === undefined ? undefined : decodeTable(options.saved);
    // One more than ever before: whatever the others still believe of an earlier life is thereby out of date.
    const incarnation = (saved?.incarnation ?? -1) + 1;
    this.#self = { ...options.self, incarnation, state: 'alive', lastSeen: options.clock.now() };
    for (const member of saved?.members ?? [])
      if (member.id !== this.#self.id) this.#others.set(member.id, member);
    for (const storeId of saved?.forgotten ?? []) this.#forgotten.add(storeId);
    for (const [storeId, sequence] of saved?.claims ?? []) this.#claims.set(storeId, sequence);
    this.#addRumour(this.#self.id);
  }

  get self(): Member {
    return this.#self;
  }

  /** Why the others won't have this node, or undefined. */
  get refusal(): KvsError | undefined {
    return this.#refusal;
  }

  /** The address is known for certain only once the port is open. */
  setAddress(address: string): void {
    if (address === this.#self.address) return;
    this.#self = { ...this.#self, address };
    this.#changed(this.#self.id);
  }

  get(id: string): Member | undefined {
    return id === this.#self.id ? this.#self : this.#others.get(id);
  }

  present(): readonly Member[] {
    return [...this.#others.values()].filter(isPresent);
  }

  absent(): readonly Member[] {
    return [...this.#others.values()].filter((member) => !isPresent(member));
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
    if (member !== undefined) this.#others.set(id, { ...member, lastSeen: this.#options.clock.now() });
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
      const member = this.get(name);
      if (name.startsWith('!')) forgotten.push(name.slice(1));
      else if (member !== undefined) records.push(recordOf(member));
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
    this.#changed(this.#self.id);
  }

  /**
   * Decides whether a caller may speak to this node at all.
   *
   * @throws KvsError KVS_FORGOTTEN, KVS_DUPLICATE_ID
   */
  admit(caller: { readonly id: string; readonly storeId: string }): void {
    if (this.#forgotten.has(caller.storeId)) {
      throw new KvsError(
        'KVS_FORGOTTEN',
        `The cluster has forgotten the store of ${caller.id}: to join anew, stop the node, move its data folder away, and start it`,
      );
    }
    const known = this.get(caller.id);
    if (known !== undefined && known.storeId !== caller.storeId && isPresent(known)) {
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
    this.admit(member);
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

  /** Forgets whoever has been gone for longer than the configuration allows. */
  forgetLongGone(): void {
    const { forgetAfterMs, clock } = this.#options;
    if (forgetAfterMs === 0) return;
    for (const member of this.absent()) {
      if (clock.now() - member.lastSeen > forgetAfterMs) this.#forgetStore(member.storeId);
    }
  }

  /** Notes up to where a store holds what this one has, as its node says. */
  noteClaim(storeId: string, sequence: number): void {
    if (this.#claims.get(storeId) === sequence) return;
    this.#claims.set(storeId, sequence);
    this.#save();
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

  /** Settles when everything that is known by now is durable. */
  async saved(): Promise<void> {
    this.#save();
    while (this.#saving !== undefined) await this.#saving;
  }

  #hearOfSelf(record: MemberRecord): void {
    const { storeId, incarnation, state } = this.#self;
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
    this.#self = { ...this.#self, incarnation: Math.max(record.incarnation, incarnation) + 1 };
    this.#changed(this.#self.id);
  }

  #mergeOther(record: MemberRecord): void {
    if (this.#forgotten.has(record.storeId)) return;
    const before = this.#others.get(record.id);
    if (before !== undefined && compareRecords(record, before) <= 0) return;
    if (before === undefined && this.#others.size >= limits.membersMax - 1) return;
    if (before !== undefined && before.storeId !== record.storeId && !isPresent(before)) {
      // A new disk has taken the place of one that is gone: the old one must not come back with what it once held.
      this.#forgetStore(before.storeId);
    }
    const isSignOfLife = record.state === 'alive' || record.state === 'left' || before === undefined;
    const lastSeen = isSignOfLife ? this.#options.clock.now() : before.lastSeen;
    this.#set({ ...recordOf(record), lastSeen }, before);
  }

  #setState(member: Member, state: MemberState): void {
    this.#set({ ...member, state }, member);
  }

  #set(member: Member, before: Member | undefined): void {
    this.#others.set(member.id, member);
    this.#changed(member.id);
    const change = changeOf(before, member);
    if (change !== undefined) this.#tell({ change, member });
  }

  #forgetStore(storeId: string): void {
    if (this.#forgotten.has(storeId) || this.#forgotten.size >= limits.forgottenMax) return;
    if (storeId === this.#self.storeId) return;
    this.#forgotten.add(storeId);
    this.#claims.delete(storeId);
    this.#changed(`!${storeId}`);
    for (const member of this.#others.values()) {
      if (member.storeId !== storeId) continue;
      this.#others.delete(member.id);
      this.#rumours.delete(member.id);
      this.#tell({ change: 'forgotten', member });
    }
  }

  #tell(change: MembershipChange): void {
    const { id, address, state } = change.member;
    this.#options.logger.info(`Member ${id}: ${change.change}`, { member: id, address, state });
    for (const listener of this.#listeners) listener(change);
  }

  #changed(rumour: string): void {
    this.#digest = undefined;
    this.#addRumour(rumour);
    this.#save();
  }

  #addRumour(name: string): void {
    this.#rumours.set(name, 0);
    this.#rumourListener();
  }

  /** One save at a time: what changes meanwhile goes with the next one. */
  #save(): void {
    this.#isDirty = true;
    this.#saving ??= this.#saveAll();
  }

  async #saveAll(): Promise<void> {
    try {
      while (this.#isDirty) {
        this.#isDirty = false;
        await this.#options.save(encodeTable(this.#table()));
      }
    } catch (error) {
      this.#options.logger.warn('The member list could not be saved', { error });
    } finally {
      this.#saving = undefined;
    }
  }

  #table(): SavedTable {
    return {
      incarnation: this.#self.incarnation,
      members: [...this.#others.values()],
      forgotten: [...this.#forgotten],
      claims: [...this.#claims],
    };
  }
}

function recordOf({ id, address, storeId, joinedTimestamp, incarnation, state }: MemberRecord): MemberRecord {
  return { id, address, storeId, joinedTimestamp, incarnation, state };
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
