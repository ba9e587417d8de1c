import type { VersionStore } from '../core/ports.ts';
import type { MemberTable } from './member-table.ts';

/** Who holds what of whom. What this node says of itself is on its disk, after the data that it speaks of. */
export class Claims {
  readonly #store: Pick<VersionStore, 'setNote' | 'note'>;
  readonly #members: Pick<MemberTable, 'noteClaim' | 'claimOf' | 'isMemberStore'>;

  constructor(
    store: Pick<VersionStore, 'setNote' | 'note'>,
    members: Pick<MemberTable, 'noteClaim' | 'claimOf' | 'isMemberStore'>,
  ) {
    this.#store = store;
    this.#members = members;
  }

  /**
   * Notes up to where this node holds what a peer's store had; settles when it is durable. Of stores that no member has
   * nothing is noted: strangers must not fill the disk.
   */
  async noteHeld(peerStoreId: string, sequence: number): Promise<void> {
    if (!this.#members.isMemberStore(peerStoreId)) return;
    await this.#store.setNote(`holds/${peerStoreId}`, encodeSequence(sequence));
  }

  /** Notes up to where a peer's store holds what this store had. */
  noteClaim(peerStoreId: string, sequence: number): void {
    this.#members.noteClaim(peerStoreId, sequence);
  }

  /** Up to where a peer's store holds what this store had; 0 when nothing is known. */
  claimOf(peerStoreId: string): number {
    return this.#members.claimOf(peerStoreId);
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
