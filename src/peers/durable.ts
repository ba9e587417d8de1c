import type { KeyPath } from '../core/key-path.ts';
import type { VersionStore } from '../core/ports.ts';
import type { Version } from '../core/version.ts';

/** The versions of keys, durable: what can be read already and is still being synced is waited for. */
export async function readDurable(
  store: Pick<VersionStore, 'getMany' | 'isDurable' | 'merge'>,
  paths: readonly KeyPath[],
): Promise<(Version | undefined)[]> {
  const versions = await store.getMany(paths);
  const unsynced = paths.flatMap((path, index) => {
    const version = versions[index];
    return version === undefined || store.isDurable(version) ? [] : [{ path, version }];
  });
  // It changes nothing, and comes behind the commit that is under way.
  if (unsynced.length > 0) await store.merge(unsynced);
  return versions;
}
