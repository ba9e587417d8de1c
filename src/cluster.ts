import type { ChildSpec } from './actors/node/supervision.ts';
import { clusterActors } from './cluster-actors.ts';
import { ClusterTally } from './cluster-tally.ts';
import type { Config } from './config.ts';
import type { KvsError } from './core/errors.ts';
import type { Fact } from './core/facts.ts';
import type { KeyPath } from './core/key-path.ts';
import type { Clock, CollectResult, HeldTombstones, LinkView, Logger, Random, Timers } from './core/ports.ts';
import type { KeyVersion } from './core/version.ts';
import { isBootstrapped } from './peers/bootstrap.ts';
import { ClaimRounds } from './peers/claim-rounds.ts';
import { Claims } from './peers/claims.ts';
import { Comparers } from './peers/comparers.ts';
import { Links } from './peers/links.ts';
import { MemberTable } from './peers/member-table.ts';
import { Merger } from './peers/merger.ts';
import { Outboxes } from './peers/outboxes.ts';
import { PeerService } from './peers/peer-service.ts';
import { QuorumReads } from './peers/quorum-reads.ts';
import { Twins } from './peers/twins.ts';
import { WireTransport, type SendMessage } from './peers/wire-transport.ts';
import type { OpenVersionStore } from './store/version-store.ts';

const hourMs = 3_600_000;

/** The note under which a store keeps the member table. */
const membersNote = 'members';

export interface ClusterOptions {
  readonly config: Config;
  readonly store: OpenVersionStore;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly send: SendMessage;
  /** The addresses that a seed stands for; throws where its name is unknown. */
  readonly resolve: (seed: string) => Promise<readonly string[]>;
  /** Tells the actors what happened. */
  readonly tell: (fact: Fact) => void;
  /** Told once when another process, which was there first, runs a copy of the data folder: this one has to end. */
  readonly onElder: (error: KvsError) => void;
  /** False while a bootstrap is under way. */
  readonly isWhole: () => boolean;
}

/** A node's part in its cluster: what it knows of the others, how it answers them, and the actors that drive it. */
export interface Cluster {
  readonly name: string;
  readonly members: MemberTable;
  readonly outboxes: Outboxes;
  readonly tally: ClusterTally;
  readonly service: PeerService;
  readonly twins: Twins;
  readonly quorum: QuorumReads;
  /** As of the last collection. */
  heldTombstones(): HeldTombstones | undefined;
  /** How it goes between this node and each of the others that are shown. */
  links(): readonly LinkView[];
  /** The actors, in the order in which they start. To be asked for once the own address is known. */
  actors(): readonly ChildSpec[];
}

/** Makes a node's part in its cluster from what its store remembers. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const { config, store, clock, random, logger, tell } = options;
  const members = new MemberTable({
    self: {
      id: config.node_id,
      address: config.advertise_address,
      storeId: store.storeId,
      joinedTimestamp: store.createdAt,
    },
    clock,
    timers: options.timers,
    logger,
    saved: await store.note(membersNote),
    forgetAfterMs: config.forget_member_hours * hourMs,
    save: (bytes) => store.setNote(membersNote, bytes),
  });
  members.onChange(({ change, member }) => tell({ type: `member.${change}`, id: member.id }));
  members.onRumour(() => tell({ type: 'rumour.heard' }));

  const links = new Links(clock);
  const transport = new WireTransport(config.cluster_name, members, links, options.send);
  const outboxes = new Outboxes(members, random);
  const tally = new ClusterTally();
  const publish = (versions: readonly KeyVersion[], except?: string): void => {
    const filled = outboxes.add(versions, except);
    if (filled.length > 0) tell({ type: 'versions.accepted', members: filled });
  };
  const onConflict = (paths: readonly KeyPath[]): void => {
    tally.conflictsDetected += paths.length;
    tell({ type: 'conflict.detected', paths });
  };
  const merger = new Merger({ store, onConflict, onRumour: publish });
  const claims = new Claims(store, members);
  const comparers = new Comparers(clock);
  // The way to the others and their disks takes as long as the own disk does: both begin at the same time.
  store.onWrite(({ changes }) => {
    const local = changes.filter((change) => change.local);
    if (local.length > 0) publish(local);
  });

  let held = 0;
  const rounds = new ClaimRounds(store, members);
  const collect = async (): Promise<CollectResult> => {
    members.forgetLongGone();
    const result = await store.collect(await rounds.removable(held > 0));
    held = result.held;
    return result;
  };
  const heldTombstones = (): HeldTombstones | undefined => {
    const { member } = members.leastClaim(store.sequence);
    return held === 0 || member === undefined ? undefined : { count: held, member };
  };

  const wasBootstrapped = await isBootstrapped(store);
  const parts = {
    ...options,
    members,
    transport,
    outboxes,
    tally,
    merger,
    claims,
    comparers,
    publish,
    collect,
    wasBootstrapped,
  };
  const twins = new Twins({
    members,
    transport,
    logger,
    process: random.uuid(),
    startedAt: clock.now(),
    place: config.advertise_address || `${config.bind_address}:${config.port}`,
    onElder: options.onElder,
  });
  const service = new PeerService({
    cluster: config.cluster_name,
    members,
    store,
    claims,
    merger,
    transport,
    twins,
    links,
    comparers,
    isWhole: options.isWhole,
  });
  const quorum = new QuorumReads({
    store,
    members,
    transport,
    merger,
    timers: options.timers,
    logger,
    isWhole: options.isWhole,
    onConflict,
    repair: (id, version) => {
      if (outboxes.addFor(id, version)) tell({ type: 'versions.accepted', members: [id] });
    },
  });
  const viewLinks = (): LinkView[] => {
    const others = members.list().filter(({ id }) => id !== config.node_id);
    return others.map(({ id }) => links.view(id, outboxes));
  };
  return {
    name: config.cluster_name,
    members,
    outboxes,
    tally,
    service,
    twins,
    quorum,
    heldTombstones,
    links: viewLinks,
    actors: () => clusterActors(parts),
  };
}
