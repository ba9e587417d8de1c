import { DigestTree } from '../../src/core/digest-tree.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import { diedAtMs, isMortal } from '../../src/core/version.ts';
import { encodeIdentity } from '../../src/store/identity.ts';
import { digestEncodedIdentity, hashPath, leafOf } from '../../src/store/key-digest.ts';
import { graveKey, hashKey, retiredKey, revisionKey, timeKey } from '../../src/store/keyspace.ts';
import { decodeRecord, revisionEntryBytes, type StoredVersion } from '../../src/store/version-record.ts';
import { asBytes, type Level } from '../../src/store/level.ts';

/** Everything a folder must hold, derived from its version records alone. */
export interface Audit {
  readonly versions: Map<KeyPath, StoredVersion>;
  readonly tree: DigestTree;
  /** Keys of indexes and revisions (in hexadecimal) that are missing or hold something else, or that nothing accounts for. */
  readonly missing: string[];
  readonly stray: string[];
}

/** Every version that a folder holds. */
export async function readVersions(level: Level): Promise<Map<KeyPath, StoredVersion>> {
  const versions = new Map<KeyPath, StoredVersion>();
  const range = { gte: Buffer.from('v'), lt: Buffer.from('w') };
  for await (const [key, value] of level.iterator<Uint8Array, Uint8Array>({ ...asBytes, ...range })) {
    versions.set(Buffer.from(key.subarray(1)).toString() as KeyPath, decodeRecord(value));
  }
  return versions;
}

/** The revisions that a record lists: the identity of each, and its slot. */
function listedRevisions({ revisions }: StoredVersion): [Buffer, number][] {
  const listed: [Buffer, number][] = [];
  for (let at = 0; at < revisions.length; at += revisionEntryBytes) {
    const entry = Buffer.from(revisions.subarray(at, at + revisionEntryBytes));
    listed.push([entry.subarray(0, -1), entry.readUInt8(revisionEntryBytes - 1)]);
  }
  return listed;
}

/** Compares every index of a folder, and the revisions that it holds, with its version records. */
export async function audit(level: Level): Promise<Audit> {
  const versions = await readVersions(level);
  const actual = new Map<string, string>();
  for await (const [key, value] of level.iterator<Uint8Array, Uint8Array>(asBytes)) {
    const prefix = String.fromCharCode(key[0] ?? 0);
    if ('thgr'.includes(prefix)) {
      actual.set(Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex'));
    } else if (prefix === 'o') {
      const revision = decodeRecord(value);
      // One that had a list of its own would be longer than it should be.
      const held = Buffer.concat([encodeIdentity(revision), revision.revisions]);
      actual.set(Buffer.from(key).toString('hex'), held.toString('hex'));
    }
  }
  const tree = new DigestTree();
  const expected = new Map<string, string>();
  const pathLanes = new Uint32Array(4);
  const digest = new Uint32Array(4);
  const expectKey = (key: Buffer, value: Buffer = Buffer.alloc(0)) =>
    expected.set(key.toString('hex'), value.toString('hex'));
  for (const [path, version] of versions) {
    if (version.retired) {
      expectKey(retiredKey(version, path));
      continue;
    }
    for (const [identity, slot] of listedRevisions(version)) expectKey(revisionKey(slot, path), identity);
    hashPath(path, pathLanes);
    digestEncodedIdentity(encodeIdentity(version), pathLanes, digest);
    tree.add(leafOf(pathLanes), digest);
    expectKey(timeKey(version, path));
    expectKey(hashKey(pathLanes, path), encodeIdentity(version));
    if (isMortal(version) && diedAtMs(version) >= 0) expectKey(graveKey(version, path));
  }
  return {
    versions,
    tree,
    missing: [...expected].filter(([key, value]) => actual.get(key) !== value).map(([key]) => key),
    stray: [...actual.keys()].filter((key) => !expected.has(key)),
  };
}
