import { decode, Encoder } from '@msgpack/msgpack';
import * as z from 'zod';
import { KvsError, type KvsErrorCode } from '../core/errors.ts';
import { branchCount } from '../core/digest-tree.ts';
import { parsePath, type KeyPath } from '../core/key-path.ts';
import { entryBytes, pathHashBytes } from '../core/leaf-entries.ts';
import { limits } from '../core/limits.ts';
import type { Member, MemberRecord } from '../core/membership.ts';
import { peerProtocol, type PeerCallName, type PeerReply, type PeerRequest } from '../core/peer-calls.ts';
import type { TimeEntry } from '../core/ports.ts';
import { checkVersion, type KeyVersion, type Version } from '../core/version.ts';

/*
 * Messages between nodes, in MessagePack:
 *
 *   request  [protocol, cluster name, sender's id, sender's store id, receiver's id or null, name of the call, body]
 *   reply    [0, body], or [1, code, message] for a refusal
 *
 * Each body has the shape that `peer-calls.ts` gives its call; versions are arrays in the order of `PackedVersion`.
 * Whatever does not have its shape, or is out of bounds, is refused as a whole.
 */

const digestBytes = 16;

/** Within one message. Whatever exceeds one of these is refused as a whole, before anything else of it is looked at. */
const textBytesMax = 8_192;
const arrayItemsMax = 65_536;
const mapItemsMax = 64;
const addressLengthMax = 300;
/** The longest time that a peer may be asked to wait for another one, ms. */
const probeDeadlineMsMax = 60_000;
/** The reason of a refusal; a longer one is cut. */
const reasonLengthMax = 1_000;
/** A message longer than this takes its buffer along; a shorter one leaves it to the next message. Bytes. */
const longMessageBytes = 65_536;

const whole = z.int().min(0);
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not bytes');
const nodeId = z
  .string()
  .min(1)
  .refine((id) => Buffer.byteLength(id) <= limits.nodeIdBytesMax, 'too long');
const storeId = z.string().min(1).max(limits.storeIdLengthMax);
const address = z
  .string()
  .max(addressLengthMax)
  .regex(/^[^\s/]+:\d{1,5}$/);
const path = z.string().transform((text, context): KeyPath => {
  try {
    return parsePath(text);
  } catch {
    context.addIssue('not a path');
    return z.NEVER;
  }
});
const paths = z.array(path).max(limits.pageItemsMax);

const record = z.object({
  id: nodeId,
  address,
  storeId,
  joinedTimestamp: whole.max(limits.timestampMsMax),
  incarnation: whole.max(limits.incarnationMax),
  state: z.enum(['alive', 'suspect', 'dead', 'left']),
});
const news = z.object({
  records: z.array(record).max(limits.membersMax),
  forgotten: z.array(storeId).max(limits.forgottenMax),
});

type PackedVersion = readonly [
  path: string,
  uuid: string,
  timestamp: number,
  counter: number,
  origin: string,
  originJoined: number,
  votes: number,
  deleted: boolean,
  expiresAt: number | null,
  contentType: string,
  data: Uint8Array,
  encoding: 'gzip' | null,
];

/** Versions are most of what nodes tell each other: they are read by hand, as a schema takes many times as long. */
const versions = z
  .array(z.unknown())
  .max(limits.pageItemsMax)
  .transform((items, context): KeyVersion[] => {
    try {
      return items.map(unpackVersion);
    } catch (error) {
      context.addIssue((error as Error).message);
      return z.NEVER;
    }
  });

const ballot = z.object({
  origin: z.string().max(limits.nodeIdBytesMax),
  originJoined: whole.max(limits.timestampMsMax),
  timestamp: whole.max(limits.timestampMsMax),
  counter: whole.max(limits.counterMax),
  uuid: z.string().max(36),
  votes: whole.max(limits.votesMax),
});
const timeEntry = z.object({
  timestamp: whole.max(limits.timestampMsMax),
  counter: whole.max(limits.counterMax),
  path,
});
const index = z.int().min(0).max(65_535);
const nothing = z.null();
const sequence = whole.max(limits.sequenceMax);
const rootBytes = bytes.refine(({ length }) => length === digestBytes, 'not a digest');
const rowBytes = bytes.refine(({ length }) => length === branchCount * digestBytes, 'not a row of digests');
const entries = bytes.refine(({ length }) => length % entryBytes === 0, 'not leaf entries');
const newestEntries = entries.refine(({ length }) => length <= limits.pageItemsMax * entryBytes, 'too many');
const hashes = bytes.refine(({ length }) => length % pathHashBytes === 0, 'not hashes of paths');
/** A page of hashes together, however they are spread over leaves. */
const selections = z
  .array(z.object({ leaf: index, hashes }))
  .max(limits.pageItemsMax)
  .refine(
    (all) => all.reduce((sum, one) => sum + one.hashes.length, 0) <= limits.pageItemsMax * pathHashBytes,
    'too many hashes',
  );

const storeRun = z.object({ id: nodeId, address, process: storeId, startedAt: whole });

const schemas: {
  readonly [Name in PeerCallName]: {
    readonly request: z.ZodType<PeerRequest<Name>>;
    readonly reply: z.ZodType<PeerReply<Name>>;
  };
} = {
  ping: { request: news, reply: news },
  probe: {
    request: z.object({ id: nodeId, deadlineMs: z.number().min(1).max(probeDeadlineMsMax) }),
    reply: z.object({ isAlive: z.boolean() }),
  },
  gossip: {
    request: z.object({ digest: z.string().max(64), news: news.nullable() }),
    reply: z.object({ digest: z.string().max(64), news: news.nullable() }),
  },
  push: {
    request: z.object({ versions, isRumour: z.boolean() }),
    reply: z.object({ newer: versions, hasConflict: z.boolean() }),
  },
  compare: {
    request: z.object({ sequence, root: rootBytes, newest: newestEntries }),
    reply: z.object({ isReady: z.boolean(), sequence, root: rootBytes, newest: newestEntries }),
  },
  branches: { request: nothing, reply: z.object({ digests: rowBytes }) },
  leaves: {
    request: z.object({ branches: z.array(z.int().min(0).max(255)).max(limits.comparedBranchesMax) }),
    reply: z.object({ digests: z.array(rowBytes).max(limits.comparedBranchesMax) }),
  },
  entries: {
    request: z.object({ leaves: z.array(index).max(limits.pageItemsMax) }),
    reply: z.object({ listings: z.array(z.object({ leaf: index, entries })).max(limits.pageItemsMax) }),
  },
  fetch: {
    request: z.object({ selections }),
    reply: z.object({ versions, isComplete: z.boolean() }),
  },
  changes: {
    request: z.object({ since: sequence }),
    reply: z
      .object({
        paths: z.array(path).max(limits.commitWritesMax),
        entries: bytes,
        next: sequence.nullable(),
      })
      .refine(({ paths, entries }) => entries.length === paths.length * entryBytes, 'not one entry each')
      .nullable(),
  },
  get: {
    request: z.object({ paths }),
    reply: z.object({ versions, answered: whole.max(limits.pageItemsMax) }),
  },
  complete: {
    request: z.object({ holds: sequence, sequence, storeId }),
    reply: nothing,
  },
  page: {
    request: z.object({ before: timeEntry.nullable() }),
    reply: z.object({ versions, next: timeEntry.nullable(), isWhole: z.boolean() }),
  },
  vote: {
    request: z.object({ paths }),
    reply: z.object({ held: z.array(ballot.nullable()).max(limits.pageItemsMax) }),
  },
  vouch: {
    request: z.object({ paths }),
    reply: z.object({ held: z.array(ballot.nullable()).max(limits.pageItemsMax), isWhole: z.boolean() }),
  },
  leave: { request: z.object({ incarnation: whole.max(limits.incarnationMax) }), reply: nothing },
  twin: { request: z.object({ storeId, run: storeRun.nullable() }), reply: storeRun },
};

/** Who sends a message, and to whom. */
export interface Envelope {
  readonly cluster: string;
  readonly from: { readonly id: string; readonly storeId: string };
  /** The id of the receiver; null for whoever has the address. */
  readonly to: string | null;
}

export type DecodedRequest = {
  readonly [Name in PeerCallName]: Envelope & { readonly name: Name; readonly request: PeerRequest<Name> };
}[PeerCallName];

/** @throws KvsError KVS_VALUE_TOO_LARGE when the message would be larger than any node takes */
export function encodeRequest<Name extends PeerCallName>(
  { cluster, from, to }: Envelope,
  name: Name,
  request: PeerRequest<Name>,
): Uint8Array {
  return encodeMessage([peerProtocol, cluster, from.id, from.storeId, to, name, packed(request)]);
}

const protocolAlone = z.tuple([z.int()]).rest(z.unknown());
const requestSchema = z.tuple([
  z.literal(peerProtocol),
  z.string().max(limits.nodeIdBytesMax),
  nodeId,
  storeId,
  nodeId.nullable(),
  z.enum(Object.keys(schemas) as [PeerCallName, ...PeerCallName[]]),
  z.unknown(),
]);

/**
 * Reads a request.
 *
 * @throws KvsError KVS_BAD_REQUEST; KVS_OTHER_PROTOCOL for one of another version
 */
export function decodeRequest(message: Uint8Array): DecodedRequest {
  const decoded = decodeMessage(message);
  const [protocol] = parsed(protocolAlone, decoded, 'request');
  if (protocol !== peerProtocol) {
    throw new KvsError(
      'KVS_OTHER_PROTOCOL',
      `This node speaks version ${peerProtocol} of the protocol between nodes, not ${protocol}`,
    );
  }
  const [, cluster, id, storeId, to, name, body] = parsed(requestSchema, decoded, 'request');
  const request = parsed(schemas[name].request as z.ZodType, body, name);
  return { cluster, from: { id, storeId }, to, name, request } as DecodedRequest;
}

/** @throws KvsError KVS_VALUE_TOO_LARGE when the message would be larger than any node takes */
export function encodeReply<Name extends PeerCallName>(reply: PeerReply<Name>): Uint8Array {
  return encodeMessage([0, packed(reply)]);
}

export function encodeRefusal(error: KvsError): Uint8Array {
  return encoded([1, error.code, error.message.slice(0, reasonLengthMax)]);
}

/** What a peer may refuse a call with; any other code becomes KVS_PEER_FAILED. */
const refusals = [
  'KVS_OTHER_CLUSTER',
  'KVS_OTHER_PROTOCOL',
  'KVS_OTHER_MEMBER',
  'KVS_SELF',
  'KVS_DUPLICATE_ID',
  'KVS_FORGOTTEN',
  'KVS_OVERLOADED',
  'KVS_NOT_READY',
] as const satisfies readonly KvsErrorCode[];

const replySchema = z.union([
  z.tuple([z.literal(0), z.unknown()]),
  z.tuple([z.literal(1), z.string(), z.string()]),
]);

/**
 * Reads the reply to a call.
 *
 * @throws KvsError with the code that the peer refused with; KVS_PEER_FAILED when it failed, or when this is no reply
 */
export function decodeReply<Name extends PeerCallName>(name: Name, message: Uint8Array): PeerReply<Name> {
  let reply: z.output<typeof replySchema>;
  try {
    reply = parsed(replySchema, decodeMessage(message), 'reply');
    if (reply[0] === 0) return parsed(schemas[name].reply, reply[1], name);
  } catch (cause) {
    throw new KvsError('KVS_PEER_FAILED', `Not a reply to ${name}: ${(cause as Error).message}`, { cause });
  }
  const code = refusals.find((known) => known === reply[1]);
  throw new KvsError(code ?? 'KVS_PEER_FAILED', reply[2]);
}

/**
 * Checks what a node says of itself by another way than a message. A record that other nodes would refuse must not
 * come in: it would travel with all that this node tells them.
 *
 * @throws KvsError KVS_BAD_REQUEST
 */
export function checkRecord(value: MemberRecord): void {
  parsed(record, value, 'member');
}

const savedMember = record.extend({ lastSeen: whole });
const savedTable = z.object({
  storeId,
  incarnation: whole,
  members: z.array(savedMember),
  forgotten: z.array(z.string()),
  claims: z.array(z.tuple([z.string(), sequence])),
  served: z.object({ storeId, address }).optional(),
});

/** Which store a folder held when its node served last, and where that was. */
export interface LastServed {
  readonly storeId: string;
  readonly address: string;
}

/** The member table as it is kept on disk. */
export interface SavedTable {
  /** The store that the claims are about. */
  readonly storeId: string;
  readonly incarnation: number;
  readonly members: readonly Member[];
  readonly forgotten: readonly string[];
  readonly claims: readonly (readonly [storeId: string, sequence: number])[];
  /** Undefined before the node has served. */
  readonly served?: LastServed | undefined;
}

export function encodeTable(table: SavedTable): Uint8Array {
  const { served, ...rest } = table;
  return encoded(served === undefined ? rest : table);
}

/** @throws KvsError KVS_BAD_REQUEST */
export function decodeTable(saved: Uint8Array): SavedTable {
  return parsed(savedTable, decodeMessage(saved), 'member table');
}

/** A body with its versions as arrays, and without absent fields. */
function packed(body: object | null): unknown {
  if (body === null) return null;
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [
      name,
      name === 'versions' || name === 'newer'
        ? (value as readonly KeyVersion[]).map(packVersion)
        : (value as unknown),
    ]),
  );
}

/** @throws KvsError KVS_BAD_REQUEST, KVS_BAD_PATH */
function unpackVersion(packed: unknown): KeyVersion {
  const fields: readonly unknown[] = Array.isArray(packed) ? packed : [];
  const [path, uuid, timestamp, counter, origin, originJoined, votes] = fields;
  const [deleted, expiresAt, contentType, data, encoding] = fields.slice(7);
  if (
    fields.length !== 12 ||
    typeof path !== 'string' ||
    typeof uuid !== 'string' ||
    typeof timestamp !== 'number' ||
    typeof counter !== 'number' ||
    typeof origin !== 'string' ||
    typeof originJoined !== 'number' ||
    typeof votes !== 'number' ||
    typeof deleted !== 'boolean' ||
    (typeof expiresAt !== 'number' && expiresAt !== null) ||
    typeof contentType !== 'string' ||
    !(data instanceof Uint8Array) ||
    (encoding !== 'gzip' && encoding !== null)
  ) {
    throw new KvsError('KVS_BAD_REQUEST', 'Not a version: a field is missing or has another type');
  }
  const version: Version = {
    uuid,
    timestamp,
    counter,
    origin,
    originJoined,
    votes,
    deleted,
    expiresAt: expiresAt ?? undefined,
    contentType,
    // A copy: a small value must not keep the whole message in memory.
    data: data.slice(),
    encoding: encoding ?? undefined,
  };
  checkVersion(version);
  return { path: parsePath(path), version };
}

function packVersion({ path, version }: KeyVersion): PackedVersion {
  return [
    path,
    version.uuid,
    version.timestamp,
    version.counter,
    version.origin,
    version.originJoined,
    version.votes,
    version.deleted,
    version.expiresAt ?? null,
    version.contentType,
    version.data,
    version.encoding ?? null,
  ];
}

function encodeMessage(message: readonly unknown[]): Uint8Array {
  const bytes = encoded(message);
  if (bytes.length > limits.messageBytesMax) {
    throw new KvsError(
      'KVS_VALUE_TOO_LARGE',
      `A message of ${bytes.length} bytes is larger than ${limits.messageBytesMax}`,
    );
  }
  return bytes;
}

/** Goes from message to message with its buffer: to make one for each takes longer than most messages do. */
let encoder = new Encoder();

function encoded(value: unknown): Uint8Array {
  const shared = encoder.encodeSharedRef(value);
  if (shared.length <= longMessageBytes) return shared.slice();
  encoder = new Encoder();
  return shared;
}

function decodeMessage(message: Uint8Array): unknown {
  try {
    return decode(message, {
      maxStrLength: textBytesMax,
      maxBinLength: limits.messageBytesMax,
      maxArrayLength: arrayItemsMax,
      maxMapLength: mapItemsMax,
      maxExtLength: 0,
    });
  } catch (cause) {
    throw new KvsError('KVS_BAD_REQUEST', 'Not a message of this protocol', { cause });
  }
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new KvsError(
    'KVS_BAD_REQUEST',
    `Not a ${what}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
  );
}

/** A position in the time index as it is kept on disk; null: the end. */
export function encodePosition(position: TimeEntry | null): Uint8Array {
  return encoded(position);
}

/** @throws KvsError KVS_BAD_REQUEST */
export function decodePosition(saved: Uint8Array): TimeEntry | null {
  return parsed(timeEntry.nullable(), decodeMessage(saved), 'position');
}
