import { KvsError } from '../core/errors.ts';
import type { NodeStatus } from '../core/ports.ts';

/**
 * To be called before each write of a client.
 *
 * @throws KvsError KVS_NOT_READY, KVS_READ_ONLY, KVS_SYNCING
 */
export function assertTakesWrites(status: NodeStatus): void {
  if (!status.isReady()) throw new KvsError('KVS_NOT_READY', 'The node is starting or stopping');
  const mode = status.mode();
  if (mode === 'read-only') throw new KvsError('KVS_READ_ONLY', 'This node takes no writes from clients');
  if (mode === 'syncing')
    throw new KvsError('KVS_SYNCING', 'This node takes no writes until it has its data');
}
