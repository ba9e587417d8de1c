import { KvsError } from '../core/errors.ts';
import type { KeyPath } from '../core/key-path.ts';
import { limits } from '../core/limits.ts';
import type { Member } from '../core/membership.ts';
import type { Ballot, PeerTransport } from '../core/peer-calls.ts';
import type { Logger, Membership, Timers } from '../core/ports.ts';
import type { KeyVersion, Version } from '../core/version.ts';
import { Lane, type LaneOptions } from './lane.ts';
import type { Merger } from './merger.ts';
import { VersionPage } from './pages.ts';

/** For one question to a member, ms. It is asked again for as long as a read waits for its answer. */
export const vouchDeadlineMs = 1_000;

/** What a member says of one key. */
export interface Voucher {
  readonly ballot: Ballot | null;
  readonly isWhole: boolean;
}

interface Errand {
  readonly path: KeyPath;
  /** How long its read lasts at the most, ms. */
  readonly timeoutMs: number;
  /** Nothing came of it: the member can't be reached, or what it said tells nothing of this key. */
  readonly onFailure: () => void;
}

/** Which version does the member hold? */
export interface Question extends Errand {
  readonly onAnswer: (voucher: Voucher) => void;
}

/** What does the member hold? Undefined: nothing any more. The next page waits until this one is dealt with. */
export interface Wish extends Errand {
  readonly onVersion: (version: Version | undefined) => Promise<void>;
}

/** Something for the member to hold. */
export interface Delivery extends Errand, KeyVersion {
  /** The member holds it durably, or something greater. */
  readonly onDelivered: () => void;
}

export interface QuorumLanesOptions {
  readonly id: string;
  readonly members: Pick<Membership, 'get'>;
  readonly transport: PeerTransport;
  readonly merger: Pick<Merger, 'merge'>;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Called when nothing waits or is under way any more. */
  readonly onIdle: () => void;
}

/** What quorum reads want of one member, many keys in one message. */
export class QuorumLanes {
  readonly questions: Lane<Question>;
  readonly wishes: Lane<Wish>;
  readonly deliveries: Lane<Delivery>;
  readonly #options: QuorumLanesOptions;

  constructor(options: QuorumLanesOptions) {
    this.#options = options;
    this.questions = this.#lane(firstKeys, (items) => this.#ask(items));
    this.wishes = this.#lane(firstKeys, (items) => this.#fetch(items));
    this.deliveries = this.#lane(firstPage, (items) => this.#push(items));
  }

  #lane<Item extends Errand>(pick: LaneOptions<Item>['pick'], call: LaneOptions<Item>['call']): Lane<Item> {
    const { id, timers, logger } = this.#options;
    return new Lane({
      callsMax: limits.quorumCallsMax,
      timers,
      pick,
      call,
      onFailure: (item, error) => {
        logger.debug('A member did not answer a quorum read', { member: id, error });
        item.onFailure();
      },
      onIdle: () => this.#noteIdle(),
    });
  }

  #noteIdle(): void {
    const lanes = [this.questions, this.wishes, this.deliveries];
    if (lanes.every(({ isIdle }) => isIdle)) this.#options.onIdle();
  }

  async #ask(items: readonly Question[]): Promise<readonly Question[]> {
    const options = { deadlineMs: vouchDeadlineMs };
    const request = { paths: pathsOf(items) };
    const { held, isWhole } = await this.#options.transport.call(this.#member(), 'vouch', request, options);
    if (held.length !== items.length)
      throw new KvsError('KVS_PEER_FAILED', 'The peer answers for other keys than were asked for');
    items.forEach(({ onAnswer }, index) => onAnswer({ ballot: held[index] ?? null, isWhole }));
    return [];
  }

  async #fetch(items: readonly Wish[]): Promise<readonly Wish[]> {
    const options = { deadlineMs: longestOf(items) };
    const request = { paths: pathsOf(items) };
    const { versions, answered } = await this.#options.transport.call(
      this.#member(),
      'get',
      request,
      options,
    );
    if (answered < 1 || answered > items.length)
      throw new KvsError('KVS_PEER_FAILED', 'The peer answers nothing of what was asked for');
    const found = new Map(versions.map(({ path, version }) => [path, version]));
    await Promise.all(items.slice(0, answered).map(({ path, onVersion }) => onVersion(found.get(path))));
    return items.slice(answered);
  }

  async #push(items: readonly Delivery[]): Promise<readonly Delivery[]> {
    const { transport, merger, id, logger } = this.#options;
    const versions = items.map(({ path, version }) => ({ path, version }));
    const request = { versions, isRumour: false };
    const options = { deadlineMs: longestOf(items) };
    const { newer, hasConflict } = await transport.call(this.#member(), 'push', request, options);
    // Which key the conflict is about is not said: each is asked for.
    for (const item of items) {
      if (hasConflict) item.onFailure();
      else item.onDelivered();
    }
    try {
      await merger.merge(newer, { from: id });
    } catch (error) {
      logger.debug('What a member holds could not be stored', { member: id, error });
    }
    return [];
  }

  /** Where it is now: it may have been started anew at another address. */
  #member(): Member {
    const { members, id } = this.#options;
    const member = members.get(id);
    if (member === undefined) throw new KvsError('KVS_MEMBER_NOT_FOUND', `There is no member ${id} any more`);
    return member;
  }
}

function* first<Item>(items: Iterable<Item>, count: number): Generator<Item> {
  let taken = 0;
  for (const item of items) {
    if (taken++ >= count) return;
    yield item;
  }
}

function firstKeys<Item>(waiting: Iterable<Item>): readonly Item[] {
  return [...first(waiting, limits.quorumKeysMax)];
}

function firstPage(waiting: Iterable<Delivery>): readonly Delivery[] {
  const page = new VersionPage();
  const items: Delivery[] = [];
  for (const item of first(waiting, limits.quorumKeysMax)) {
    if (!page.add(item)) break;
    items.push(item);
  }
  return items;
}

function pathsOf(items: readonly Errand[]): readonly KeyPath[] {
  return items.map(({ path }) => path);
}

/** A value may be large, and the way to it slow. */
function longestOf(items: readonly Errand[]): number {
  return items.reduce((longest, { timeoutMs }) => Math.max(longest, timeoutMs), vouchDeadlineMs);
}
