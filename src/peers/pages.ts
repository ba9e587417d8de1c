import { KvsError } from '../core/errors.ts';
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

/**
 * A page of versions: as many as its bounds in number and bytes allow, but at least one, however large. A value of
 * 64 MiB alone, or 1,000 small ones with the longest of paths, fit in a message.
 */
export class VersionPage {
  readonly versions: KeyVersion[] = [];
  #bytes = 0;
  #isFull = false;

  /** True once something did not fit. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** False when it does not fit. */
  add(version: KeyVersion): boolean {
    const bytes = this.#bytes + version.version.data.length;
    const { length } = this.versions;
    this.#isFull ||= length >= limits.pageItemsMax || (length > 0 && bytes > limits.pageBytesMax);
    if (this.#isFull) return false;
    this.#bytes = bytes;
    this.versions.push(version);
    return true;
  }

  /** Adds the present versions of keys, in order, up to the first that does not fit; returns how many keys that answers. */
  async fill(store: Pick<VersionStore, 'getMany'>, paths: readonly KeyPath[]): Promise<number> {
    let answered = 0;
    while (answered < paths.length && !this.#isFull) {
      const some = paths.slice(answered, answered + this.#expected());
      for (const [index, version] of (await store.getMany(some)).entries()) {
        const path = some[index];
        if (path !== undefined && version !== undefined && !this.add({ path, version })) break;
        answered++;
      }
    }
    return answered;
  }

  /** About as many as still fit, if they are like those before: large values must not all be in memory at once. */
  #expected(): number {
    const { length } = this.versions;
    if (length === 0) return firstReadKeys;
    const average = Math.max(1, this.#bytes / length);
    const fitting = Math.ceil((limits.pageBytesMax - this.#bytes) / average);
    return Math.max(1, Math.min(fitting, limits.pageItemsMax - length, length * readGrowth));
  }
}

const firstReadKeys = 8;
const readGrowth = 8;

/** Versions in their order, page by page. */
export function* pagesOf(versions: readonly KeyVersion[]): Generator<KeyVersion[]> {
  for (let at = 0; at < versions.length;) {
    const page = pageOf(versions.slice(at));
    at += page.length;
    yield page;
  }
}

/** The first of some versions, as many as fit on a page. */
export function pageOf(versions: Iterable<KeyVersion>): KeyVersion[] {
  const page = new VersionPage();
  for (const version of versions) if (!page.add(version)) break;
  return page.versions;
}
