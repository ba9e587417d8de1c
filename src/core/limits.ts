import { assert } from './errors.ts';

/**
 * Every bound of a node that no configuration key changes. Units stand last in the names.
 * What happens at each bound is written beside it; `docs/limits.md` lists them all with their tests, and a test holds that.
 */
export const limits = {
  /** A key path, percent-decoded, in UTF-8. A longer one is refused with KVS_BAD_PATH. */
  pathBytesMax: 1_024,
  /** A node id, in UTF-8; one length byte holds it in every stored version. A longer one stops the start. */
  nodeIdBytesMax: 255,
  /** A store id, in characters. A longer one is refused, from peers and in a handshake. */
  storeIdLengthMax: 64,
  /** A content type, in UTF-8; one length byte holds it. A longer one is refused with KVS_BAD_REQUEST. */
  contentTypeBytesMax: 255,
  /** The largest `max_value_bytes` that a configuration may ask for. */
  valueBytesCeiling: 64 * 1_024 * 1_024,
  /** The greatest timestamp that a version may carry: 2^48 - 1 ms, in the year 10889. Six bytes hold it. */
  timestampMsMax: 2 ** 48 - 1,
  /** The longest time to live that a client may give a value: a hundred years. A longer one is refused with KVS_BAD_REQUEST. */
  ttlMsMax: 3_155_760_000_000,
  /** The greatest counter of a version: four bytes hold it. */
  counterMax: 2 ** 32 - 1,
  /** The greatest vote count of a version: two bytes hold it. */
  votesMax: 2 ** 16 - 1,
  /** The local commit sequence, six bytes: at 100,000 commits a second it lasts 89 years. */
  sequenceMax: 2 ** 48 - 1,
  /** The incarnation of a member: more than it can start or refute in its life. A record beyond is refused. */
  incarnationMax: 2 ** 48 - 1,
  /** Writes that wait for a commit. One more is refused with KVS_OVERLOADED. */
  pendingWritesMax: 65_536,
  /** Bytes of values that wait for a commit. A write beyond them is refused with KVS_OVERLOADED. */
  pendingWriteBytesMax: 256 * 1_024 * 1_024,
  /** Writes in one commit group; the others wait for the next one. */
  commitWritesMax: 1_024,
  /** Bytes of values in one commit group, kept revisions included, unless what one write brings is larger. */
  commitBytesMax: 8 * 1_024 * 1_024,
  /** The greatest `revisions_kept` that a configuration may ask for: one byte holds the place of each. */
  revisionsKeptMax: 100,
  /**
   * Keys in the filter that spares a look at the disk for absent ones, those removed since the start included. With more
   * it is dropped.
   */
  filteredKeysMax: 22_000_000,
  /** Entries of the change log that are kept. A reader that asks for older ones is told to start over. */
  changeLogEntriesMax: 1_000_000,
  /** The request line and the headers of one request. More is refused with KVS_HEADERS_TOO_LARGE. */
  headerBytesMax: 16_384,
  /** Headers of one request. More are refused with KVS_HEADERS_TOO_LARGE. */
  headersMax: 100,
  /** Requests that wait for their answer, over all connections. One more is refused with KVS_OVERLOADED. */
  requestsMax: 16_384,
  /** Bytes of request bodies that have not come whole yet. A body beyond them is refused with KVS_OVERLOADED. */
  bodiesBytesMax: 256 * 1_024 * 1_024,
  /** Batches at one time. One more is refused with KVS_OVERLOADED. */
  batchesMax: 16,
  /** Lines of a batch that are carried out together; the next ones form the next group. */
  batchLinesMax: 1_024,
  /** Reads among them: their values wait in memory until the client has taken them. */
  batchReadsMax: 64,
  /** Bytes of these values, if all are as large as they may be, unless a single one is larger. */
  batchReadBytesMax: 64 * 1_024 * 1_024,
  /** Bytes of these lines, unless a single line is larger. */
  batchBytesMax: 1_024 * 1_024,
  /** Groups of one batch that are under way. The request is read no further while there are so many. */
  batchGroupsMax: 2,
  /** What a line may have beside its value, bytes: every character of path and type may be escaped. */
  batchLineSlackBytesMax: 8_192,
  /** An Idempotency-Key, in characters of ASCII. A longer one is refused with KVS_BAD_REQUEST. */
  idempotencyKeyBytesMax: 255,
  /** Writes with an Idempotency-Key that are remembered. For one more, the oldest is forgotten. */
  idempotencyEntriesMax: 65_536,
  /** How long they are remembered, ms. */
  idempotencyMs: 24 * 3_600_000,
  /** The body of a handshake between nodes. A larger one is refused with KVS_VALUE_TOO_LARGE. */
  handshakeBytesMax: 65_536,
  /** Members that a node knows at one time. One more is refused with KVS_OVERLOADED. */
  membersMax: 1_000,
  /** Store ids that are remembered as forgotten. One more is refused with KVS_OVERLOADED. */
  forgottenMax: 4_096,
  /** Records in one message of rumours; the others go with the next one. */
  rumourRecordsMax: 32,
  /** Addresses of seeds that one attempt to join calls; where names stand for more, the others have their turn later. */
  seedAddressesMax: 256,
  /** Items on one page of any internal listing. */
  pageItemsMax: 1_000,
  /** Bytes of values on one page, unless a single value is larger. */
  pageBytesMax: 1_024 * 1_024,
  /** The greatest `limit` of a page that lists keys. A greater one is refused with KVS_BAD_REQUEST. */
  listedKeysMax: 1_000,
  /** Lists, counts and recursive deletes at one time. One more is refused with KVS_OVERLOADED. */
  listsMax: 256,
  /** Entries in the listings of one reply, unless a single leaf holds more. */
  listedEntriesMax: 16_384,
  /** Branches whose leaves are compared with one request. */
  comparedBranchesMax: 64,
  /** The newest entries that an exchange compares first. */
  newestEntries: 15,
  /** One message between nodes. A larger one is refused with KVS_VALUE_TOO_LARGE. */
  messageBytesMax: 66 * 1_024 * 1_024,
  /** Connections to one peer at one time. Further calls to it wait for one, until their deadline. */
  peerConnectionsMax: 8,
  /** Calls to one peer that wait for a connection. One more fails with KVS_PEER_UNREACHABLE. */
  peerCallsWaitingMax: 256,
  /** ms that an idle connection to a peer is kept. */
  peerIdleMsMax: 60_000,
  /**
   * Addresses to which connections are kept. For one more, those of a peer that is not being called are closed; while
   * all are, the call fails with KVS_PEER_UNREACHABLE.
   */
  peerAddressesMax: 1_024,
  /** Versions that wait for one member. When one more comes, all are dropped and the member is marked behind. */
  outboxVersionsMax: 16_384,
  /** Bytes of values that wait for one member; beyond them as above. */
  outboxBytesMax: 16 * 1_024 * 1_024,
  /** Members to which a version is pushed directly; beyond them it is spread as a rumour. */
  pushFanOut: 16,
  /** Keys that wait for a vote. Further ones are left to the next exchange that finds them. */
  conflictsMax: 4_096,
  /** Keys that one vote decides. */
  voteKeysMax: 256,
  /** Decisions that are remembered for display. */
  decisionsMax: 100,
  /** Actors that /debug shows. For one more, the one that is known longest of those that have ended is forgotten. */
  actorsMax: 4_096,
  /** Transitions remembered for each actor under /debug; the oldest goes first. */
  actorTransitionsMax: 100,
  /** Transitions remembered over all actors together, for readers of /debug/events that come back. */
  transitionsMax: 1_000,
  /** Bytes that a slow reader of /debug/events may fall behind before events are dropped, and counted. */
  debugBufferBytesMax: 512 * 1_024,
  /** Changed keys that an exchange takes from the change logs; where there are more, the digests find them. */
  changedKeysMax: 65_536,
  /** How often an exchange reads the change logs, before the digests find what others have brought meanwhile. */
  changeRoundsMax: 8,
  /** Children that a page of /debug/keys lists; the others come with the next one. */
  debugChildrenMax: 200,
  /** Readers of /debug/events at one time. One more is refused with KVS_OVERLOADED. */
  debugReadersMax: 64,
  /** Watches of keys at one time, streams and long polls together. One more is refused with KVS_OVERLOADED. */
  watchReadersMax: 4_096,
  /**
   * Bytes of events that wait for the reader of a watch, and the event that exceeds them. With one more they are dropped,
   * and read again from the store when the reader takes something.
   */
  watchBufferBytesMax: 128 * 1_024,
  /** Bytes of events that are read from the store at one time for one watch, unless a single event is larger. */
  watchPageBytesMax: 64 * 1_024,
  /** Watches for which the store is read at one time; the others wait. */
  watchReadsMax: 4,
  /** Commits that wait while watchers are told of what expired. With one more, all watchers read from the store. */
  watchHeldCommitsMax: 64,
  /** How long a long poll may wait, in seconds. A longer time is refused with KVS_BAD_REQUEST. */
  watchTimeoutSecondsMax: 600,
  /** Quorum reads that wait for members. One more is refused with KVS_OVERLOADED. */
  quorumReadsMax: 1_024,
  /**
   * Bytes of values that quorum reads bring to members before they answer, unless a single value is larger. A read beyond
   * them is refused with KVS_OVERLOADED.
   */
  quorumBytesMax: 64 * 1_024 * 1_024,
  /** Keys that quorum reads ask one member for with one message; the others go with the next one. */
  quorumKeysMax: 256,
  /** Calls of one kind that quorum reads make to one member at one time. What comes meanwhile shares the next one. */
  quorumCallsMax: 2,
  /** How long a quorum read may wait, in seconds. A longer time is refused with KVS_BAD_REQUEST. */
  quorumTimeoutSecondsMax: 60,
} as const;

assert(limits.commitWritesMax <= limits.pendingWritesMax, 'a full commit group fits in the queue');
assert(
  2 * limits.batchesMax * limits.batchGroupsMax * limits.batchLinesMax <= limits.pendingWritesMax,
  'batches leave half of the queue to other writes',
);
assert(limits.commitBytesMax <= limits.pendingWriteBytesMax, 'a full commit group fits in the queue');
assert(limits.valueBytesCeiling <= limits.pendingWriteBytesMax, 'the largest value fits in the queue');
assert(limits.valueBytesCeiling < limits.messageBytesMax, 'the largest value fits in a message');
assert(limits.messageBytesMax <= limits.bodiesBytesMax, 'the largest message fits among the bodies');
assert(limits.membersMax <= limits.peerAddressesMax, 'connections to all members can be kept');
assert(
  4 * limits.membersMax <= limits.actorsMax,
  'a pusher and a suspicion of each member are shown, and more',
);
assert(
  limits.watchPageBytesMax <= limits.watchBufferBytesMax,
  'a page of events fits in the buffer of a watch',
);
assert(limits.voteKeysMax <= limits.pageItemsMax, 'a vote is a page of keys at most');
assert(limits.revisionsKeptMax <= 256, 'one byte tells the revisions of a key apart');
assert(limits.quorumKeysMax <= limits.pageItemsMax, 'a question of quorum reads is a page of keys at most');
assert(
  3 * limits.quorumCallsMax < limits.peerConnectionsMax,
  'quorum reads ask, fetch and push, and leave connections to all else',
);
assert(limits.timestampMsMax <= Number.MAX_SAFE_INTEGER, 'timestamps are exact numbers');
