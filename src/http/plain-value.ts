import { promisify } from 'node:util';
import { gunzip, gunzipSync, type ZlibOptions } from 'node:zlib';
import { KvsError } from '../core/errors.ts';
import { Turns } from '../core/turns.ts';
import { plainBytes, type Version } from '../core/version.ts';

const gunzipLater = promisify<Uint8Array, ZlibOptions, Buffer>(gunzip);

/** A value up to this long is decompressed at once, bytes: about 50 us. Handing it to a thread would cost more. */
const inlineBytesMax = 65_536;
/** Decompressions at one time: the log is synced by the same threads. */
const decompressionsMax = 1;

const turns = new Turns(decompressionsMax);

/** Values on their way out: those who read one at about the same time share it, as they would a plain one. */
const known = new WeakMap<Version, WeakRef<Uint8Array>>();
const underWay = new WeakMap<Version, Promise<Uint8Array>>();

/**
 * The value as it was sent, whatever form it is stored in. Not for a tombstone.
 *
 * @throws KvsError KVS_STORAGE_FAILED when it can't be decompressed any more
 */
export function plainValue(version: Version): Uint8Array | Promise<Uint8Array> {
  if (version.encoding === undefined) return version.data;
  return known.get(version)?.deref() ?? underWay.get(version) ?? unpack(version);
}

/**
 * The same, for who can't wait: a mebibyte takes a few ms of the main thread.
 *
 * @throws KvsError KVS_STORAGE_FAILED as above
 */
export function plainValueNow(version: Version): Uint8Array {
  if (version.encoding === undefined) return version.data;
  return known.get(version)?.deref() ?? unpackNow(version);
}

function unpackNow(version: Version): Uint8Array {
  try {
    return keep(version, gunzipSync(version.data, optionsFor(version)));
  } catch (cause) {
    throw damaged(cause);
  }
}

/** One chunk takes it all, and no more than all. */
function optionsFor(version: Version): ZlibOptions {
  const length = plainBytes(version);
  return { chunkSize: Math.max(length, 64), maxOutputLength: Math.max(length, 1) };
}

function unpack(version: Version): Uint8Array | Promise<Uint8Array> {
  if (plainBytes(version) <= inlineBytesMax) return unpackNow(version);
  const unpacked = turns
    .run(() => gunzipLater(version.data, optionsFor(version)))
    .then(
      (value) => keep(version, value),
      (cause: unknown) => {
        throw damaged(cause);
      },
    )
    .finally(() => underWay.delete(version));
  underWay.set(version, unpacked);
  return unpacked;
}

function keep(version: Version, value: Uint8Array): Uint8Array {
  known.set(version, new WeakRef(value));
  return value;
}

function damaged(cause: unknown): KvsError {
  return new KvsError('KVS_STORAGE_FAILED', 'The value is damaged: it can not be decompressed', { cause });
}
