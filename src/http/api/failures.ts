import * as z from 'zod';
import type { KvsErrorCode } from '../../core/errors.ts';
import { problems } from '../problem.ts';
import { answer, shape } from './shape.ts';

/**
 * Who meets a failure: whoever asks for an operation that names it; anybody, whatever is asked; only other nodes, in
 * their own messages; only a start, or a part of the node that answers with something else.
 */
export type FailureKind = 'named' | 'anywhere' | 'peers' | 'start';

export interface Failure {
  readonly kind: FailureKind;
  readonly when: string;
}

/** When each failure happens. Exhaustive: a new code without a row does not compile. */
export const failures: Readonly<Record<KvsErrorCode, Failure>> = {
  KVS_BAD_PATH: named('The path breaks a rule.'),
  KVS_BAD_BODY: named('The body is not JSON where it must be, or ended too early.'),
  KVS_BAD_REQUEST: anywhere('A parameter, a header or a field is wrong, or this is not HTTP.'),
  KVS_VALUE_TOO_LARGE: named('The body is larger than allowed; of a value, than `max_value_bytes`.'),
  KVS_ENCODING_NOT_SUPPORTED: named('The body has a `Content-Encoding`.'),
  KVS_UNSUPPORTED_TYPE: named('A batch is `application/x-ndjson`.'),
  KVS_HEADERS_TOO_LARGE: anywhere('The headers are too large, or too many.'),
  KVS_REQUEST_TIMEOUT: anywhere('The request did not come whole in time.'),
  KVS_METHOD_NOT_ALLOWED: anywhere('`Allow` says which methods are.'),
  KVS_FORBIDDEN: named('`/debug` from another machine, or through a proxy.'),
  KVS_KEY_NOT_FOUND: named('There is no such key, or it has been deleted or has expired.'),
  KVS_REVISION_NOT_FOUND: named('The key has no such version any more.'),
  KVS_ROUTE_NOT_FOUND: anywhere('There is no such route, or it is switched off on this node.'),
  KVS_ACTOR_NOT_FOUND: named('There is no such actor.'),
  KVS_MEMBER_NOT_FOUND: named('There is no such member.'),
  KVS_PRECONDITION_FAILED: named(
    'A condition is not met. `ETag` is the version that the key has, if it has one.',
  ),
  KVS_IDEMPOTENCY_MISMATCH: named('The `Idempotency-Key` came with something else before.'),
  KVS_MEMBER_ALIVE: named('Only who is gone can be forgotten.'),
  KVS_READ_ONLY: named('The node takes no writes from clients.'),
  KVS_SYNCING: named('The node takes no writes until it has its data. `Retry-After` says when to try again.'),
  KVS_NOT_READY: named('The node is starting or stopping. `Retry-After` says when to try again.'),
  KVS_OVERLOADED: anywhere('Too much is under way. `Retry-After` says when to try again.'),
  KVS_NO_QUORUM: named('No majority of the members answered in time. `Retry-After` says when to try again.'),
  KVS_STORAGE_FULL: named('No space is left on the disk; reads go on.'),
  KVS_STORAGE_FAILED: named('The disk failed; reads may go on, writes are refused until a restart.'),
  KVS_INTERNAL: anywhere('A fault of the node; its log has it.'),
  KVS_OTHER_CLUSTER: peers('The caller belongs to another cluster.'),
  KVS_OTHER_PROTOCOL: peers('The caller speaks another version of the protocol.'),
  KVS_OTHER_MEMBER: peers('The message is for another node.'),
  KVS_SELF: peers('A node called itself.'),
  KVS_DUPLICATE_ID: named('Another node with this id is alive.'),
  KVS_FORGOTTEN: named('The store was forgotten; the detail says how to join anew.'),
  KVS_PEER_UNREACHABLE: peers('A node does not answer another one.'),
  KVS_PEER_FAILED: peers('A node answered another one with a failure.'),
  KVS_CONFIG: start('The configuration is wrong.'),
  KVS_ADDRESS_UNAVAILABLE: start('The address or the port is taken.'),
  KVS_STORE_LOCKED: start('Another process has the data folder open.'),
  KVS_STORE_IN_USE: start('A copy of the data folder is served elsewhere.'),
  KVS_STORE_UNUSABLE: start('The data folder is damaged, or of another format.'),
};

const codes = Object.keys(failures) as KvsErrorCode[];

/** The codes of a kind. */
export function codesOf(kind: FailureKind): readonly KvsErrorCode[] {
  return codes.filter((code) => failures[code].kind === kind);
}

export const problem = shape(
  'Problem',
  'A failure (RFC 9457).',
  answer({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int().min(400),
    detail: z.string().meta({ description: 'What is wrong, for people' }),
    code: z.enum(codes).meta({
      description: 'What is wrong, for programs. A code never changes its meaning.',
      'x-enum-descriptions': Object.fromEntries(
        codes.map((code) => [code, `${problems[code][0]}. ${failures[code].when}`]),
      ),
    }),
  }),
);

function named(when: string): Failure {
  return { kind: 'named', when };
}

function anywhere(when: string): Failure {
  return { kind: 'anywhere', when };
}

function peers(when: string): Failure {
  return { kind: 'peers', when };
}

function start(when: string): Failure {
  return { kind: 'start', when };
}
