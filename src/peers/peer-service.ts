import { KvsError } from '../core/errors.ts';
import type { KeyPath } from '../core/key-path.ts';
import { hex, packEntries } from '../core/leaf-entries.ts';
import { limits } from '../core/limits.ts';
import type { MemberRecord } from '../core/membership.ts';
import type { Ballot, PeerCallName, PeerReply, PeerRequest, PeerTransport } from '../core/peer-calls.ts';
import type { VersionStore } from '../core/ports.ts';
import type { Version } from '../core/version.ts';
import type { Claims } from './claims.ts';
import type { Comparers } from './comparers.ts';
import { readDurable } from './durable.ts';
import type { Links } from './links.ts';
import { ListedLeaves } from './listed-leaves.ts';
import type { MemberTable } from './member-table.ts';
import type { Merger } from './merger.ts';
import { withRecord } from './news.ts';
import { digestBytes, newestEntries, pageOf, VersionPage } from './pages.ts';
import type { Twins } from './twins.ts';
import { decodeRequest, encodeRefusal, encodeReply, type DecodedRequest } from './wire.ts';

export interface PeerServiceOptions {
  readonly cluster: string;
  readonly members: MemberTable;
  readonly store: VersionStore;
  readonly claims: Claims;
  readonly merger: Merger;
  readonly transport: PeerTransport;
  readonly twins: Twins;
  readonly links: Pick<Links, 'noteBytes'>;
  readonly comparers: Pick<Comparers, 'note'>;
  /** False while this node is being bootstrapped. */
  readonly isWhole: () => boolean;
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
      this.#noteBytes(request.from.id, { sent: 0, received: message.length });
      this.#options.comparers.note(request.from.id, request.name);
      const reply = encodeReply(await this.#handle(request));
      this.#noteBytes(request.from.id, { sent: reply.length, received: 0 });
      return reply;
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

  #checkCaller(request: DecodedRequest): void {
    const { cluster, from, to } = request;
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
    // It is asked by another process with the same store, or by mistake of a stranger.
    if (request.name === 'twin') return;
    if (from.storeId === members.self.storeId) throw new KvsError('KVS_SELF', 'A node does not call itself');
    members.admit({ ...from, address: introducedAddress(request) });
    members.noteContact(from.id);
  }

  /** Anybody may call under any name: only what members send and get is remembered. */
  #noteBytes(id: string, bytes: { readonly sent: number; readonly received: number }): void {
    const { members, links } = this.#options;
    if (members.get(id) !== undefined) links.noteBytes(id, bytes);
  }

  #makeHandlers({ members, store, claims, merger, transport, twins, isWhole }: PeerServiceOptions): Handlers {
    const leaves = new ListedLeaves(store);
    return {
      ping: (news) => {
        members.merge(news);
        const reply = members.takeRumours(limits.rumourRecordsMax, 1);
        // Whoever believes something else of this node hears the truth at once, were it old news to all others.
        const isAboutSelf = news.records.some(({ id }) => id === members.self.id);
        return isAboutSelf ? withRecord(reply, members.self) : reply;
      },
      probe: async ({ id, deadlineMs }) => {
        if (id === members.self.id) return { isAlive: true };
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
      push: async ({ versions, isRumour }, from) => {
        const { newer, hasConflict } = await merger.merge(versions, { isRumour, from: from.id });
        const page = pageOf(newer);
        return { newer: page, hasConflict: hasConflict || page.length < newer.length };
      },
      compare: async ({ root: theirs }) => {
        const root = store.rootDigest();
        const isEqual = store.digestsReady && hex(theirs) === hex(digestBytes(root));
        return {
          // While a bootstrap brings the data, a comparison would bring it a second time.
          isReady: store.digestsReady && isWhole(),
          sequence: store.sequence,
          root: digestBytes(root),
          newest: isEqual ? new Uint8Array() : packEntries(await newestEntries(store)),
        };
      },
      branches: () => {
        checkDigests(store);
        return { digests: digestBytes(store.branchDigests()) };
      },
      leaves: ({ branches }) => {
        checkDigests(store);
        return { digests: branches.map((branch) => digestBytes(store.leafDigests(branch))) };
      },
      entries: async ({ leaves: asked }) => {
        const listings = await leaves.list(asked);
        return { listings: listings.map(({ leaf, packed }) => ({ leaf, entries: packed })) };
      },
      fetch: async ({ selections }) => {
        const page = new VersionPage();
        // Step by step: where values are large, few of the leaves are looked at before the page is full.
        for (let at = 0; at < selections.length && !page.isFull; at += selectionsAtOnce) {
          await page.fill(store, await leaves.pathsOf(selections.slice(at, at + selectionsAtOnce)));
        }
        return { versions: page.versions, isComplete: !page.isFull };
      },
      changes: async ({ since }) => {
        // What is written meanwhile is pushed anyway: whoever asks must come to an end.
        const end = store.sequence;
        const changes = await store.changesSince(since, limits.pageItemsMax);
        if (changes === null) return null;
        const changed = new Set(changes.map(({ path }) => path));
        const { paths, packed } = await store.entriesOf([...changed]);
        const last = changes.at(-1)?.sequence ?? end;
        return { paths, entries: packed, next: last < end ? last : null };
      },
      get: async ({ paths }) => {
        const page = new VersionPage();
        const answered = await page.fill(store, paths);
        return { versions: page.versions, answered };
      },
      complete: async ({ holds, sequence, storeId }, from) => {
        // What was agreed was agreed with another store, whose place this one has taken meanwhile.
        if (storeId !== store.storeId) {
          throw new KvsError(
            'KVS_OTHER_MEMBER',
            `The store of this node is ${store.storeId}, not ${storeId}`,
          );
        }
        await claims.noteHeld(from.storeId, sequence);
        claims.noteClaim(from.storeId, holds);
        return null;
      },
      page: async ({ before }) => {
        const entries = await store.newest(limits.pageItemsMax, before ?? undefined);
        const page = new VersionPage();
        const answered = await page.fill(
          store,
          entries.map(({ path }) => path),
        );
        const isLast = answered === entries.length && entries.length < limits.pageItemsMax;
        const last = entries[answered - 1];
        return {
          versions: page.versions,
          next: isLast || last === undefined ? null : last,
          isWhole: isWhole(),
        };
      },
      vote: async ({ paths }) => ({ held: await ballotsOf((some) => store.getMany(some), paths) }),
      vouch: async ({ paths }) => {
        // Asked before the disk is: what a bootstrap brings meanwhile may be missing from what is read.
        const whole = isWhole();
        return { held: await ballotsOf((some) => readDurable(store, some), paths), isWhole: whole };
      },
      leave: ({ incarnation }, from) => {
        const known = members.get(from.id);
        if (known?.storeId === from.storeId) {
          members.merge({ records: [{ ...known, incarnation, state: 'left' }], forgotten: [] });
        }
        return null;
      },
      twin: (request) => twins.answer(request),
    };
  }
}

/** Keys whose versions are read for a vote at one time: their values are in memory until then. */
const ballotsAtOnce = 16;

async function ballotsOf(
  read: (some: readonly KeyPath[]) => Promise<(Version | undefined)[]>,
  paths: readonly KeyPath[],
): Promise<(Ballot | null)[]> {
  const ballots: (Ballot | null)[] = [];
  for (let at = 0; at < paths.length; at += ballotsAtOnce) {
    for (const version of await read(paths.slice(at, at + ballotsAtOnce))) {
      if (version === undefined) {
        ballots.push(null);
        continue;
      }
      const { timestamp, counter, uuid, votes, origin, originJoined } = version;
      ballots.push({ timestamp, counter, uuid, votes, origin, originJoined });
    }
  }
  return ballots;
}

/** Selections whose paths are looked for at one time. */
const selectionsAtOnce = 64;

/** Sums that are not complete could equal another node's by accident: an empty branch, of a store just opened. */
function checkDigests(store: VersionStore): void {
  if (!store.digestsReady) throw new KvsError('KVS_NOT_READY', 'The digests of this node are being summed');
}

/** Where a caller that introduces itself says that it can be reached; undefined for any other call. */
function introducedAddress({ name, request, from }: DecodedRequest): string | undefined {
  if (name !== 'gossip') return undefined;
  const isCaller = ({ id, storeId }: MemberRecord) => id === from.id && storeId === from.storeId;
  return request.news?.records.find(isCaller)?.address;
}
