import { KvsError } from '../core/errors.ts';
import type { KeyPath } from '../core/key-path.ts';
import { hex, packEntries, pathHash, unpackHashes } from '../core/leaf-entries.ts';
import { limits } from '../core/limits.ts';
import type { PeerCallName, PeerReply, PeerRequest, PeerTransport } from '../core/peer-calls.ts';
import type { VersionStore } from '../core/ports.ts';
import type { Claims } from './claims.ts';
import type { MemberTable } from './member-table.ts';
import type { Merger } from './merger.ts';
import { withRecord } from './news.ts';
import { allLeafEntries, digestBytes, newestEntries, readPage } from './pages.ts';
import { decodeRequest, encodeRefusal, encodeReply, type DecodedRequest } from './wire.ts';

export interface PeerServiceOptions {
  readonly cluster: string;
  readonly members: MemberTable;
  readonly store: VersionStore;
  readonly claims: Claims;
  readonly merger: Merger;
  readonly transport: PeerTransport;
  /** False while this node is being bootstrapped. */
  readonly isWhole: () => boolean;
  /** A peer has dropped what it kept for this node: their data must be compared. */
  readonly onBehind: (id: string) => void;
}

type Handlers = {
  readonly [Name in PeerCallName]: (
    request: PeerRequest<Name>,
    from: Caller,
  ) => PeerReply<Name> | Promise<PeerReply<Name>>;
};

interface Caller {
  readonly id: string;
  readonly storeId: string;
}

/** Answers a node's peers. What it is asked it does at once or refuses; nothing of it waits in a queue of its own. */
export class PeerService {
  readonly #options: PeerServiceOptions;
  readonly #handlers: Handlers;

  constructor(options: PeerServiceOptions) {
    this.#options = options;
    this.#handlers = this.#makeHandlers(options);
  }

  /** Answers one message; a refusal is an answer too. Throws only what is broken here. */
  async answer(message: Uint8Array): Promise<Uint8Array> {
    try {
      const request = decodeRequest(message);
      this.#checkCaller(request);
      return encodeReply(await this.#handle(request));
    } catch (error) {
      if (error instanceof KvsError) return encodeRefusal(error);
      throw error;
    }
  }

  #handle({ name, request, from }: DecodedRequest): Promise<PeerReply<PeerCallName>> {
    const handle = this.#handlers[name] as (
      request: unknown,
      from: Caller,
    ) => Promise<PeerReply<PeerCallName>>;
    return handle(request, from);
  }

  #checkCaller({ cluster, from, to }: DecodedRequest): void {
    const { members } = this.#options;
    if (cluster !== this.#options.cluster) {
      throw new KvsError(
        'KVS_OTHER_CLUSTER',
        `This node is of the cluster ${this.#options.cluster}, not ${cluster}`,
      );
    }
    if (to !== null && to !== members.self.id) {
      throw new KvsError('KVS_OTHER_MEMBER', `This node is ${members.self.id}, not ${to}`);
    }
    if (from.storeId === members.self.storeId) throw new KvsError('KVS_SELF', 'A node does not call itself');
    members.admit(from);
    members.noteContact(from.id);
  }

  #makeHandlers({
    members,
    store,
    claims,
    merger,
    transport,
    isWhole,
    onBehind,
  }: PeerServiceOptions): Handlers {
    return {
      ping: (news) => {
        members.merge(news);
        const reply = members.takeRumours(limits.rumourRecordsMax, 1);
        // Whoever believes something else of this node hears the truth at once, were it old news to all others.
        const isAboutSelf = news.records.some(({ id }) => id === members.self.id);
        return isAboutSelf ? withRecord(reply, members.self) : reply;
      },
      probe: async ({ id, deadlineMs }) => {
        const target = members.get(id);
        if (target === undefined) return { isAlive: false };
        const request = members.takeRumours(limits.rumourRecordsMax, 1);
        const reply = await transport.call(target, 'ping', request, { deadlineMs }).catch(() => undefined);
        if (reply === undefined) return { isAlive: false };
        members.noteContact(id);
        members.merge(reply);
        return { isAlive: true };
      },
      gossip: ({ digest, news }) => {
        if (news !== null) members.merge(news);
        const own = members.digest();
        return { digest: own, news: own === digest ? null : members.news() };
      },
      push: ({ versions, isRumour }, from) => merger.merge(versions, { isRumour, from: from.id }),
      behind: (_, from) => {
        onBehind(from.id);
        return null;
      },
      compare: async ({ root: theirs }) => {
        const root = store.rootDigest();
        const isEqual = store.digestsReady && hex(theirs) === hex(digestBytes(root));
        return {
          isReady: store.digestsReady,
          sequence: store.sequence,
          root: digestBytes(root),
          newest: isEqual ? new Uint8Array() : packEntries(await newestEntries(store)),
        };
      },
      branches: () => ({ digests: digestBytes(store.branchDigests()) }),
      leaves: ({ branches }) => ({
        digests: branches.map((branch) => digestBytes(store.leafDigests(branch))),
      }),
      entries: async ({ leaves }) => {
        const listings = [];
        let listed = 0;
        for (const leaf of leaves) {
          const entries = await allLeafEntries(store, leaf);
          listings.push({ leaf, entries: packEntries(entries) });
          listed += entries.length;
          if (listed >= limits.listedEntriesMax) break;
        }
        return { listings };
      },
      fetch: async ({ selections }) => {
        const paths: KeyPath[] = [];
        for (const { leaf, hashes } of selections) {
          const wanted = unpackHashes(hashes);
          for (const { path } of await allLeafEntries(store, leaf)) {
            if (wanted.has(hex(pathHash(path)))) paths.push(path);
          }
        }
        const { versions, answered } = await readPage(store, paths.slice(0, limits.pageItemsMax));
        return { versions, isComplete: answered === paths.length };
      },
      complete: async ({ holds, sequence, storeId }, from) => {
        await claims.noteExchange(from.storeId, { theyHold: { sequence: holds, storeId }, weHold: sequence });
        return null;
      },
      page: async ({ before }) => {
        const entries = await store.newest(limits.pageItemsMax, before ?? undefined);
        const { versions, answered } = await readPage(
          store,
          entries.map(({ path }) => path),
        );
        const isLast = answered === entries.length && entries.length < limits.pageItemsMax;
        const last = entries[answered - 1];
        return { versions, next: isLast || last === undefined ? null : last, isWhole: isWhole() };
      },
      vote: async ({ paths }) => {
        const held = await store.getMany(paths);
        return {
          held: held.map((version) => {
            if (version === undefined) return null;
            const { timestamp, counter, uuid, votes, origin, originJoined } = version;
            return { timestamp, counter, uuid, votes, origin, originJoined };
          }),
        };
      },
      leave: ({ incarnation }, from) => {
        const known = members.get(from.id);
        if (known !== undefined) {
          members.merge({ records: [{ ...known, incarnation, state: 'left' }], forgotten: [] });
        }
        return null;
      },
    };
  }
}
