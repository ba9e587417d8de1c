import { createHash } from 'node:crypto';
import type { KeyPath } from '../core/key-path.ts';
import { limits } from '../core/limits.ts';
import type { Idempotency } from '../core/ports.ts';
import { decodeIdempotency, encodeIdempotency, type IdempotencyRecord } from './idempotency-record.ts';
import { idempotencyKey, idempotencyRange, parseIdempotencyKey } from './keyspace.ts';
import { asBytes, type Level } from './level.ts';

/** What one commit changes in the ledger; the level must get the same in the commit's batch. */
export interface LedgerChange {
  readonly id: string;
  /** Undefined: the entry was forgotten. */
  readonly added: IdempotencyRecord | undefined;
  readonly removed: IdempotencyRecord | undefined;
}

/**
 * The writes that carried an idempotency key, in memory and on disk: at most `limits.idempotencyEntriesMax`, each for
 * `limits.idempotencyMs`. An entry is written in the batch of its write, and the entries that it makes too many or that
 * have grown too old are removed in the same batch: nothing has to be swept.
 */
export class IdempotencyLedger {
  /** By id, the oldest first. */
  readonly #entries: Map<string, IdempotencyRecord>;

  private constructor(entries: Iterable<readonly [string, IdempotencyRecord]>) {
    this.#entries = new Map(entries);
  }

  static async open(level: Level): Promise<IdempotencyLedger> {
    const stored = await level.iterator<Uint8Array, Uint8Array>({ ...asBytes, ...idempotencyRange }).all();
    const entries = stored.map(
      ([key, value]) => [parseIdempotencyKey(key), decodeIdempotency(value)] as const,
    );
    return new IdempotencyLedger(entries.toSorted(([, a], [, b]) => a.writtenMs - b.writtenMs));
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The entry of a key of a path, unless it is too old. */
  find(id: string, nowMs: number): IdempotencyRecord | undefined {
    const entry = this.#entries.get(id);
    return entry === undefined || isOver(entry, nowMs) ? undefined : entry;
  }

  /** Remembers a write, and forgets what is too old or too much. Returns all changes, for the batch and for `undo`. */
  add(id: string, entry: IdempotencyRecord): LedgerChange[] {
    const changes: LedgerChange[] = [];
    const old = this.#entries.get(id);
    this.#entries.delete(id);
    for (const [oldest, known] of this.#entries) {
      if (this.#entries.size < limits.idempotencyEntriesMax && !isOver(known, entry.writtenMs)) break;
      this.#entries.delete(oldest);
      changes.push({ id: oldest, added: undefined, removed: known });
    }
    this.#entries.set(id, entry);
    changes.push({ id, added: entry, removed: old });
    return changes;
  }

  /** Takes the changes of a commit that failed back, the last one first. */
  undo(changes: readonly LedgerChange[]): void {
    for (const { id, removed } of changes.toReversed()) {
      if (removed === undefined) this.#entries.delete(id);
      else this.#entries.set(id, removed);
    }
  }
}

/** Names a key of a path: of bounded length, and no two of them share one. */
export function idempotencyId(path: KeyPath, { key }: Idempotency): string {
  // No path has a NUL.
  return createHash('sha256').update(`${path}\0${key}`).digest('base64');
}

function isOver({ writtenMs }: IdempotencyRecord, nowMs: number): boolean {
  return writtenMs + limits.idempotencyMs <= nowMs;
}

/** What a change is to the level. */
export function storedChange({ id, added }: LedgerChange): { key: Buffer; value: Buffer | undefined } {
  return { key: idempotencyKey(id), value: added && encodeIdempotency(added) };
}
