import { healthyLink } from './lib/link-faults.ts';
import type { World } from './lib/world.ts';
import { Violation } from './history.ts';
import { addressOf, SimulatedCluster } from './simulated-cluster.ts';

export interface ScenarioOptions {
  readonly seed: bigint | number;
  readonly print: (line: string) => void;
  readonly onLine?: ((line: string) => void) | undefined;
}

/** Something too long for the test suite, to be run by name. */
export interface Scenario {
  readonly title: string;
  /** @throws Violation */
  readonly run: (options: ScenarioOptions) => Promise<void>;
}

/** A cluster of many must not be stopped by the bounds that are made for a few. */
const manyNodes = { callsMax: 65_536, inFlightMax: 65_536 };

const lossRate = 0.1;
const deathKnownMsMax = 10_000;
const changeKnownMsMax = 3_000;

export const scenarios: Readonly<Record<string, Scenario>> = {
  'membership-100': {
    title:
      '100 nodes, 10 % loss, 10 minutes: nobody alive is declared dead; a dead one is known to all within 10 s',
    run: (options) => membershipUnderLoss(options, { nodes: 100, minutes: 10 }),
  },
  'membership-30': {
    title:
      '30 nodes, 10 % loss, 1 minute: nobody alive is declared dead; a dead one is known to all within 10 s',
    run: (options) => membershipUnderLoss(options, { nodes: 30, minutes: 1 }),
  },
  'membership-1000': {
    title: '1,000 nodes: a change of the membership is known to 99.99 % within 3 s',
    run: (options) => changeSpreads(options, 1_000),
  },
  'membership-cost': {
    title: 'The cost of membership for each node and second is flat from 10 to 1,000 nodes',
    run: membershipCost,
  },
};

async function membershipUnderLoss(
  options: ScenarioOptions,
  { nodes, minutes }: { readonly nodes: number; readonly minutes: number },
): Promise<void> {
  const { print } = options;
  let failures = 0;
  let suspicions = 0;
  const cluster = await startMany(options, nodes, (event) => {
    if (event === 'member.failed') failures++;
    if (event === 'member.suspected') suspicions++;
  });
  const { world } = cluster;
  world.network.setFaults({ ...healthyLink, lossRate });
  for (let minute = 1; minute <= minutes; minute++) {
    await world.run({ untilMs: world.clock.elapsedMs + 60_000 });
    print(`minute ${minute} of ${minutes}: ${suspicions} suspicions, ${failures} deaths were told so far`);
  }
  if (failures > 0) throw new Violation('Nobody alive is declared dead', `${failures} times`);

  world.node(addressOf(nodes - 1)).crash();
  const diedAtMs = world.clock.elapsedMs;
  const isKnown = (): boolean =>
    [...cluster.running.values()].every((node) => node.cluster.members.get(`n${nodes}`)?.state === 'dead');
  await runUntil(world, isKnown, diedAtMs + 6 * deathKnownMsMax);
  const knownMs = world.clock.elapsedMs - diedAtMs;
  print(`the death of one is known to all after ${knownMs.toFixed(0)} ms`);
  if (knownMs > deathKnownMsMax)
    throw new Violation('A dead member is known to all within 10 s', `${knownMs} ms`);
}

async function changeSpreads(options: ScenarioOptions, nodes: number): Promise<void> {
  const { print } = options;
  const cluster = await startMany(options, nodes);
  const { world } = cluster;
  // A graceful goodbye: what is measured is the way of the news, not the detection.
  const leaver = addressOf(nodes - 1);
  world.node(leaver).stop();
  const leftAtMs = world.clock.elapsedMs;
  const share = (): number => {
    const others = [...cluster.running.values()].filter(({ name }) => name !== leaver);
    return (
      others.filter((node) => node.cluster.members.get(`n${nodes}`)?.state === 'left').length / others.length
    );
  };
  await runUntil(world, () => share() >= 0.9999, leftAtMs + 10 * changeKnownMsMax);
  const knownMs = world.clock.elapsedMs - leftAtMs;
  print(`known to ${(share() * 100).toFixed(2)} % after ${knownMs.toFixed(0)} ms`);
  if (knownMs > changeKnownMsMax) throw new Violation('News reaches 99.99 % within 3 s', `${knownMs} ms`);
}

async function membershipCost(options: ScenarioOptions): Promise<void> {
  const { print } = options;
  const seconds = 20;
  const costs: number[] = [];
  for (const nodes of [10, 100, 1_000]) {
    const { world } = await startMany(options, nodes);
    const { messages, bytes } = world.network.counters.total;
    await world.run({ untilMs: world.clock.elapsedMs + seconds * 1_000 });
    const { total } = world.network.counters;
    const per = (count: number): number => count / nodes / seconds;
    costs.push(per(total.bytes - bytes));
    print(
      `${nodes} nodes: ${per(total.messages - messages).toFixed(1)} messages, ${per(total.bytes - bytes).toFixed(0)} bytes for each node and second`,
    );
  }
  if (Math.max(...costs) > 2 * Math.min(...costs)) {
    throw new Violation('The cost for each node is flat', costs.map((cost) => cost.toFixed(0)).join(', '));
  }
}

/** To look at so many nodes after each event would take longer than the events do. */
const lookEveryMs = 10;
/** While they meet: to look whether each knows all others takes longer still. */
const lookAtMeetingEveryMs = 100;

/** False when it has not come true by then. */
async function runUntil(
  world: World,
  isTrue: () => boolean,
  deadlineMs: number,
  everyMs = lookEveryMs,
): Promise<boolean> {
  while (!isTrue()) {
    if (world.clock.elapsedMs >= deadlineMs) return false;
    await world.run({ untilMs: Math.min(world.clock.elapsedMs + everyMs, deadlineMs) });
  }
  return true;
}

/** Nodes that know each other, the news of which has died down. */
async function startMany(
  { seed, print, onLine }: ScenarioOptions,
  nodes: number,
  onEvent: (event: string) => void = () => undefined,
): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster({
    seed,
    nodes,
    ...manyNodes,
    onLine,
    onTransition: (_, { event }) => onEvent(event),
  });
  const { world } = cluster;
  cluster.startAll();
  const isQuiet = (): boolean =>
    cluster.isSettled() && [...cluster.running.values()].every((node) => !node.cluster.members.hasRumours);
  if (!(await runUntil(world, isQuiet, 600_000, lookAtMeetingEveryMs)))
    throw new Violation('Membership settles', 'not within 10 minutes');
  print(`${nodes} nodes know each other after ${(world.clock.elapsedMs / 1_000).toFixed(0)} s`);
  return cluster;
}
