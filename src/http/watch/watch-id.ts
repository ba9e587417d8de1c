import { createHash } from 'node:crypto';
import { KvsError } from '../../core/errors.ts';
import type { EventPosition } from '../../core/key-events.ts';
import { parsePath, type KeyPath } from '../../core/key-path.ts';

/** An id names its store, and how far its reader has been told: `store-sequence.entries-expired[-path]`. */
const pattern = /^([0-9a-f]{12})-(\d{1,15})\.(\d{1,15})-(\d{1,15})(?:-([\w-]{1,1366}))?$/;

/** Ids of one store. Whoever comes back with one goes on behind it, in whatever life of the node. */
export class WatchIds {
  readonly #store: string;

  constructor(storeId: string) {
    // Some characters of it would do, were it random in tests as well.
    this.#store = createHash('sha256').update(storeId).digest('hex').slice(0, 12);
  }

  format({ sequence, entries, expiredMs, expiredPath }: EventPosition): string {
    const path = expiredPath === undefined ? '' : `-${Buffer.from(expiredPath).toString('base64url')}`;
    return `${this.#store}-${sequence}.${entries}-${expiredMs}${path}`;
  }

  /**
   * Undefined for an id of another store.
   *
   * @throws KvsError KVS_BAD_REQUEST when it was never one
   */
  parse(id: string): EventPosition | undefined {
    const [, store, sequence, entries, expiredMs, path] = pattern.exec(id) ?? [];
    if (store === undefined) throw new KvsError('KVS_BAD_REQUEST', 'This is not the id of an event');
    if (store !== this.#store) return undefined;
    return {
      sequence: Number(sequence),
      entries: Number(entries),
      expiredMs: Number(expiredMs),
      expiredPath: path === undefined ? undefined : pathOf(path),
    };
  }
}

function pathOf(encoded: string): KeyPath {
  try {
    return parsePath(Buffer.from(encoded, 'base64url').toString());
  } catch (cause) {
    throw new KvsError('KVS_BAD_REQUEST', 'This is not the id of an event', { cause });
  }
}
