import { KvsError } from '../core/errors.ts';
import type { KvsContext } from './context.ts';
import { queryOf } from './query.ts';

/**
 * Whether a read asks for the word of a majority, by `?consistency=`: `quorum`, or `local`, which is as if it were not
 * there.
 *
 * @throws KvsError KVS_BAD_REQUEST for anything else, and for two that differ
 */
export function wantsQuorum(query: URLSearchParams): boolean {
  const [wanted = 'local', ...others] = new Set(query.getAll('consistency'));
  if (others.length === 0 && (wanted === 'local' || wanted === 'quorum')) return wanted === 'quorum';
  throw new KvsError('KVS_BAD_REQUEST', 'consistency is local or quorum');
}

/**
 * To be called where only one node can be asked: somebody who means more should know.
 *
 * @throws KvsError KVS_BAD_REQUEST when the request asks for a majority
 */
export function assertLocal(c: KvsContext): void {
  const query = queryOf(c);
  if (query !== undefined && wantsQuorum(query)) throw onlyValues();
}

export function onlyValues(): KvsError {
  return new KvsError('KVS_BAD_REQUEST', 'consistency=quorum is for GET and HEAD of one value');
}
