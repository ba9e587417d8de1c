import { KvsError } from '../core/errors.ts';
import type { PeerReply, PeerRequest, PeerTransport, StoreRun } from '../core/peer-calls.ts';
import type { Logger } from '../core/ports.ts';
import type { MemberTable } from './member-table.ts';
import type { LastServed } from './wire.ts';

/** For the question whether a store is served elsewhere, ms: a host that is gone delays a start by no more. */
export const twinDeadlineMs = 1_000;

export interface TwinsOptions extends Pick<StoreRun, 'process' | 'startedAt'> {
  readonly members: MemberTable;
  readonly transport: PeerTransport;
  readonly logger: Logger;
  /** Where this node is going to serve, as far as its configuration says. */
  readonly place: string;
  /** Told once that a process which was there first runs this node's store. */
  readonly onElder: (error: KvsError) => void;
}

/**
 * Keeps two processes from being one member: those that run the same store, because a data folder was copied. A start
 * asks where the folder was served last, and ends when the store is served there. Two that meet only later agree on
 * who started first, and the other one ends.
 */
export class Twins {
  readonly #options: TwinsOptions;
  #isAsking = false;
  #lastWarning: string | undefined;

  constructor(options: TwinsOptions) {
    this.#options = options;
    options.members.onElsewhere((address) => void this.#lookFor(address));
  }

  /**
   * To be called before this node serves.
   *
   * @throws KvsError KVS_STORE_IN_USE
   */
  async refuseStart(): Promise<void> {
    const { members, place } = this.#options;
    const { lastServed } = members;
    if (lastServed === undefined) return;
    const twin = await this.#ask(lastServed, null);
    if (twin !== undefined) throw inUse(twin, { id: members.self.id, address: place });
  }

  /** @throws KvsError KVS_OTHER_MEMBER when this node has another store */
  answer({ storeId, run }: PeerRequest<'twin'>): PeerReply<'twin'> {
    const { self } = this.#options.members;
    if (storeId !== self.storeId) {
      throw new KvsError('KVS_OTHER_MEMBER', `The store of this node is ${self.storeId}, not ${storeId}`);
    }
    // Before the answer: of two that serve, the caller may be the only one who reaches the other.
    if (run !== null) this.#meet(run);
    return this.#run;
  }

  get #run(): StoreRun {
    const { members, process, startedAt } = this.#options;
    return { id: members.self.id, address: members.self.address, process, startedAt };
  }

  /** One question at a time: whatever is heard meanwhile will be heard again. */
  async #lookFor(address: string): Promise<void> {
    const { members } = this.#options;
    if (this.#isAsking || members.hasYielded) return;
    this.#isAsking = true;
    const twin = await this.#ask({ storeId: members.self.storeId, address }, this.#run);
    this.#isAsking = false;
    if (twin !== undefined) this.#meet(twin);
    else this.#warn('The cluster also knows this node at an address where it does not answer', { address });
  }

  /** Who runs a store at an address; undefined when nobody says so. */
  async #ask({ storeId, address }: LastServed, run: StoreRun | null): Promise<StoreRun | undefined> {
    const { transport } = this.#options;
    return transport
      .call({ address }, 'twin', { storeId, run }, { deadlineMs: twinDeadlineMs })
      .catch(() => undefined);
  }

  #meet(twin: StoreRun): void {
    const { members, onElder } = this.#options;
    const own = this.#run;
    // A node may have two addresses.
    if (twin.process === own.process || members.hasYielded) return;
    if (isElder(twin, own)) {
      members.yieldTo(twin.address);
      onElder(inUse(twin, own));
    } else {
      const { id, address } = twin;
      this.#warn('A copy of the data folder of this node was started; it is told to stop', { id, address });
    }
  }

  /** What goes on is said once. */
  #warn(message: string, fields: { readonly id?: string; readonly address: string }): void {
    const warning = `${message} ${fields.address}`;
    if (warning === this.#lastWarning) return;
    this.#lastWarning = warning;
    this.#options.logger.warn(message, fields);
  }
}

/** Both say the same of each other, whatever their clocks. */
function isElder(twin: StoreRun, own: StoreRun): boolean {
  return (twin.startedAt - own.startedAt || (twin.process < own.process ? -1 : 1)) < 0;
}

type Place = Pick<StoreRun, 'id' | 'address'>;

function inUse(twin: Place, own: Place): KvsError {
  return new KvsError(
    'KVS_STORE_IN_USE',
    `The data folder of this node (${own.id}, ${own.address}) is a copy of one that ${twin.id} serves at ` +
      `${twin.address}: start this node on an empty folder and let it join, or stop the other one`,
  );
}
