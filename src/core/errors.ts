/**
 * Every failure that a user, a peer or an operator can meet, by a code that never changes its meaning.
 * The HTTP status of each code stands in `http/problem.ts`; the codes that only a start can meet have none.
 */
export type KvsErrorCode =
  // What the caller sent.
  | 'KVS_BAD_PATH'
  | 'KVS_BAD_BODY'
  | 'KVS_BAD_REQUEST'
  | 'KVS_VALUE_TOO_LARGE'
  | 'KVS_ENCODING_NOT_SUPPORTED'
  | 'KVS_UNSUPPORTED_TYPE'
  | 'KVS_HEADERS_TOO_LARGE'
  | 'KVS_REQUEST_TIMEOUT'
  | 'KVS_METHOD_NOT_ALLOWED'
  | 'KVS_PRECONDITION_FAILED'
  | 'KVS_IDEMPOTENCY_MISMATCH'
  | 'KVS_FORBIDDEN'
  // What is not there.
  | 'KVS_KEY_NOT_FOUND'
  | 'KVS_REVISION_NOT_FOUND'
  | 'KVS_ROUTE_NOT_FOUND'
  | 'KVS_ACTOR_NOT_FOUND'
  | 'KVS_MEMBER_NOT_FOUND'
  | 'KVS_MEMBER_ALIVE'
  // What the node will not do now.
  | 'KVS_READ_ONLY'
  | 'KVS_SYNCING'
  | 'KVS_NOT_READY'
  | 'KVS_OVERLOADED'
  | 'KVS_NO_QUORUM'
  | 'KVS_STORAGE_FULL'
  | 'KVS_STORAGE_FAILED'
  | 'KVS_INTERNAL'
  // What nodes tell each other.
  | 'KVS_OTHER_CLUSTER'
  | 'KVS_OTHER_PROTOCOL'
  | 'KVS_OTHER_MEMBER'
  | 'KVS_SELF'
  | 'KVS_DUPLICATE_ID'
  | 'KVS_FORGOTTEN'
  | 'KVS_PEER_UNREACHABLE'
  | 'KVS_PEER_FAILED'
  // What stops a start.
  | 'KVS_CONFIG'
  | 'KVS_ADDRESS_UNAVAILABLE'
  | 'KVS_STORE_LOCKED'
  | 'KVS_STORE_IN_USE'
  | 'KVS_STORE_UNUSABLE';

/** An operating error: expected, explained to whoever can act on it, and never a broken invariant. */
export class KvsError extends Error {
  readonly code: KvsErrorCode;

  constructor(code: KvsErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'KvsError';
    this.code = code;
  }
}

/** Throws when an invariant of our own is broken. Assertions stay on in production. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Broken invariant: ${message}`);
}
