/** What `kvs/client` has. */
export { KvsClient } from './kvs-client.ts';
export { KvsClientError } from './kvs-client-error.ts';
export type * from './types.ts';
