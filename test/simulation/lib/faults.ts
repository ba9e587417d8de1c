import type { DiskFaults } from './disk.ts';
import { healthyLink, type LinkFaults } from './link-faults.ts';
import type { NodeClockOptions } from './node-clock.ts';
import type { RandomStream } from './random.ts';
import type { CrashOptions, SimulatedNode } from './simulated-node.ts';
import type { World } from './world.ts';

/** Something that goes wrong at one time, ms since the plan began. */
export type Incident =
  | { readonly kind: 'partition'; readonly atMs: number; readonly groups: readonly (readonly string[])[] }
  | { readonly kind: 'cut'; readonly atMs: number; readonly from: string; readonly to: string }
  /** Ends partitions and cuts. */
  | { readonly kind: 'mend'; readonly atMs: number }
  | {
      readonly kind: 'slow-link';
      readonly atMs: number;
      readonly from: string;
      readonly to: string;
      readonly bytesPerSecond: number;
    }
  | {
      readonly kind: 'crash';
      readonly atMs: number;
      readonly node: string;
      readonly how: CrashOptions;
      /** Until it is started again. */
      readonly downMs: number;
    }
  | { readonly kind: 'pause'; readonly atMs: number; readonly node: string; readonly forMs: number }
  | { readonly kind: 'jump'; readonly atMs: number; readonly node: string; readonly byMs: number };

export interface FaultPlan {
  /** When everything that can be healed is: from then on the network is healthy and all nodes are up. */
  readonly healAtMs: number;
  readonly link: LinkFaults;
  readonly disk: DiskFaults;
  /** By node: how wrong its clock is from the start. */
  readonly clocks: ReadonlyMap<string, Required<NodeClockOptions>>;
  /** By time. */
  readonly incidents: readonly Incident[];
}

export interface FaultPlanOptions {
  readonly nodes: readonly string[];
  /** How long the faults last. */
  readonly durationMs: number;
}

/** The worst that a seed may draw. */
export const faultLimits = {
  lossRateMax: 0.3,
  duplicationRateMax: 0.2,
  delayMeanMsMax: 200,
  /** A delay's cut-off is so many times its mean. */
  delayTail: 10,
  bytesPerSecondMin: 10_000,
  bytesPerSecondMax: 1_000_000,
  syncMeanMsMax: 50,
  driftPpmMax: 1_000,
  offsetMsMax: 3_600_000,
  jumpMsMax: 3_600_000,
  pauseMsMax: 30_000,
  downMsMax: 30_000,
  /** The shortest mean distance between two incidents of one kind. */
  incidentGapMsMin: 2_000,
} as const;

/**
 * Draws what goes wrong in a run. Each kind of fault is there in about half of all runs, at a rate that is drawn too:
 * a run with all faults at once hides what a run with two of them shows (Groce et al. 2012, "Swarm Testing").
 */
export function drawFaultPlan(random: RandomStream, { nodes, durationMs }: FaultPlanOptions): FaultPlan {
  return {
    healAtMs: durationMs,
    link: drawLink(random),
    disk: random.chance(0.5) ? { syncDelay: drawDelay(random, faultLimits.syncMeanMsMax) } : {},
    clocks: drawClocks(random, nodes),
    incidents: [
      ...drawIncidents(random, durationMs, (atMs) => drawSplit(random, atMs, nodes)),
      ...drawIncidents(random, durationMs, (atMs) => drawCut(random, atMs, nodes)),
      ...drawIncidents(random, durationMs, (atMs) => ({ kind: 'mend', atMs })),
      ...drawIncidents(random, durationMs, (atMs) => drawSlowLink(random, atMs, nodes)),
      ...drawIncidents(random, durationMs, (atMs) => drawCrash(random, atMs, nodes)),
      ...drawIncidents(random, durationMs, (atMs) => drawPause(random, atMs, nodes)),
      ...drawIncidents(random, durationMs, (atMs) => drawJump(random, atMs, nodes)),
    ].toSorted((a, b) => a.atMs - b.atMs),
  };
}

/**
 * Lets a plan happen to a world, beginning now. When it is over the network is healthy, every disk is quick, every
 * node is up, and clocks go on as wrong as they are.
 */
export function applyFaultPlan(world: World, plan: FaultPlan): void {
  world.network.setFaults(plan.link);
  for (const node of world.nodes) node.disk.faults = plan.disk;
  for (const [name, { offsetMs, driftPpm }] of plan.clocks) {
    world.node(name).clock.jump(offsetMs);
    world.node(name).clock.setDrift(driftPpm);
  }
  for (const incident of plan.incidents) world.after(incident.atMs, () => happen(world, plan, incident));
  world.after(plan.healAtMs, () => heal(world, plan));
}

function heal(world: World, plan: FaultPlan): void {
  world.trace.record('fault.healed');
  world.network.heal();
  world.network.setFaults(healthyLink);
  for (const incident of plan.incidents) {
    if (incident.kind === 'slow-link') world.network.setLinkFaults(incident.from, incident.to, undefined);
  }
  for (const node of world.nodes) {
    node.disk.faults = {};
    bringUp(node);
  }
}

function bringUp(node: SimulatedNode): void {
  if (node.state === 'down') node.start();
  else node.resume();
}

function happen(world: World, plan: FaultPlan, incident: Incident): void {
  world.trace.record(`fault.${incident.kind}`, JSON.stringify(incident));
  const { network } = world;
  switch (incident.kind) {
    case 'partition':
      network.partition(incident.groups);
      break;
    case 'cut':
      network.cut(incident.from, incident.to);
      break;
    case 'mend':
      network.heal();
      break;
    case 'slow-link':
      network.setLinkFaults(incident.from, incident.to, {
        ...plan.link,
        bytesPerSecond: incident.bytesPerSecond,
      });
      break;
    case 'crash': {
      const node = world.node(incident.node);
      if (node.state === 'down') break;
      node.crash(incident.how);
      world.after(incident.downMs, () => {
        if (node.state === 'down') node.start();
      });
      break;
    }
    case 'pause': {
      const node = world.node(incident.node);
      node.pause();
      world.after(incident.forMs, () => node.resume());
      break;
    }
    case 'jump':
      world.node(incident.node).clock.jump(incident.byMs);
      break;
  }
}

function drawLink(random: RandomStream): LinkFaults {
  return {
    delay: random.chance(0.5) ? drawDelay(random, faultLimits.delayMeanMsMax) : healthyLink.delay,
    lossRate: random.chance(0.5) ? random.between(0, faultLimits.lossRateMax) : 0,
    duplicationRate: random.chance(0.5) ? random.between(0, faultLimits.duplicationRateMax) : 0,
    bytesPerSecond: Infinity,
  };
}

function drawDelay(random: RandomStream, meanMsMax: number): LinkFaults['delay'] {
  const meanMs = random.between(0.5, meanMsMax);
  return { minMs: meanMs * random.next(), meanMs, maxMs: meanMs * faultLimits.delayTail };
}

function drawClocks(
  random: RandomStream,
  nodes: readonly string[],
): ReadonlyMap<string, Required<NodeClockOptions>> {
  const { driftPpmMax, offsetMsMax } = faultLimits;
  const hasDrift = random.chance(0.5);
  const hasOffset = random.chance(0.5);
  return new Map(
    nodes.map((name) => {
      const driftPpm = random.between(-driftPpmMax, driftPpmMax);
      const offsetMs = random.integer(-offsetMsMax, offsetMsMax);
      return [name, { driftPpm: hasDrift ? driftPpm : 0, offsetMs: hasOffset ? offsetMs : 0 }];
    }),
  );
}

/** Incidents of one kind, each regardless of the last, at a drawn rate; in half of all cases none. */
function drawIncidents(
  random: RandomStream,
  durationMs: number,
  draw: (atMs: number) => Incident,
): Incident[] {
  const incidents: Incident[] = [];
  if (random.chance(0.5)) return incidents;
  const gapMs = random.between(
    faultLimits.incidentGapMsMin,
    Math.max(durationMs, faultLimits.incidentGapMsMin),
  );
  for (let atMs = random.exponential(gapMs); atMs < durationMs; atMs += random.exponential(gapMs)) {
    incidents.push(draw(atMs));
  }
  return incidents;
}

function drawSplit(random: RandomStream, atMs: number, nodes: readonly string[]): Incident {
  const shuffled = random.shuffle(nodes);
  const size = random.integer(1, Math.max(1, nodes.length - 1));
  return { kind: 'partition', atMs, groups: [shuffled.slice(0, size), shuffled.slice(size)] };
}

function drawCut(random: RandomStream, atMs: number, nodes: readonly string[]): Incident {
  return { kind: 'cut', atMs, ...drawLinkEnds(random, nodes) };
}

function drawSlowLink(random: RandomStream, atMs: number, nodes: readonly string[]): Incident {
  const { bytesPerSecondMin, bytesPerSecondMax } = faultLimits;
  const bytesPerSecond = random.between(bytesPerSecondMin, bytesPerSecondMax);
  return { kind: 'slow-link', atMs, ...drawLinkEnds(random, nodes), bytesPerSecond };
}

function drawLinkEnds(random: RandomStream, nodes: readonly string[]): { from: string; to: string } {
  const [from = '', to = from] = random.shuffle(nodes);
  return { from, to };
}

function drawCrash(random: RandomStream, atMs: number, nodes: readonly string[]): Incident {
  const how = { powerLoss: random.chance(0.5), keepsSome: random.chance(0.5) };
  const downMs = random.between(0, faultLimits.downMsMax);
  return { kind: 'crash', atMs, node: random.pick(nodes), how, downMs };
}

function drawPause(random: RandomStream, atMs: number, nodes: readonly string[]): Incident {
  return { kind: 'pause', atMs, node: random.pick(nodes), forMs: random.between(0, faultLimits.pauseMsMax) };
}

function drawJump(random: RandomStream, atMs: number, nodes: readonly string[]): Incident {
  const byMs = random.integer(-faultLimits.jumpMsMax, faultLimits.jumpMsMax);
  return { kind: 'jump', atMs, node: random.pick(nodes), byMs };
}
