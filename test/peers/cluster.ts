import type { Member } from '../../src/core/membership.ts';
import { KvsError } from '../../src/core/errors.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import { limits } from '../../src/core/limits.ts';
import type { PeerCallName, PeerTransport } from '../../src/core/peer-calls.ts';
import type { VersionStore } from '../../src/core/ports.ts';
import type { KeyVersion } from '../../src/core/version.ts';
import { Claims } from '../../src/peers/claims.ts';
import { Comparers } from '../../src/peers/comparers.ts';
import { Exchange } from '../../src/peers/exchange.ts';
import { Links } from '../../src/peers/links.ts';
import { MemberTable } from '../../src/peers/member-table.ts';
import { Merger } from '../../src/peers/merger.ts';
import { QuorumReads } from '../../src/peers/quorum-reads.ts';
import { PeerService } from '../../src/peers/peer-service.ts';
import { Twins } from '../../src/peers/twins.ts';
import { decodeReply, encodeRequest } from '../../src/peers/wire.ts';
import type { Level } from '../../src/store/level.ts';
import type { OpenVersionStore } from '../../src/store/version-store.ts';
import { ManualTimers } from '../manual-timers.ts';
import { CountingRandom, FixedClock, memoryLevel, openTestStore, RecordingLogger } from '../store/harness.ts';

/** Random-looking uuids that are another node's on another node, and the same in each run. */
export class NamedRandom extends CountingRandom {
  readonly #name: number;
  #count = 0;

  constructor(name: number) {
    super();
    this.#name = name;
  }

  override uuid = () =>
    `${(this.#name * 65_536 + ++this.#count).toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
}

/** One message that went over the wire. */
export interface Sent {
  readonly name: PeerCallName;
  readonly from: string;
  readonly to: string;
  readonly requestBytes: number;
  readonly replyBytes: number;
}

/** Nodes that call each other through the codec and nothing else, and what goes wrong between them. */
export class Wire {
  readonly nodes = new Map<string, TestNode>();
  readonly sent: Sent[] = [];
  /** Nodes that were ever started: each makes uuids of its own. */
  started = 0;
  /** Called before a request is delivered, and again before its reply is; what it throws is what the caller gets. */
  fault: (name: PeerCallName, phase: 'request' | 'reply', from: string) => void = () => undefined;

  transportOf(node: () => TestNode): PeerTransport {
    return {
      call: async (to, name, request) => {
        const { id, store } = node();
        const envelope = { cluster: 'kvs', from: { id, storeId: store.storeId }, to: to.id ?? null };
        const message = encodeRequest(envelope, name, request);
        this.fault(name, 'request', id);
        const target = this.nodes.get(to.address);
        if (target === undefined) throw new KvsError('KVS_PEER_UNREACHABLE', `${to.address} is not there`);
        const reply = await target.service.answer(message);
        this.fault(name, 'reply', id);
        this.sent.push({
          name,
          from: id,
          to: target.id,
          requestBytes: message.length,
          replyBytes: reply.length,
        });
        return decodeReply(name, reply);
      },
    };
  }

  bytes(): number {
    return this.sent.reduce((sum, { requestBytes, replyBytes }) => sum + requestBytes + replyBytes, 0);
  }
}

export interface TestNodeOptions {
  readonly id: string;
  readonly wire: Wire;
  readonly clock?: FixedClock;
  readonly level?: Level;
  readonly changeLogEntriesMax?: number | undefined;
  /** A store that stands in for the one that would be opened. */
  readonly wrap?: (store: OpenVersionStore) => OpenVersionStore;
}

/** A node without actors and without HTTP: its store, and what it answers its peers. */
export class TestNode {
  readonly id: string;
  readonly wire: Wire;
  readonly clock: FixedClock;
  readonly logger = new RecordingLogger();
  readonly level: Level;
  readonly store: OpenVersionStore;
  readonly members: MemberTable;
  readonly claims: Claims;
  readonly merger: Merger;
  readonly links: Links;
  readonly comparers: Comparers;
  readonly service: PeerService;
  readonly twins: Twins;
  readonly transport: PeerTransport;
  readonly timers = new ManualTimers();
  readonly quorum: QuorumReads;
  /** What quorum reads found members to lack when they had answered. */
  readonly repairs: { readonly id: string; readonly version: KeyVersion }[] = [];
  readonly conflicts: KeyPath[] = [];
  readonly rumours: KeyVersion[] = [];
  isWhole = true;

  private constructor(options: TestNodeOptions, level: Level, clock: FixedClock, store: OpenVersionStore) {
    const { id, wire } = options;
    this.id = id;
    this.wire = wire;
    this.level = level;
    this.clock = clock;
    this.store = store;
    const self = { id, address: `${id}:1`, storeId: store.storeId, joinedTimestamp: store.createdAt };
    this.members = new MemberTable({
      self,
      clock,
      timers: new ManualTimers(),
      logger: this.logger,
      saved: undefined,
      forgetAfterMs: 0,
      save: () => Promise.resolve(),
    });
    this.claims = new Claims(store, this.members);
    this.merger = new Merger({
      store,
      onConflict: (paths) => this.conflicts.push(...paths),
      onRumour: (versions) => this.rumours.push(...versions),
    });
    this.transport = wire.transportOf(() => this);
    this.twins = new Twins({
      members: this.members,
      transport: this.transport,
      logger: this.logger,
      process: `process-${wire.started}`,
      startedAt: clock.now(),
      place: `${id}:1`,
      onElder: () => undefined,
    });
    this.links = new Links(clock);
    this.comparers = new Comparers(clock);
    this.service = new PeerService({
      cluster: 'kvs',
      members: this.members,
      store,
      claims: this.claims,
      merger: this.merger,
      transport: this.transport,
      twins: this.twins,
      links: this.links,
      comparers: this.comparers,
      isWhole: () => this.isWhole,
    });
    this.quorum = new QuorumReads({
      store,
      members: this.members,
      transport: this.transport,
      merger: this.merger,
      timers: this.timers,
      logger: this.logger,
      isWhole: () => this.isWhole,
      onConflict: (paths) => this.conflicts.push(...paths),
      repair: (to, version) => this.repairs.push({ id: to, version }),
    });
    wire.nodes.set(`${id}:1`, this);
  }

  static async start(options: TestNodeOptions): Promise<TestNode> {
    const level = options.level ?? memoryLevel();
    const clock = options.clock ?? new FixedClock();
    const random = new NamedRandom(++options.wire.started);
    const { changeLogEntriesMax = limits.changeLogEntriesMax } = options;
    const opened = await openTestStore(level, { clock, nodeId: options.id, random, changeLogEntriesMax });
    await opened.store.whenDigestsReady();
    return new TestNode(options, level, clock, options.wrap?.(opened.store) ?? opened.store);
  }

  /** Both know each other from now on. */
  meet(other: TestNode): void {
    this.members.merge(other.members.news());
    other.members.merge(this.members.news());
  }

  member(other: TestNode): Member {
    const member = this.members.get(other.id);
    if (member === undefined) throw new Error(`${this.id} does not know ${other.id}`);
    return member;
  }

  exchangeWith(other: TestNode): Exchange {
    const { store, transport, claims, merger } = this;
    return new Exchange({ store, transport, claims, merger }, this.member(other));
  }

  /** A whole exchange; returns how many steps it took. */
  async syncWith(other: TestNode): Promise<number> {
    const exchange = this.exchangeWith(other);
    let steps = 1;
    while ((await exchange.step()) !== null) if (++steps > 10_000) throw new Error('the exchange never ends');
    return steps;
  }

  /** Up to where another node claims to hold what this one has. */
  claimOf(other: TestNode): number {
    const least = this.members.leastClaim(Infinity);
    return least.member === other.id ? least.sequence : Infinity;
  }
}

/** All that a node serves: its present versions by path. */
export async function contents(store: VersionStore): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const { path } of await store.newest(1_000_000)) {
    const version = await store.get(path);
    if (version === undefined) continue;
    all[path] =
      `${version.uuid} ${version.votes} ${version.deleted ? 'deleted' : Buffer.from(version.data).toString()}`;
  }
  return Object.fromEntries(Object.entries(all).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
