import { KvsError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { PeerConnections } from './peer-connections.ts';

/**
 * Carries messages to peers, over HTTP/1.1 connections that are kept. A message may arrive more than once: when an old
 * connection turns out to have ended, it is sent again over a new one.
 */
export class PeerClient {
  readonly #addressesMax: number;
  readonly #peers = new Map<string, PeerConnections>();
  #isClosed = false;

  /** Connections are kept to `addressesMax` addresses; for one more, those of a peer that is not being called go. */
  constructor({ addressesMax = limits.peerAddressesMax }: { readonly addressesMax?: number } = {}) {
    this.#addressesMax = addressesMax;
  }

  /**
   * Sends a message to `host:port`, an IPv6 address in brackets, and settles with the reply.
   *
   * @param options.deadlineMs for everything, the connection included; at most 2^31 - 1
   * @throws KvsError KVS_PEER_UNREACHABLE when no whole reply comes in time, KVS_PEER_FAILED when what comes is too
   * large, not HTTP, or has any status but 200
   */
  async send(
    address: string,
    message: Uint8Array,
    { deadlineMs }: { readonly deadlineMs: number },
  ): Promise<Uint8Array> {
    return this.#connectionsTo(address).send(message, deadlineMs);
  }

  /** Ends all connections; calls that are not answered yet fail with KVS_PEER_UNREACHABLE, and so do later ones. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#peers.values()].map((connections) => connections.close()));
  }

  #connectionsTo(address: string): PeerConnections {
    if (this.#isClosed) {
      throw new KvsError(
        'KVS_PEER_UNREACHABLE',
        `${address} can't be reached: this node calls nobody any more`,
      );
    }
    const known = this.#peers.get(address);
    if (known !== undefined) return known;
    const connections = new PeerConnections(address, () => this.#peers.delete(address));
    if (this.#peers.size >= this.#addressesMax) this.#makeRoom(address);
    this.#peers.set(address, connections);
    return connections;
  }

  #makeRoom(address: string): void {
    for (const [known, connections] of this.#peers) {
      if (connections.isBusy) continue;
      this.#peers.delete(known);
      void connections.close();
      return;
    }
    throw new KvsError(
      'KVS_PEER_UNREACHABLE',
      `${address} can't be reached: ${this.#addressesMax} other peers are being called`,
    );
  }
}
