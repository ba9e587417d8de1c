import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import {
  checkVersion,
  compareVersions,
  diedAtMs,
  isAbsentAt,
  isConflict,
  isMortal,
  merge,
  plainBytes,
  type Version,
} from '../../src/core/version.ts';
import { versions } from './arbitraries.ts';

const base: Version = {
  uuid: '00000000-0000-4000-8000-00000000000a',
  timestamp: 1000,
  counter: 5,
  origin: 'node1',
  originJoined: 100,
  votes: 0,
  deleted: false,
  expiresAt: undefined,
  contentType: 'application/json',
  data: Buffer.from('1'),
};

/** What identifies a version in the order; the rest follows from the uuid. */
const identity = ({ uuid, timestamp, counter, votes, origin, originJoined }: Version) =>
  JSON.stringify({ uuid, timestamp, counter, votes, origin, originJoined });

describe('the order of versions', () => {
  it('is total: antisymmetric, transitive, and zero only for the same version', () => {
    fc.assert(
      fc.property(versions, versions, versions, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0);
        expect(compareVersions(a, b) === 0).toBe(identity(a) === identity(b));
        const [least, middle, greatest] = [a, b, c].toSorted(compareVersions) as [Version, Version, Version];
        expect(compareVersions(least, middle)).toBeLessThanOrEqual(0);
        expect(compareVersions(middle, greatest)).toBeLessThanOrEqual(0);
        expect(compareVersions(least, greatest)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it.each([
    ['a later timestamp beats everything', { timestamp: 1001, counter: 0 }],
    ['a higher counter wins within one millisecond', { counter: 6 }],
    ['more votes win at the same stamp', { votes: 1, originJoined: 999, origin: 'zzz' }],
    ['the older origin wins at the same votes', { originJoined: 99, origin: 'zzz' }],
    [
      'the lesser origin id wins at the same age',
      { origin: 'node0', uuid: 'ffffffff-0000-4000-8000-00000000000a' },
    ],
    ['the lesser uuid wins on the same node', { uuid: '00000000-0000-4000-8000-000000000009' }],
  ])('%s', (_, change) => {
    expect(compareVersions({ ...base, ...change }, base)).toBeGreaterThan(0);
    expect(merge(base, { ...base, ...change })).toMatchObject(change);
  });
});

describe('merge', () => {
  it('is commutative', () => {
    fc.assert(fc.property(versions, versions, (a, b) => identity(merge(a, b)) === identity(merge(b, a))));
  });

  it('is associative', () => {
    fc.assert(
      fc.property(
        versions,
        versions,
        versions,
        (a, b, c) => identity(merge(a, merge(b, c))) === identity(merge(merge(a, b), c)),
      ),
    );
  });

  it('is idempotent', () => {
    fc.assert(fc.property(versions, (a) => merge(a, a) === a));
  });
});

describe('a conflict', () => {
  it('is a tie of two different versions that nobody has voted on', () => {
    const rival = { ...base, uuid: '00000000-0000-4000-8000-00000000000b', origin: 'node2' };
    expect(isConflict(base, rival)).toBe(true);
    expect(isConflict(base, base)).toBe(false);
    expect(isConflict(base, { ...rival, counter: 6 })).toBe(false);
    expect(isConflict(base, { ...rival, timestamp: 1001 })).toBe(false);
    expect(isConflict(base, { ...rival, votes: 1 })).toBe(false);
    expect(isConflict({ ...base, votes: 1 }, rival)).toBe(false);
  });
});

describe('absence', () => {
  it('begins with the deletion, or at the very instant of expiry', () => {
    expect(isAbsentAt(base, 5000)).toBe(false);
    expect(isAbsentAt({ ...base, deleted: true }, 0)).toBe(true);
    expect(isAbsentAt({ ...base, expiresAt: 5000 }, 4999)).toBe(false);
    expect(isAbsentAt({ ...base, expiresAt: 5000 }, 5000)).toBe(true);
  });

  it('counts retention from the deletion or from the expiry, and never for a lasting value', () => {
    expect(isMortal(base)).toBe(false);
    expect(isMortal({ ...base, deleted: true })).toBe(true);
    expect(isMortal({ ...base, expiresAt: 5000 })).toBe(true);
    expect(diedAtMs({ ...base, deleted: true })).toBe(1000);
    expect(diedAtMs({ ...base, expiresAt: 5000 })).toBe(5000);
    expect(diedAtMs({ ...base, expiresAt: 500 })).toBe(1000);
  });
});

/** A gzip member of 21 bytes that says so much of what it holds. */
function claiming(length: number): Uint8Array {
  const member = gzipSync('x');
  member.writeUInt32LE(length, member.length - 4);
  return member;
}

describe('the length of a value', () => {
  it('is known without decompressing it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (data) => {
        expect(plainBytes({ ...base, data })).toBe(data.length);
        // In the middle of a larger buffer, as the disk gives it.
        const packed = Buffer.concat([Buffer.from('before'), gzipSync(data)]).subarray(6);
        expect(plainBytes({ ...base, data: packed, encoding: 'gzip' })).toBe(data.length);
      }),
    );
  });
});

describe('a version from outside', () => {
  it('passes when every field is within its bounds', () => {
    fc.assert(
      fc.property(versions, (version) => {
        checkVersion(version);
      }),
    );
  });

  it.each<[string, Partial<Version>]>([
    ['uuid', { uuid: 'not-a-uuid' }],
    ['uuid', { uuid: base.uuid.toUpperCase() }],
    ['timestamp', { timestamp: 2 ** 53 }],
    ['timestamp', { timestamp: limits.timestampMsMax + 1 }],
    ['timestamp', { timestamp: -1 }],
    ['timestamp', { timestamp: Number.NaN }],
    ['counter', { counter: 1.5 }],
    ['counter', { counter: limits.counterMax + 1 }],
    ['votes', { votes: limits.votesMax + 1 }],
    ['originJoined', { originJoined: Infinity }],
    ['expiresAt', { expiresAt: limits.timestampMsMax + 1 }],
    ['origin', { origin: 'ü'.repeat(128) }],
    ['contentType', { contentType: 'x'.repeat(limits.contentTypeBytesMax + 1) }],
    ['contentType', { contentType: 'text/plain\r\nX: y' }],
    ['contentType', { contentType: 'text/🧦' }],
    ['data', { data: new Uint8Array(limits.valueBytesCeiling + 1) }],
    ['encoding', { encoding: 'br' as 'gzip' }],
    ['data in gzip', { encoding: 'gzip', data: new Uint8Array(19).fill(0x1f) }],
    ['data in gzip', { encoding: 'gzip', data: Buffer.from('this is nothing of the kind') }],
    ['data in gzip', { encoding: 'gzip', deleted: true, data: new Uint8Array(0) }],
    ['length of data in gzip', { encoding: 'gzip', data: claiming(limits.valueBytesCeiling + 1) }],
    ['length of data in gzip', { encoding: 'gzip', data: claiming(1_032 * 21 + 1) }],
    ['data of a tombstone', { deleted: true, data: Buffer.from('x') }],
  ])('is refused by name when its %s is out of bounds', (field, change) => {
    expect(() => checkVersion({ ...base, ...change })).toThrow(
      new KvsError('KVS_BAD_REQUEST', `Not a version: ${field} is out of bounds`),
    );
  });
});
