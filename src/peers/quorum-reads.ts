import { KvsError } from '../core/errors.ts';
import type { KeyPath } from '../core/key-path.ts';
import { limits } from '../core/limits.ts';
import type { PeerTransport } from '../core/peer-calls.ts';
import type { Logger, Membership, Quorum, Timers } from '../core/ports.ts';
import type { Version } from '../core/version.ts';
import { readDurable } from './durable.ts';
import { QuorumLanes } from './quorum-lanes.ts';
import { QuorumRead, type QuorumReadPorts } from './quorum-read.ts';

export interface QuorumReadsOptions extends Pick<
  QuorumReadPorts,
  'store' | 'merger' | 'onConflict' | 'repair'
> {
  readonly members: Membership;
  readonly transport: PeerTransport;
  readonly timers: Timers;
  readonly logger: Logger;
  /** False while this node is being bootstrapped. */
  readonly isWhole: () => boolean;
}

/**
 * The quorum reads of a node: so many at one time, and each for no longer than it may last. Whatever they want of one
 * member goes with few messages, so that they can't crowd out what else it is told.
 */
export class QuorumReads implements Quorum {
  readonly #options: QuorumReadsOptions;
  readonly #lanes = new Map<string, QuorumLanes>();
  #open = 0;
  #bytes = 0;

  constructor(options: QuorumReadsOptions) {
    this.#options = options;
  }

  async read(
    path: KeyPath,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Version | undefined> {
    const { store, isWhole } = this.#options;
    const others = this.#others();
    if (others.length === 0 && isWhole()) return (await readDurable(store, [path]))[0];
    if (this.#open >= limits.quorumReadsMax) {
      throw new KvsError('KVS_OVERLOADED', `${limits.quorumReadsMax} quorum reads are waiting already`);
    }
    let reserved = 0;
    const reserve = (bytes: number): boolean => {
      if (this.#bytes > 0 && this.#bytes + bytes > limits.quorumBytesMax) return false;
      this.#bytes += bytes;
      reserved += bytes;
      return true;
    };
    const read = new QuorumRead(
      { ...this.#options, reserve, lanesTo: (id) => this.#lanesTo(id) },
      { path, timeoutMs, others, isWhole: isWhole() },
    );
    this.#open++;
    const expire = (): void => read.end(new KvsError('KVS_NO_QUORUM', read.describe()));
    const abort = (): void => read.end(new KvsError('KVS_NO_QUORUM', 'The read was given up'));
    const callOff = this.#options.timers.after(timeoutMs, expire);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const found = read.run();
      if (signal?.aborted === true) abort();
      return await found;
    } finally {
      callOff();
      signal?.removeEventListener('abort', abort);
      this.#bytes -= reserved;
      this.#open--;
    }
  }

  /** All that count beside this node: who has left, or was forgotten, does not. */
  #others(): readonly string[] {
    const { members } = this.#options;
    return [...members.present(), ...members.absent()]
      .filter(({ state }) => state !== 'left')
      .map(({ id }) => id);
  }

  #lanesTo(id: string): QuorumLanes {
    const known = this.#lanes.get(id);
    if (known !== undefined) return known;
    const { members, transport, merger, timers, logger } = this.#options;
    const onIdle = (): void => void this.#lanes.delete(id);
    const lanes = new QuorumLanes({ id, members, transport, merger, timers, logger, onIdle });
    this.#lanes.set(id, lanes);
    return lanes;
  }
}
