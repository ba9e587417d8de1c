import { KvsError } from '../core/errors.ts';
import type { KeyPath } from '../core/key-path.ts';
import type { Ballot } from '../core/peer-calls.ts';
import type { VersionStore } from '../core/ports.ts';
import { compareVersions, isConflict, type KeyVersion, type Version } from '../core/version.ts';
import { readDurable } from './durable.ts';
import type { Merger } from './merger.ts';
import type { QuorumLanes, Voucher } from './quorum-lanes.ts';

export interface QuorumReadPorts {
  readonly store: Pick<VersionStore, 'getMany' | 'isDurable' | 'merge'>;
  readonly merger: Pick<Merger, 'merge'>;
  readonly lanesTo: (id: string) => QuorumLanes;
  /** Keys of which two versions of one instant were seen, one of them here. */
  readonly onConflict: (paths: readonly KeyPath[]) => void;
  /** Sends a member what it lacks, some time soon. */
  readonly repair: (id: string, version: KeyVersion) => void;
  /** False where there is no room for so many bytes; what is reserved is held until the read is over. */
  readonly reserve: (bytes: number) => boolean;
}

export interface QuorumReadOptions {
  readonly path: KeyPath;
  readonly timeoutMs: number;
  /** The members that count, without this node. */
  readonly others: readonly string[];
  /** False while this node is being bootstrapped. */
  readonly isWhole: boolean;
}

/**
 * One read that a majority vouches for. It asks all members what they hold until a majority has answered; fetches the
 * greatest version, where this node lacks it, from one that holds it; and brings it to members that answered with less
 * until a majority holds it, so that no later read finds anything older (Attiya, Bar-Noy and Dolev 1995, the read of
 * their register). It gives up nothing by itself: whoever began it ends it.
 *
 * - A member that is being bootstrapped counts for no answer, but what it holds is taken in.
 * - While two versions of one instant stand against each other, the greater one is answered, and neither is brought to
 *   anybody, this node included: it would have one vote more.
 */
export class QuorumRead {
  readonly #needed: number;
  readonly #ports: QuorumReadPorts;
  readonly #options: QuorumReadOptions;
  readonly #vouchers = new Map<string, Voucher>();
  /** What a member was asked for last, and how to take that back. */
  readonly #errands = new Map<string, () => boolean>();
  #isDeciding = false;
  /** What is being brought to members. */
  #shared: Version | undefined;
  #settle: ((outcome: Outcome) => void) | undefined;

  constructor(ports: QuorumReadPorts, options: QuorumReadOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#needed = Math.floor((options.others.length + 1) / 2) + 1;
  }

  /** Settles with the version, or with what the read was ended with. */
  run(): Promise<Version | undefined> {
    return new Promise((resolve, reject) => {
      this.#settle = (outcome) => {
        this.#settle = undefined;
        for (const takeBack of this.#errands.values()) takeBack();
        if ('error' in outcome) reject(outcome.error);
        else resolve(outcome.version);
      };
      for (const id of this.#options.others) this.#ask(id);
      this.#decideIfPossible();
    });
  }

  end(error: Error): void {
    this.#settle?.({ error });
  }

  /** How far it is, for whoever ends it. */
  describe(): string {
    const known = this.#options.others.length + 1;
    if (this.#shared !== undefined) {
      return `${count(this.#holders(this.#shared), 'member')} of the ${this.#needed} that must hold the newest version before it is answered did in time; ${known} are known`;
    }
    const syncing = [...this.#vouchers.values()].filter(({ isWhole }) => !isWhole).length;
    const beside = syncing + Number(!this.#options.isWhole);
    const apart = beside === 0 ? '' : `; ${beside} more can't tell yet, being bootstrapped`;
    return `${count(this.#answered(), 'member')} of the ${this.#needed} that are needed answered in time; ${known} are known${apart}`;
  }

  #ask(id: string): void {
    const { path, timeoutMs } = this.#options;
    const question = {
      path,
      timeoutMs,
      onAnswer: (voucher: Voucher) => this.#hear(id, voucher),
      onFailure: () => this.#askAgain(id),
    };
    this.#errands.set(id, this.#ports.lanesTo(id).questions.add(question));
  }

  /** What it said before counts no more. */
  #askAgain(id: string): void {
    if (this.#settle === undefined) return;
    this.#vouchers.delete(id);
    this.#ask(id);
  }

  #hear(id: string, voucher: Voucher): void {
    if (this.#settle === undefined) return;
    this.#errands.delete(id);
    this.#vouchers.set(id, voucher);
    if (this.#shared === undefined) this.#decideIfPossible();
    else this.#bring(id, this.#shared);
  }

  #decideIfPossible(): void {
    if (this.#isDeciding || this.#answered() < this.#needed) return;
    this.#isDeciding = true;
    this.#decide().catch((error: unknown) => this.#fail(error));
  }

  async #decide(): Promise<void> {
    const own = await this.#own();
    if (this.#settle === undefined) return;
    const [id, greatest] = this.#greatest() ?? [];
    if (id === undefined || greatest === undefined || isAtLeast(own, greatest)) this.#share(own);
    else this.#fetch(id, greatest);
  }

  #fetch(id: string, ballot: Ballot): void {
    const { path, timeoutMs } = this.#options;
    const wish = {
      path,
      timeoutMs,
      onVersion: (version: Version | undefined) => this.#take(id, ballot, version),
      onFailure: () => this.#decideWithout(id),
    };
    this.#errands.set(id, this.#ports.lanesTo(id).wishes.add(wish));
  }

  /** As if the member had not answered yet. */
  #decideWithout(id: string): void {
    if (this.#settle === undefined) return;
    this.#isDeciding = false;
    this.#askAgain(id);
    this.#decideIfPossible();
  }

  async #take(id: string, ballot: Ballot, version: Version | undefined): Promise<void> {
    if (this.#settle === undefined) return;
    this.#errands.delete(id);
    if (!isAtLeast(version, ballot)) {
      this.#decideWithout(id);
      return;
    }
    try {
      await this.#store(id, version);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #store(id: string, version: Version): Promise<void> {
    const { merger, onConflict } = this.#ports;
    const { path } = this.#options;
    const own = await this.#own();
    const isRival = own !== undefined && isConflict(own, version);
    if (isRival) onConflict([path]);
    if (isRival || this.#isDisputed(version)) {
      this.#answer(version);
      return;
    }
    await merger.merge([{ path, version }], { from: id });
    const held = await this.#own();
    // Else it is a tombstone so old that nobody who lacks the key takes it in, or a rival has just come.
    if (isAtLeast(held, version)) this.#share(held);
    else this.#answer(version);
  }

  async #own(): Promise<Version | undefined> {
    const [own] = await readDurable(this.#ports.store, [this.#options.path]);
    return own;
  }

  /** From here on this version is the answer. */
  #share(version: Version | undefined): void {
    if (this.#settle === undefined) return;
    this.#shared = version;
    if (version === undefined) this.#answer(undefined);
    if (version === undefined || this.#answerIfDisputed(version) || this.#answerIfHeld(version)) return;
    if (!this.#ports.reserve(version.data.length)) {
      this.end(new KvsError('KVS_OVERLOADED', 'Too many bytes are being brought to other members already'));
      return;
    }
    for (const id of this.#vouchers.keys()) this.#bring(id, version);
  }

  #bring(id: string, version: Version): void {
    const voucher = this.#vouchers.get(id);
    if (this.#settle === undefined || voucher === undefined) return;
    if (this.#answerIfDisputed(version) || this.#answerIfHeld(version)) return;
    if (isAtLeast(voucher.ballot, version)) return;
    const { path, timeoutMs } = this.#options;
    const delivery = {
      path,
      timeoutMs,
      version,
      onDelivered: () => this.#hear(id, { ...voucher, ballot: version }),
      onFailure: () => this.#askAgain(id),
    };
    this.#errands.set(id, this.#ports.lanesTo(id).deliveries.add(delivery));
  }

  /** Of two rivals, one of which is held here. */
  #answerIfDisputed(version: Version): boolean {
    if (!this.#isDisputed(version)) return false;
    this.#ports.onConflict([this.#options.path]);
    this.#answer(version);
    return true;
  }

  #answerIfHeld(version: Version): boolean {
    if (this.#holders(version) < this.#needed) return false;
    const { path } = this.#options;
    const behind = [...this.#vouchers].filter(([, { ballot }]) => !isAtLeast(ballot, version));
    // What is on its way already needs no second one.
    const unsent = behind.filter(([id]) => this.#errands.get(id)?.() !== false);
    this.#answer(version);
    for (const [id] of unsent) this.#ports.repair(id, { path, version });
    return true;
  }

  #answer(version: Version | undefined): void {
    this.#settle?.({ version });
  }

  #fail(error: unknown): void {
    this.end(error instanceof Error ? error : new Error(String(error)));
  }

  /** The members whose answers count. */
  #answered(): number {
    const whole = [...this.#vouchers.values()].filter(({ isWhole }) => isWhole).length;
    return whole + Number(this.#options.isWhole);
  }

  /** This node, and the members that hold a version or something greater. */
  #holders(version: Version): number {
    return 1 + [...this.#vouchers.values()].filter(({ ballot }) => isAtLeast(ballot, version)).length;
  }

  /** A member that holds the greatest version of all members. */
  #greatest(): readonly [id: string, ballot: Ballot] | undefined {
    let greatest: readonly [string, Ballot] | undefined;
    for (const [id, { ballot }] of this.#vouchers) {
      if (ballot !== null && (greatest === undefined || compareVersions(ballot, greatest[1]) > 0))
        greatest = [id, ballot];
    }
    return greatest;
  }

  /** True when some member holds a rival of a version. */
  #isDisputed(version: Version): boolean {
    return [...this.#vouchers.values()].some(({ ballot }) => ballot !== null && isConflict(ballot, version));
  }
}

type Outcome = { readonly version: Version | undefined } | { readonly error: Error };

function isAtLeast<Held extends Ballot>(held: Held | null | undefined, ballot: Ballot): held is Held {
  return held !== null && held !== undefined && compareVersions(held, ballot) >= 0;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
