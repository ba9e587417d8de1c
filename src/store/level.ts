import type { AbstractBatchOperation, AbstractLevel } from 'abstract-level';
import { KvsError } from '../core/errors.ts';

/** Any abstract-level database; its keys and values are only ever read and written as bytes. */
export type Level = AbstractLevel<string | Buffer | Uint8Array, unknown, unknown>;

export type LevelOperation = AbstractBatchOperation<Level, Uint8Array, Uint8Array>;

/** Keys that are put, each with its value, or deleted, where that is undefined; a large batch has too many for objects. */
export interface KeysAndValues {
  readonly keys: readonly Uint8Array[];
  readonly values: readonly (Uint8Array | undefined)[];
}

/** The encodings of every call to a level. */
export const asBytes = { keyEncoding: 'view', valueEncoding: 'view' } as const;

/** The options of a write; with `sync` it settles only when it is on stable storage, where the level has such. */
export function writeOptions(sync: boolean): typeof asBytes & { readonly sync: boolean } {
  return { ...asBytes, sync };
}

export interface BatchOptions {
  /** True: the batch settles only when it is on stable storage, where the level has such. */
  readonly sync: boolean;
  /** Called once, when the batch is written and, where the level tells, before it is synced. */
  readonly onWritten: () => void;
}

/** What a level may offer beside abstract-level's own methods; its manifest says whether it does. */
interface BytesWriter {
  batchBytes(parts: readonly KeysAndValues[], options: BatchOptions): Promise<void>;
}

/** Writes one atomic batch, its parts in order. */
export async function writeBatch(
  level: Level,
  parts: readonly KeysAndValues[],
  { sync, onWritten }: BatchOptions,
): Promise<void> {
  let isTold = false;
  const tell = (): void => {
    if (!isTold) onWritten();
    isTold = true;
  };
  const options = { sync, onWritten: tell };
  if (isBytesWriter(level)) await level.batchBytes(parts, options);
  else await level.batch<Uint8Array, Uint8Array>(parts.flatMap(operationsOf), { ...asBytes, ...options });
  tell();
}

function operationsOf({ keys, values }: KeysAndValues): LevelOperation[] {
  return keys.map((key, index) => {
    const value = values[index];
    return value === undefined ? { type: 'del', key } : { type: 'put', key, value };
  });
}

function isBytesWriter(level: Level): level is Level & BytesWriter {
  return level.supports.additionalMethods['batchBytes'] === true;
}

/** What a level fails with, as an operating error of ours. */
export function storageError(cause: unknown): KvsError {
  if (cause instanceof KvsError) return cause;
  return new KvsError('KVS_STORAGE_FAILED', 'The storage engine failed', { cause });
}
