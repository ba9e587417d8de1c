import { KvsError } from '../core/errors.ts';
import type { Clock, Logger, Random } from '../core/ports.ts';
import { metaKey } from './keyspace.ts';
import { asBytes, writeOptions, type Level } from './level.ts';

/** The layout that this code reads and writes; `keyspace.ts` describes it. */
const folderFormat = 3;
/** Those that it reads as well, and turns into its own by saying so: older releases must not open them any more. */
const olderFormats: readonly number[] = [1, 2];

export interface StoreIdentity {
  /** Peers' claims are about this id: it must change whenever the folder may hold less than it once did. */
  readonly storeId: string;
  /** ms since the epoch. */
  readonly createdAt: number;
}

export interface IdentityOptions {
  readonly level: Level;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly durable: boolean;
  /** Identifies the run of the operating system, where it can be told: a crash of it loses what was not synced. */
  readonly bootId: string | undefined;
}

const identityKey = metaKey('identity');
const openKey = metaKey('open');

/**
 * Reads who a folder is, or makes it somebody. A folder that was last used without syncing, was not closed, and has
 * seen the operating system start anew since, may have lost the end of its log: it becomes another store, so that no
 * peer goes on believing that it holds what it had acknowledged.
 *
 * @throws KvsError KVS_STORE_UNUSABLE when the folder has another format
 */
export async function openIdentity(options: IdentityOptions): Promise<StoreIdentity> {
  const { level } = options;
  const [stored, openedBy] = await level.getMany<Uint8Array, Uint8Array>([identityKey, openKey], asBytes);
  const found = stored === undefined ? undefined : parse(stored);
  let identity = found?.identity;
  if (identity === undefined) {
    identity = { storeId: options.random.uuid(), createdAt: options.clock.now() };
    await save(level, identity);
  } else if (openedBy !== undefined && (options.bootId === undefined || text(openedBy) !== options.bootId)) {
    options.logger.warn('The end of the log may be lost: this folder becomes a new store', {
      was: identity.storeId,
    });
    identity = { ...identity, storeId: options.random.uuid() };
    await save(level, identity);
  } else if (found?.format !== folderFormat) {
    await save(level, identity);
  }
  if (!options.durable) {
    await level.put(openKey, Buffer.from(options.bootId ?? 'unknown'), writeOptions(true));
  } else if (openedBy !== undefined) {
    await level.del(openKey, writeOptions(true));
  }
  return identity;
}

/** Notes that nothing is left unsynced. */
export async function closeIdentity(level: Level): Promise<void> {
  await level.del(openKey, writeOptions(true));
}

async function save(level: Level, identity: StoreIdentity): Promise<void> {
  const value = Buffer.from(JSON.stringify({ format: folderFormat, ...identity }));
  await level.put(identityKey, value, writeOptions(true));
}

function parse(value: Uint8Array): { readonly identity: StoreIdentity; readonly format: number } {
  const { format, storeId, createdAt } = JSON.parse(text(value)) as StoreIdentity & { format: number };
  if (format !== folderFormat && !olderFormats.includes(format)) {
    throw new KvsError(
      'KVS_STORE_UNUSABLE',
      `The data folder has format ${format}; this release reads format ${folderFormat}`,
    );
  }
  return { identity: { storeId, createdAt }, format };
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
