import { KvsError } from '../core/errors.ts';
import type { Member } from '../core/membership.ts';
import type { PeerReply, PeerTransport } from '../core/peer-calls.ts';
import type { Clock, Logger, Membership, StepKind, Steps, TimeEntry, VersionStore } from '../core/ports.ts';
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
  readonly merger: Pick<Merger, 'merge'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The age of the oldest data that is fetched, ms. */
  readonly maxAgeMs: number;
}

interface AskedPage {
  readonly member: Member;
  /** The member is read from a position of its own. */
  readonly isPartial: boolean;
  readonly page: Promise<PeerReply<'page'>>;
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
  /** By the wall clock: good enough for the log, and for nothing else. */
  readonly #startedAt: number;
  #position: TimeEntry | undefined;
  #isResumed = false;
  /** The next page, on its way while the one before is stored. */
  #ahead: AskedPage | undefined;
  #turn = 0;
  #keys = 0;
  #pages = 0;
  /** Where each member stands that may lack much; null: at its end. */
  readonly #partial = new Map<string, TimeEntry | null>();

  constructor(ports: BootstrapPorts) {
    this.#ports = ports;
    this.#startedAt = ports.clock.now();
  }

  progress(): Readonly<Record<string, number>> {
    return { keys: this.#keys, pages: this.#pages };
  }

  async step(): Promise<StepKind | null> {
    await this.#resume();
    const { members } = this.#ports;
    for (const id of this.#partial.keys()) if (members.get(id) === undefined) this.#partial.delete(id);
    const asked = this.#ahead ?? this.#ask(this.#position);
    this.#ahead = undefined;
    if (asked === undefined && members.present().length === 0)
      throw new KvsError('KVS_PEER_UNREACHABLE', 'No member of the cluster answers yet');
    if (asked === undefined) return this.#finish();
    const { member, isPartial } = asked;
    const page = await asked.page;
    const next = page.next === null || this.#isTooOld(page.next) ? null : page.next;
    const ahead = next !== null && page.isWhole && !isPartial ? this.#ask(next) : undefined;
    await this.#ports.merger.merge(page.versions, { from: member.id });
    this.#keys += page.versions.length;
    this.#pages++;
    if (!page.isWhole) this.#partial.set(member.id, next);
    // It became whole meanwhile: what it got above the place where it stands has not been read.
    else if (isPartial) this.#partial.delete(member.id);
    else if (next === null) return this.#finish();
    else await this.#advance(next);
    // Only once this page is stored: should that fail, it is asked for again.
    this.#ahead = ahead;
    return 'fetch';
  }

  /** Asks the member whose turn it is; undefined when nobody is there, or all have been read to their ends. */
  #ask(position: TimeEntry | undefined): AskedPage | undefined {
    const { members, transport } = this.#ports;
    const open = members.present().filter(({ id }) => this.#partial.get(id) !== null);
    const member = open[this.#turn++ % Math.max(1, open.length)];
    if (member === undefined) return undefined;
    const partial = this.#partial.get(member.id) ?? undefined;
    const before = partial ?? position ?? null;
    const page = transport.call(member, 'page', { before }, { deadlineMs: pageDeadlineMs });
    // Whoever waits for it hears of it; nobody may.
    page.catch(() => undefined);
    return { member, isPartial: partial !== undefined, page };
  }

  async #resume(): Promise<void> {
    if (this.#isResumed) return;
    const saved = await this.#ports.store.note(note);
    this.#position = saved === undefined ? undefined : (decodePosition(saved) ?? undefined);
    this.#isResumed = true;
  }

  async #advance(next: TimeEntry): Promise<void> {
    this.#position = next;
    await this.#ports.store.setNote(note, encodePosition(next));
  }

  #isTooOld({ timestamp }: TimeEntry): boolean {
    return timestamp < this.#ports.clock.now() - this.#ports.maxAgeMs;
  }

  async #finish(): Promise<null> {
    const { store, clock, logger } = this.#ports;
    await noteBootstrapped(store);
    logger.info('The bootstrap is complete', {
      keys: this.#keys,
      pages: this.#pages,
      took_ms: clock.now() - this.#startedAt,
    });
    return null;
  }
}
