import { branchCount } from '../core/digest-tree.ts';
import { assert, KvsError } from '../core/errors.ts';
import type { KeyPath } from '../core/key-path.ts';
import { limits } from '../core/limits.ts';
import type { DigestEntry, VersionStore } from '../core/ports.ts';
import type { KeyVersion } from '../core/version.ts';

/** Digest lanes as bytes, big-endian. */
export function digestBytes(lanes: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(lanes.length * 4);
  const view = new DataView(bytes.buffer);
  lanes.forEach((lane, index) => view.setUint32(index * 4, lane));
  return bytes;
}

/** The lanes that `digestBytes` made bytes of. */
export function digestLanes(bytes: Uint8Array): Uint32Array {
  if (bytes.length % 16 !== 0) throw new KvsError('KVS_PEER_FAILED', 'Not digests: a wrong length');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4));
}

export async function newestEntries(store: VersionStore): Promise<DigestEntry[]> {
  const newest = await store.newest(limits.newestEntries);
  const versions = await store.getMany(newest.map(({ path }) => path));
  return newest.flatMap(({ path }, index) => {
    const version = versions[index];
    return version === undefined ? [] : [{ ...version, path }];
  });
}

/** All entries of one digest leaf, however many pages that takes. */
export async function allLeafEntries(store: VersionStore, leaf: number): Promise<readonly DigestEntry[]> {
  assert(leaf < branchCount * branchCount, 'a leaf is within the tree');
  let entries = await store.leafEntries(leaf, limits.pageItemsMax);
  for (let isWhole = entries.length < limits.pageItemsMax; !isWhole;) {
    const more = await store.leafEntries(leaf, limits.pageItemsMax, entries.at(-1)?.path);
    entries = [...entries, ...more];
    isWhole = more.length < limits.pageItemsMax;
  }
  return entries;
}

/** The versions of keys, up to a page's bytes but at least one, and how many of the keys that answers. */
export async function readPage(
  store: VersionStore,
  paths: readonly KeyPath[],
): Promise<{ versions: KeyVersion[]; answered: number }> {
  const versions: KeyVersion[] = [];
  let bytes = 0;
  let answered = 0;
  // In small steps, so that large values are not all in memory at once.
  while (answered < paths.length && bytes < limits.pageBytesMax) {
    const some = paths.slice(answered, answered + readStep);
    for (const [index, version] of (await store.getMany(some)).entries()) {
      if (bytes >= limits.pageBytesMax) break;
      answered++;
      const path = some[index];
      if (version === undefined || path === undefined) continue;
      versions.push({ path, version });
      bytes += version.data.length;
    }
  }
  return { versions, answered };
}

const readStep = 64;
