import type { KvsErrorCode } from '../core/errors.ts';

/** What each failure is over HTTP. Exhaustive: a new code without a row does not compile. */
export const problems = {
  KVS_BAD_PATH: [400, 'Bad key path'],
  KVS_BAD_BODY: [400, 'Bad body'],
  KVS_BAD_REQUEST: [400, 'Bad request'],
  KVS_VALUE_TOO_LARGE: [413, 'Value too large'],
  KVS_ENCODING_NOT_SUPPORTED: [415, 'Content encoding not supported'],
  KVS_UNSUPPORTED_TYPE: [415, 'Unsupported content type'],
  KVS_HEADERS_TOO_LARGE: [431, 'Headers too large'],
  KVS_REQUEST_TIMEOUT: [408, 'Request timed out'],
  KVS_METHOD_NOT_ALLOWED: [405, 'Method not allowed'],
  KVS_FORBIDDEN: [403, 'Forbidden'],
  KVS_KEY_NOT_FOUND: [404, 'Key not found'],
  KVS_REVISION_NOT_FOUND: [404, 'Revision not found'],
  KVS_ROUTE_NOT_FOUND: [404, 'No such route'],
  KVS_ACTOR_NOT_FOUND: [404, 'No such actor'],
  KVS_MEMBER_NOT_FOUND: [404, 'No such member'],
  KVS_PRECONDITION_FAILED: [412, 'Precondition failed'],
  KVS_IDEMPOTENCY_MISMATCH: [422, 'Another request with this key'],
  KVS_MEMBER_ALIVE: [409, 'The member is alive'],
  KVS_READ_ONLY: [403, 'The node is read-only'],
  KVS_SYNCING: [503, 'The node is syncing'],
  KVS_NOT_READY: [503, 'The node is not ready'],
  KVS_OVERLOADED: [503, 'The node is overloaded'],
  KVS_NO_QUORUM: [503, 'No majority answers'],
  KVS_STORAGE_FULL: [507, 'The disk is full'],
  KVS_STORAGE_FAILED: [500, 'The storage failed'],
  KVS_INTERNAL: [500, 'Internal error'],
  KVS_OTHER_CLUSTER: [421, 'Another cluster'],
  KVS_OTHER_PROTOCOL: [421, 'Another version of the protocol'],
  KVS_OTHER_MEMBER: [421, 'Another member'],
  KVS_SELF: [421, 'The same node'],
  KVS_DUPLICATE_ID: [409, 'The id is taken'],
  KVS_FORGOTTEN: [410, 'The store was forgotten'],
  KVS_PEER_UNREACHABLE: [502, 'A peer does not answer'],
  KVS_PEER_FAILED: [502, 'A peer failed'],
  KVS_CONFIG: [500, 'Internal error'],
  KVS_ADDRESS_UNAVAILABLE: [500, 'Internal error'],
  KVS_STORE_LOCKED: [500, 'Internal error'],
  KVS_STORE_IN_USE: [500, 'Internal error'],
  KVS_STORE_UNUSABLE: [500, 'Internal error'],
} as const satisfies Record<KvsErrorCode, readonly [status: number, title: string]>;

/** After how many seconds a client may try again what the node can't do now. */
export const retryAfterSeconds = 1;

/** A failure as `application/problem+json` (RFC 9457), with the stable `code` beside its members. */
export function problemBody(code: KvsErrorCode, detail: string): string {
  const [status, title] = problems[code];
  return `${JSON.stringify({ type: 'about:blank', title, status, detail, code })}\n`;
}
