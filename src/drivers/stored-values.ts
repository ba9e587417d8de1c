import type { KvsClient } from '../client/kvs-client.ts';
import type { BatchResult, Entry, ListedEntry, Operation } from '../client/types.ts';

/** What a driver reads of a value. */
export type StoredValue = Pick<Entry<Uint8Array>, 'value' | 'contentType'>;

/**
 * A value that was read among others, as it is stored; undefined: it is gone. Drivers write no JSON: what is JSON comes
 * from somebody else, and is read anew, since it has come parsed.
 */
export async function storedValueOf(
  client: Pick<KvsClient, 'getBytes'>,
  { path, data, contentType = '' }: Pick<ListedEntry, 'path' | 'data' | 'contentType'>,
): Promise<StoredValue | undefined> {
  return data === undefined ? client.getBytes(path) : { value: data, contentType };
}

/**
 * The values of many keys, in their order; undefined: there is none.
 *
 * @throws Error with the `code` of a read that failed
 */
export async function readMany(
  client: Pick<KvsClient, 'batch' | 'getBytes'>,
  paths: readonly string[],
): Promise<(StoredValue | undefined)[]> {
  const values: (StoredValue | undefined)[] = [];
  if (paths.length === 0) return values;
  for await (const result of client.batch(paths.map((path) => ({ op: 'get', path })))) {
    if (result.status === 404) values.push(undefined);
    else if (result.status === 200) values.push(await storedValueOf(client, result));
    else throw failureOf(result, 1);
  }
  return values;
}

/**
 * Carries out all of the operations; settles with how many did something: a delete of what is not there does nothing.
 *
 * @throws Error with the `code` of the first one that failed, when the others have been carried out
 */
export async function writeMany(
  client: Pick<KvsClient, 'batch'>,
  operations: Iterable<Operation> | AsyncIterable<Operation>,
): Promise<number> {
  let done = 0;
  let failed = 0;
  let first: BatchResult | undefined;
  for await (const result of client.batch(operations)) {
    if (result.status < 300) done++;
    if (result.status < 300 || result.status === 404) continue;
    failed++;
    first ??= result;
  }
  if (first !== undefined) throw failureOf(first, failed);
  return done;
}

function failureOf({ path, code, detail }: BatchResult, failed: number): Error {
  const others = failed === 1 ? '' : `, and ${failed - 1} more failed`;
  return Object.assign(new Error(`${path}: ${detail ?? 'it failed'}${others}`), { code });
}
