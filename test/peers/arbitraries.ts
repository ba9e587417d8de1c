import fc from 'fast-check';
import { branchCount } from '../../src/core/digest-tree.ts';
import { entryBytes, pathHashBytes } from '../../src/core/leaf-entries.ts';
import { limits } from '../../src/core/limits.ts';
import type { MemberRecord } from '../../src/core/membership.ts';
import type { MembershipNews, PeerCallName, PeerReply, PeerRequest } from '../../src/core/peer-calls.ts';
import type { TimeEntry } from '../../src/core/ports.ts';
import type { KeyVersion } from '../../src/core/version.ts';
import { keyPaths, uuids, versions } from '../core/arbitraries.ts';

const whole = (max: number) =>
  fc.oneof(
    fc.integer({ min: 0, max: 3 }),
    fc.maxSafeNat().map((n) => n % (max + 1)),
  );
const timestamp = whole(limits.timestampMsMax);
const counter = whole(limits.counterMax);
const sequence = whole(limits.sequenceMax);
const incarnation = whole(limits.incarnationMax);
const name = fc.oneof(
  fc.constantFrom('node1', 'Knoten-ü'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
);
const storeId = fc.oneof(uuids, fc.constantFrom('s1', 's2'));
const digest = fc.uint8Array({ minLength: 16, maxLength: 16 });
const row = fc.integer({ min: 0, max: 255 }).map((fill) => new Uint8Array(branchCount * 16).fill(fill));
const multipleOf = (size: number) =>
  fc.uint8Array({ maxLength: 5 * size }).map((bytes) => bytes.slice(0, bytes.length - (bytes.length % size)));
const leaf = fc.integer({ min: 0, max: 65_535 });

const address = fc
  .tuple(fc.domain(), fc.integer({ min: 0, max: 65_535 }))
  .map(([host, port]) => `${host}:${port}`);
const storeRun = fc.record({ id: name, address, process: uuids, startedAt: timestamp });

export const memberRecords: fc.Arbitrary<MemberRecord> = fc.record({
  id: name,
  address,
  storeId,
  joinedTimestamp: timestamp,
  incarnation,
  state: fc.constantFrom('alive', 'suspect', 'dead', 'left'),
});

export const news: fc.Arbitrary<MembershipNews> = fc.record({
  records: fc.array(memberRecords, { maxLength: 4 }),
  forgotten: fc.array(storeId, { maxLength: 4 }),
});

export const keyVersions: fc.Arbitrary<KeyVersion> = fc.record({ path: keyPaths, version: versions });
const someVersions = fc.array(keyVersions, { maxLength: 4 });

export const timeEntries: fc.Arbitrary<TimeEntry> = fc.record({ timestamp, counter, path: keyPaths });
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const nothing = fc.constant(null);

const ballot = versions.map(({ timestamp, counter, uuid, votes, origin, originJoined }) => ({
  timestamp,
  counter,
  uuid,
  votes,
  origin,
  originJoined,
}));

/** Any request and any reply of each call. */
export const calls: {
  readonly [Name in PeerCallName]: {
    readonly request: fc.Arbitrary<PeerRequest<Name>>;
    readonly reply: fc.Arbitrary<PeerReply<Name>>;
  };
} = {
  ping: { request: news, reply: news },
  probe: {
    request: fc.record({ id: name, deadlineMs: fc.integer({ min: 1, max: 60_000 }) }),
    reply: fc.record({ isAlive: fc.boolean() }),
  },
  gossip: {
    request: fc.record({ digest: fc.string({ maxLength: 64 }), news: orNull(news) }),
    reply: fc.record({ digest: fc.string({ maxLength: 64 }), news: orNull(news) }),
  },
  push: {
    request: fc.record({ versions: someVersions, isRumour: fc.boolean() }),
    reply: fc.record({ newer: someVersions, hasConflict: fc.boolean() }),
  },
  compare: {
    request: fc.record({ sequence, root: digest, newest: multipleOf(entryBytes) }),
    reply: fc.record({ isReady: fc.boolean(), sequence, root: digest, newest: multipleOf(entryBytes) }),
  },
  branches: { request: nothing, reply: fc.record({ digests: row }) },
  leaves: {
    request: fc.record({ branches: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 4 }) }),
    reply: fc.record({ digests: fc.array(row, { maxLength: 3 }) }),
  },
  entries: {
    request: fc.record({ leaves: fc.array(leaf, { maxLength: 10 }) }),
    reply: fc.record({
      listings: fc.array(fc.record({ leaf, entries: multipleOf(entryBytes) }), { maxLength: 3 }),
    }),
  },
  fetch: {
    request: fc.record({
      selections: fc.array(fc.record({ leaf, hashes: multipleOf(pathHashBytes) }), { maxLength: 3 }),
    }),
    reply: fc.record({ versions: someVersions, isComplete: fc.boolean() }),
  },
  changes: {
    request: fc.record({ since: sequence }),
    reply: orNull(
      fc.array(keyPaths, { maxLength: 3 }).chain((paths) =>
        fc.record({
          paths: fc.constant(paths),
          entries: fc.uint8Array({
            minLength: paths.length * entryBytes,
            maxLength: paths.length * entryBytes,
          }),
          next: orNull(sequence),
        }),
      ),
    ),
  },
  get: {
    request: fc.record({ paths: fc.array(keyPaths, { maxLength: 4 }) }),
    reply: fc.record({ versions: someVersions, answered: fc.nat(limits.pageItemsMax) }),
  },
  complete: { request: fc.record({ holds: sequence, sequence, storeId }), reply: nothing },
  page: {
    request: fc.record({ before: orNull(timeEntries) }),
    reply: fc.record({ versions: someVersions, next: orNull(timeEntries), isWhole: fc.boolean() }),
  },
  vote: {
    request: fc.record({ paths: fc.array(keyPaths, { maxLength: 4 }) }),
    reply: fc.record({ held: fc.array(orNull(ballot), { maxLength: 4 }) }),
  },
  vouch: {
    request: fc.record({ paths: fc.array(keyPaths, { maxLength: 4 }) }),
    reply: fc.record({ held: fc.array(orNull(ballot), { maxLength: 4 }), isWhole: fc.boolean() }),
  },
  leave: { request: fc.record({ incarnation }), reply: nothing },
  twin: { request: fc.record({ storeId, run: orNull(storeRun) }), reply: storeRun },
};

export const callNames = Object.keys(calls) as PeerCallName[];
