import type { VersionStore } from '../core/ports.ts';
import type { MemberTable } from './member-table.ts';

/** What two nodes agreed on at the end of an exchange. */
export interface ExchangeEnd {
  /** The peer holds all that this store had up to here, if it meant this store. */
  readonly theyHold: { readonly sequence: number; readonly storeId: string };
  /** This node holds all that the peer's store had up to here. */
  readonly weHold: number;
}

/** Who holds what of whom. What this node says of itself is on its disk, after the data that it speaks of. */
export class Claims {
  readonly #store: Pick<VersionStore, 'setNote' | 'note' | 'storeId'>;
  readonly #members: Pick<MemberTable, 'noteClaim'>;

  constructor(
    store: Pick<VersionStore, 'setNote' | 'note' | 'storeId'>,
    members: Pick<MemberTable, 'noteClaim'>,
  ) {
    this.#store = store;
    this.#members = members;
  }

  /** Notes the end of an exchange with the node of a store; settles when it is durable. */
  async noteExchange(peerStoreId: string, { theyHold, weHold }: ExchangeEnd): Promise<void> {
    await this.#store.setNote(`holds/${peerStoreId}`, encodeSequence(weHold));
    // The store may be another one than the peer met.
    if (theyHold.storeId === this.#store.storeId) this.#members.noteClaim(peerStoreId, theyHold.sequence);
  }

  /** Up to where this node holds what a store had; 0 when nothing is known. */
  async holds(peerStoreId: string): Promise<number> {
    const note = await this.#store.note(`holds/${peerStoreId}`);
    return note === undefined ? 0 : decodeSequence(note);
  }
}

function encodeSequence(sequence: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, sequence);
  return bytes;
}

function decodeSequence(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0);
}
