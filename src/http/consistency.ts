import { KvsError } from '../core/errors.ts';

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

export function onlyValues(): KvsError {
  return new KvsError('KVS_BAD_REQUEST', 'consistency=quorum is for GET and HEAD of one value');
}
