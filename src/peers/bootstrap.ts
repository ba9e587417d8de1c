import { KvsError } from '../core/errors.ts';
import type { Member } from '../core/membership.ts';
import type { PeerTransport } from '../core/peer-calls.ts';
import type { Clock, Membership, StepKind, Steps, TimeEntry, VersionStore } from '../core/ports.ts';
import type { Merger } from './merger.ts';
import { decodePosition, encodePosition } from './wire.ts';

/** For one page, ms. */
export const pageDeadlineMs = 10_000;

/** The note that says how far a bootstrap is: a position, or that it was completed. */
const note = 'bootstrap';

export interface BootstrapPorts {
  readonly store: VersionStore;
  readonly members: Membership;
  readonly transport: PeerTransport;
  readonly merger: Merger;
  readonly clock: Clock;
  /** The age of the oldest data that is fetched, ms. */
  readonly maxAgeMs: number;
}

export async function isBootstrapped(store: Pick<VersionStore, 'note'>): Promise<boolean> {
  const saved = await store.note(note);
  return saved !== undefined && decodePosition(saved) === null;
}

export async function noteBootstrapped(store: Pick<VersionStore, 'setNote'>): Promise<void> {
  await store.setNote(note, encodePosition(null));
}

/**
 * Fetches the data of a cluster, newest first, a page at a time from one member after the other. Members that hold
 * everything share one position, which is kept on disk; each that is being bootstrapped itself has one of its own, and
 * is read to its end only where there is no other kind.
 */
export class Bootstrap implements Steps {
  readonly #ports: BootstrapPorts;
  #position: TimeEntry | undefined;
  #isResumed = false;
  #turn = 0;
  #keys = 0;
  #pages = 0;
  /** Where each member stands that may lack much; null: at its end. */
  readonly #partial = new Map<string, TimeEntry | null>();

  constructor(ports: BootstrapPorts) {
    this.#ports = ports;
  }

  progress(): Readonly<Record<string, number>> {
    return { keys: this.#keys, pages: this.#pages };
  }

  async step(): Promise<StepKind | null> {
    await this.#resume();
    const { members, transport, merger } = this.#ports;
    const present = members.present();
    if (present.length === 0)
      throw new KvsError('KVS_PEER_UNREACHABLE', 'No member of the cluster answers yet');
    const open = present.filter(({ id }) => this.#partial.get(id) !== null);
    const member = open[this.#turn++ % Math.max(1, open.length)];
    if (member === undefined) return this.#finish();
    const partial = this.#partial.get(member.id);
    const before = partial ?? this.#position ?? null;
    const page = await transport.call(member, 'page', { before }, { deadlineMs: pageDeadlineMs });
    await merger.merge(page.versions, { from: member.id });
    this.#keys += page.versions.length;
    this.#pages++;
    if (!page.isWhole) return this.#advancePartial(member, page.next);
    if (partial === undefined) return this.#advance(page.next);
    // It became whole meanwhile: what it got above the place where it stands has not been read.
    this.#partial.delete(member.id);
    return 'fetch';
  }

  async #resume(): Promise<void> {
    if (this.#isResumed) return;
    const saved = await this.#ports.store.note(note);
    this.#position = saved === undefined ? undefined : (decodePosition(saved) ?? undefined);
    this.#isResumed = true;
  }

  async #advance(next: TimeEntry | null): Promise<StepKind | null> {
    if (next === null || this.#isTooOld(next)) return this.#finish();
    this.#position = next;
    await this.#ports.store.setNote(note, encodePosition(next));
    return 'fetch';
  }

  #advancePartial({ id }: Member, next: TimeEntry | null): StepKind {
    this.#partial.set(id, next !== null && this.#isTooOld(next) ? null : next);
    return 'fetch';
  }

  #isTooOld({ timestamp }: TimeEntry): boolean {
    return timestamp < this.#ports.clock.now() - this.#ports.maxAgeMs;
  }

  async #finish(): Promise<null> {
    await noteBootstrapped(this.#ports.store);
    return null;
  }
}
