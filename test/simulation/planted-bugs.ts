import { compareVersions, isConflict, type Version } from '../../src/core/version.ts';
import type { StoredVersion } from '../../src/store/version-record.ts';
import type { OpenVersionStore } from '../../src/store/version-store.ts';
import type { PeerRequest } from '../../src/core/peer-calls.ts';
import { decodeRequest, encodeReply } from '../../src/peers/wire.ts';
import type { Planted } from './kvs-node.ts';

/** How long a disk lags behind what was said of it, ms. */
const laggingMs = 10_000;

/** Faults that stores like this one have had, to see that the checks find them. */
export const plantedBugs: Readonly<Record<string, Planted>> = {
  'a merge that ignores votes': {
    store: (store) =>
      replacing(store, {
        merge: (versions) =>
          store.merge(versions.map(({ path, version }) => ({ path, version: { ...version, votes: 0 } }))),
      }),
  },
  'a push that drops what it was given': {
    send: (send) => async (address, message, options) =>
      options.name === 'push'
        ? encodeReply<'push'>({ newer: [], hasConflict: false })
        : send(address, message, options),
  },
  'a member that vouches for less than it holds': {
    send: (send) => async (address, message, options) => {
      if (options.name !== 'vouch') return send(address, message, options);
      const { request } = decodeRequest(message) as { readonly request: PeerRequest<'vouch'> };
      return encodeReply<'vouch'>({ held: request.paths.map(() => null), isWhole: true });
    },
  },
  'a tombstone collected while a dead member lacks it': {
    store: (store) => replacing(store, { collect: () => store.collect(store.sequence) }),
  },
  'an old tombstone not sent in answer to a live version': {
    store: (store) =>
      replacing(store, {
        merge: async (versions) =>
          (await store.merge(versions)).map((result) =>
            result.outcome === 'stale' && (result.current as StoredVersion).retired
              ? { outcome: 'known' }
              : result,
          ),
      }),
  },
  'a claim recorded before its data': {
    store: (store, { clock }) =>
      replacing(store, {
        merge: async (versions) => {
          const held = await store.getMany(versions.map(({ path }) => path));
          const areNew = versions.every(({ version }, index) => {
            const current = held[index];
            return current === undefined || isLater(version, current);
          });
          if (!areNew) return store.merge(versions);
          // Soon enough for whoever looks; too late for a power loss that comes before.
          clock.setTimeout(() => void store.merge(versions).catch(() => undefined), laggingMs);
          return versions.map(() => ({ outcome: 'accepted' }));
        },
      }),
  },
};

function isLater(version: Version, current: Version): boolean {
  return compareVersions(version, current) > 0 && !isConflict(version, current);
}

/** A store with some of its methods replaced. */
function replacing(store: OpenVersionStore, methods: Partial<OpenVersionStore>): OpenVersionStore {
  return new Proxy(store, {
    get: (target, name) => {
      const replaced: unknown = Reflect.get(methods, name);
      if (replaced !== undefined) return replaced;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
