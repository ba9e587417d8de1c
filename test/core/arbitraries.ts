import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { KeyPath } from '../../src/core/key-path.ts';
import { limits } from '../../src/core/limits.ts';
import type { Version } from '../../src/core/version.ts';

const hexDigits = fc.constantFrom(...'0123456789abcdef'.split(''));

export const uuids = fc
  .tuple(
    ...[8, 4, 4, 4, 12].map((length) => fc.string({ unit: hexDigits, minLength: length, maxLength: length })),
  )
  .map((parts) => parts.join('-'));

/** Few distinct values, so that ties are common, and the extremes. */
const timestamps = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.integer({ min: 0, max: limits.timestampMsMax }),
);
const counters = fc.oneof(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: limits.counterMax }));

export const versions: fc.Arbitrary<Version> = fc
  .record({
    uuid: fc.oneof(
      uuids,
      fc.constantFrom('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'),
    ),
    timestamp: timestamps,
    counter: counters,
    origin: fc.constantFrom('node1', 'node2', 'knoten-ü'),
    originJoined: timestamps,
    votes: fc.oneof(fc.constantFrom(0, 0, 1, 2), fc.integer({ min: 0, max: limits.votesMax })),
    deleted: fc.boolean(),
    expiresAt: fc.option(fc.integer({ min: 0, max: limits.timestampMsMax }), { nil: undefined }),
    contentType: fc.constantFrom('application/json', 'text/plain; charset=utf-8', ''),
    data: fc.uint8Array({ maxLength: 40 }),
    encoding: fc.constantFrom(undefined, undefined, 'gzip' as const),
  })
  .map((version) => {
    if (version.deleted) return { ...version, data: new Uint8Array(0), contentType: '', encoding: undefined };
    return version.encoding === 'gzip'
      ? { ...version, data: new Uint8Array(gzipSync(version.data)) }
      : version;
  });

const segments = fc
  .oneof(
    fc.constantFrom('a', 'b', '_ts:', '!', '::', 'ü', '🧦', '%2F'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  )
  .filter(
    (segment) =>
      !['.', '..', ':'].includes(segment) &&
      !segment.includes('/') &&
      // oxlint-disable-next-line no-control-regex
      !/[\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/u.test(segment),
  );

export const keyPaths = fc
  .array(segments, { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join('/') as KeyPath);
