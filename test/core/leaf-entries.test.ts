import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvsError } from '../../src/core/errors.ts';
import {
  compareEntries,
  entryBytes,
  hex,
  leafOfEntry,
  packEntries,
  pathHash,
  pathHashBytes,
  unpackEntries,
  unpackHashes,
} from '../../src/core/leaf-entries.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import { compareVersions } from '../../src/core/version.ts';
import { hashPath, leafOf } from '../../src/store/key-digest.ts';
import { hashKey } from '../../src/store/keyspace.ts';
import { testUuid } from '../store/harness.ts';
import { keyPaths, versions } from './arbitraries.ts';

const entries = fc.record({ path: keyPaths, version: versions }).map(({ path, version }) => ({
  ...version,
  path,
}));

const one = (entry: Parameters<typeof packEntries>[0][number]) => packEntries([entry]);

describe('packed entries of a digest leaf', () => {
  it('come back by the hashes of their paths, each with its fields', () => {
    fc.assert(
      fc.property(fc.uniqueArray(entries, { selector: ({ path }) => path }), (list) => {
        const unpacked = unpackEntries(packEntries(list));
        expect(unpacked.size).toBe(list.length);
        for (const entry of list) {
          const packed = unpacked.get(hex(pathHash(entry.path))) ?? new Uint8Array(entryBytes);
          const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
          expect(view.getUint16(8) * 2 ** 32 + view.getUint32(10)).toBe(entry.timestamp);
          expect(view.getUint32(14)).toBe(entry.counter);
          expect(view.getUint16(18)).toBe(entry.votes);
        }
      }),
    );
  });

  it('name the leaf and the hash under which the store keeps a path', () => {
    fc.assert(
      fc.property(entries, (entry) => {
        const lanes = new Uint32Array(4);
        hashPath(entry.path, lanes);
        const packed = one(entry);
        expect(leafOfEntry(packed)).toBe(leafOf(lanes));
        expect(packed.subarray(0, pathHashBytes)).toEqual(pathHash(entry.path));
        expect(hex(pathHash(entry.path))).toBe(hashKey(lanes, entry.path).toString('hex', 1, 9));
      }),
    );
  });

  it('order two versions of a key as the versions themselves are ordered, wherever they tell the order', () => {
    fc.assert(
      fc.property(keyPaths, versions, versions, (path, a, b) => {
        const order = compareEntries(one({ ...a, path }), one({ ...b, path }));
        if (order === null)
          expect([a.timestamp, a.counter, a.votes]).toEqual([b.timestamp, b.counter, b.votes]);
        else if (order === 0) expect(a.uuid).toBe(b.uuid);
        // Negative when the first is the later one.
        else expect(Math.sign(order)).toBe(-Math.sign(compareVersions(a, b)));
      }),
    );
  });

  it('differ for two uuids that differ in one digit, wherever it stands', () => {
    const path = 'a' as KeyPath;
    const version = { path, timestamp: 1, counter: 0, votes: 0, uuid: testUuid(0) };
    for (let at = 0; at < version.uuid.length; at++) {
      if (version.uuid[at] !== '0') continue;
      const uuid = `${version.uuid.slice(0, at)}1${version.uuid.slice(at + 1)}`;
      expect(compareEntries(one(version), one({ ...version, uuid }))).toBeNull();
    }
    expect(compareEntries(one(version), one(version))).toBe(0);
  });

  it('are refused when their length is not a whole number of them', () => {
    for (const unpack of [unpackEntries, unpackHashes]) {
      expect(() => unpack(new Uint8Array(entryBytes + 1))).toThrow(KvsError);
      expect(unpack(new Uint8Array(0)).size).toBe(0);
    }
  });
});
