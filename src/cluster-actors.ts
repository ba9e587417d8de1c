import { bootstrapperMachine } from './actors/bootstrapper/bootstrapper.machine.ts';
import { collectIntervalMs, collectorMachine } from './actors/collector/collector.machine.ts';
import { conflictResolverMachine } from './actors/conflict-resolver/conflict-resolver.machine.ts';
import { makeCollect } from './actors/effects/collect.actor.ts';
import { makeGossip } from './actors/effects/gossip.actor.ts';
import { makeAsk, makeProbes } from './actors/effects/probe.actor.ts';
import { makePush } from './actors/effects/push.actor.ts';
import { makeSettle, makeStep } from './actors/effects/step.actor.ts';
import { makeVote } from './actors/effects/vote.actor.ts';
import { failureDetectorMachine } from './actors/failure-detector/failure-detector.machine.ts';
import { lastQuestionDeadlineMs, suspicionMachine } from './actors/failure-detector/suspicion.machine.ts';
import { gossiperMachine } from './actors/gossiper/gossiper.machine.ts';
import { modeControllerMachine } from './actors/mode-controller/mode-controller.machine.ts';
import type { ChildSpec } from './actors/node/supervision.ts';
import { pusherMachine } from './actors/replicator/pusher.machine.ts';
import { replicatorMachine } from './actors/replicator/replicator.machine.ts';
import { syncerMachine } from './actors/syncer/syncer.machine.ts';
import type { ClusterOptions } from './cluster.ts';
import type { ClusterTally } from './cluster-tally.ts';
import type { CollectResult } from './core/ports.ts';
import type { KeyVersion } from './core/version.ts';
import { Bootstrap, noteBootstrapped } from './peers/bootstrap.ts';
import type { Claims } from './peers/claims.ts';
import type { Comparers } from './peers/comparers.ts';
import { Exchange } from './peers/exchange.ts';
import { PeerGossip } from './peers/gossip.ts';
import type { MemberTable } from './peers/member-table.ts';
import type { Merger } from './peers/merger.ts';
import type { Outboxes } from './peers/outboxes.ts';
import { PeerProbing } from './peers/probing.ts';
import { pushPages } from './peers/pushing.ts';
import { holdVote } from './peers/voting.ts';
import type { WireTransport } from './peers/wire-transport.ts';

const secondMs = 1_000;
const hourMs = 3_600_000;

/** What the actors of a cluster work with. */
export interface ClusterParts extends ClusterOptions {
  readonly members: MemberTable;
  readonly transport: WireTransport;
  readonly outboxes: Outboxes;
  readonly tally: ClusterTally;
  readonly merger: Merger;
  readonly claims: Claims;
  readonly comparers: Comparers;
  readonly publish: (versions: readonly KeyVersion[]) => void;
  /** Takes what died long ago out of the store. */
  readonly collect: () => Promise<CollectResult>;
  /** Whether this store has been bootstrapped once. */
  readonly wasBootstrapped: boolean;
}

interface ActorParts extends ClusterParts {
  /** The configured seeds, without this node's own address. */
  readonly seeds: readonly string[];
  readonly mustBootstrap: boolean;
  readonly chance: () => number;
}

/** The actors of a node with their effects, in the order in which they start. */
export function clusterActors(parts: ClusterParts): readonly ChildSpec[] {
  const { config, members, random, wasBootstrapped } = parts;
  const seeds = config.seed_nodes.filter((seed) => seed !== members.self.address);
  const mustBootstrap = seeds.length > 0 && !wasBootstrapped;
  if (seeds.length === 0 && !wasBootstrapped) noteFirstNode(parts);
  const all: ActorParts = { ...parts, seeds, mustBootstrap, chance: () => random.next() };
  return [
    modeController(all),
    gossiper(all),
    failureDetector(all),
    replicator(all),
    syncer(all),
    bootstrapper(all),
    conflictResolver(all),
    collector(all),
  ];
}

/** A node without seeds is the first of its cluster: should it be given some later, it has its data already. */
function noteFirstNode({ store, logger }: ClusterParts): void {
  noteBootstrapped(store).catch((error: unknown) =>
    logger.warn('It could not be noted that this node needs no bootstrap', { error }),
  );
}

function modeController({ config, mustBootstrap }: ActorParts): ChildSpec {
  const input = { readOnly: config.read_only, bootstrap: mustBootstrap };
  return { id: 'mode-controller', logic: modeControllerMachine, input };
}

function gossiper({
  config,
  members,
  transport,
  random,
  logger,
  seeds,
  resolve,
  chance,
}: ActorParts): ChildSpec {
  const gossip = new PeerGossip({ members, transport, random, logger, seeds, resolve });
  return {
    id: 'gossiper',
    logic: gossiperMachine.provide({ actors: makeGossip(gossip) }),
    input: {
      intervalMsMin: config.gossip_interval_min * secondMs,
      intervalMsMax: config.gossip_interval_max * secondMs,
      chance,
      hasCompany: () => members.present().length > 0,
      knowsSomebody: () => gossip.knowsSomebody,
      hasRumours: () => members.hasRumours && members.present().length > 0,
    },
  };
}

function failureDetector({ members, transport, random, chance }: ActorParts): ChildSpec {
  const probing = new PeerProbing({ members, transport, random });
  const ask = makeAsk(probing, lastQuestionDeadlineMs);
  const suspicion = suspicionMachine.provide({ actors: { ask } });
  return {
    id: 'failure-detector',
    logic: failureDetectorMachine.provide({ actors: { ...makeProbes(probing), suspicion } }),
    input: { members, chance },
  };
}

function replicator({ members, outboxes, transport, merger, chance }: ActorParts): ChildSpec {
  const push = makePush((id, options) => pushPages({ members, outboxes, transport, merger }, id, options));
  const pusher = pusherMachine.provide({ actors: { push } });
  return {
    id: 'replicator',
    logic: replicatorMachine.provide({ actors: { pusher } }),
    input: { chance, outboxes },
  };
}

function syncer({
  config,
  store,
  members,
  transport,
  claims,
  comparers,
  merger,
  tally,
  mustBootstrap,
  chance,
}: ActorParts): ChildSpec {
  return {
    id: 'syncer',
    logic: syncerMachine.provide({ actors: { step: makeStep() } }),
    input: {
      self: config.node_id,
      members,
      open: (id: string) => {
        const member = members.get(id);
        return member && tally.exchange(new Exchange({ store, transport, claims, merger }, member));
      },
      isComparing: (id: string) => comparers.isComparing(id),
      isBootstrapping: mustBootstrap,
      syncIntervalMs: config.sync_interval * secondMs,
      catchupIntervalMs: config.catchup_interval * secondMs,
      throttleDelayMs: config.throttle_delay_ms,
      fetchDelayMs: config.fetch_delay_ms,
      chance,
    },
  };
}

function bootstrapper({
  config,
  store,
  members,
  transport,
  merger,
  clock,
  logger,
  mustBootstrap,
  chance,
}: ActorParts): ChildSpec {
  const maxAgeMs = config.bootstrap_max_age_hours * hourMs;
  const settle = makeSettle(async () => {
    await noteBootstrapped(store);
    logger.info('Every seed is this node itself: it is the first of its cluster');
  });
  return {
    id: 'bootstrapper',
    logic: bootstrapperMachine.provide({ actors: { step: makeStep(), settle } }),
    input: {
      mustBootstrap,
      open: () => new Bootstrap({ store, members, transport, merger, clock, logger, maxAgeMs }),
      fetchDelayMs: config.fetch_delay_ms,
      chance,
    },
  };
}

function conflictResolver({
  store,
  members,
  transport,
  merger,
  clock,
  logger,
  publish,
  tally,
  chance,
}: ActorParts): ChildSpec {
  const vote = makeVote(async (paths) => {
    const ports = { store, members, transport, merger, clock, logger, publish };
    const result = await holdVote(ports, paths);
    tally.vote(paths.length, result);
    return result;
  });
  return {
    id: 'conflict-resolver',
    logic: conflictResolverMachine.provide({ actors: { vote } }),
    input: { chance },
  };
}

function collector({ config, collect }: ActorParts): ChildSpec {
  return {
    id: 'collector',
    logic: collectorMachine.provide({ actors: { collect: makeCollect(collect) } }),
    input: { intervalMs: collectIntervalMs(config.tombstone_retention_hours * hourMs) },
  };
}
