import { KvsError } from '../core/errors.ts';
import { onlyValues, wantsQuorum } from './consistency.ts';
import type { KvsContext } from './context.ts';
import { queryOf } from './query.ts';

/** What only other methods know. */
const namesOfRevisions = ['revision', 'revisions', 'restore'];

/**
 * To be called where this node writes whole keys: somebody who means one revision of a key, or a majority, should know.
 *
 * @throws KvsError KVS_BAD_REQUEST when the request asks for either
 */
export function assertPlainWrite(c: KvsContext): void {
  const query = queryOf(c);
  if (query === undefined) return;
  if (wantsQuorum(query)) throw onlyValues();
  const name = namesOfRevisions.find((one) => query.has(one));
  if (name !== undefined) throw new KvsError('KVS_BAD_REQUEST', `${name} means nothing to this method`);
}
