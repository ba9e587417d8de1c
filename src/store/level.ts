import type { AbstractBatchOperation, AbstractLevel } from 'abstract-level';
import { KvsError } from '../core/errors.ts';

/** Any abstract-level database; its keys and values are only ever read and written as bytes. */
export type Level = AbstractLevel<string | Buffer | Uint8Array, unknown, unknown>;

export type LevelOperation = AbstractBatchOperation<Level, Uint8Array, Uint8Array>;

/** The encodings of every call to a level. */
export const asBytes = { keyEncoding: 'view', valueEncoding: 'view' } as const;

/** The options of a write; with `sync` it settles only when it is on stable storage, where the level has such. */
export function writeOptions(sync: boolean): typeof asBytes & { readonly sync: boolean } {
  return { ...asBytes, sync };
}

/** What a level fails with, as an operating error of ours. */
export function storageError(cause: unknown): KvsError {
  if (cause instanceof KvsError) return cause;
  return new KvsError('KVS_STORAGE_FAILED', 'The storage engine failed', { cause });
}
