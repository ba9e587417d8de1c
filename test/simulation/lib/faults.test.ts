import { describe, expect, it } from 'vitest';
import { applyFaultPlan, drawFaultPlan, faultLimits, type FaultPlan } from './faults.ts';
import { healthyLink } from './link-faults.ts';
import { RandomStreams } from './random.ts';
import { World } from './world.ts';

const nodes = ['a', 'b', 'c', 'd'];
const durationMs = 60_000;

function draw(seed: number): FaultPlan {
  return drawFaultPlan(new RandomStreams(seed).named('faults'), { nodes, durationMs });
}

describe('a fault plan', () => {
  it('follows from its seed', () => {
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('has each kind of fault in some runs and not in others, within the limits', () => {
    const plans = Array.from({ length: 200 }, (_, seed) => draw(seed));
    const shareOf = (has: (plan: FaultPlan) => boolean) => plans.filter(has).length / plans.length;
    const shares = [
      shareOf(({ link }) => link.lossRate > 0),
      shareOf(({ link }) => link.duplicationRate > 0),
      shareOf(({ link }) => link.delay !== healthyLink.delay),
      shareOf(({ disk }) => disk.syncDelay !== undefined),
      shareOf(({ clocks }) => [...clocks.values()].some(({ driftPpm }) => driftPpm !== 0)),
      shareOf(({ clocks }) => [...clocks.values()].some(({ offsetMs }) => offsetMs !== 0)),
      ...(['partition', 'cut', 'mend', 'slow-link', 'crash', 'pause', 'jump'] as const).map((kind) =>
        shareOf(({ incidents }) => incidents.some((incident) => incident.kind === kind)),
      ),
    ];
    for (const share of shares) {
      expect(share).toBeGreaterThan(0.25);
      expect(share).toBeLessThan(0.65);
    }
    for (const { link, incidents, clocks } of plans) {
      expect(link.lossRate).toBeLessThan(faultLimits.lossRateMax);
      expect(incidents.every(({ atMs }) => atMs >= 0 && atMs < durationMs)).toBe(true);
      expect(incidents.map(({ atMs }) => atMs)).toEqual(
        incidents.map(({ atMs }) => atMs).toSorted((a, b) => a - b),
      );
      expect([...clocks.keys()]).toEqual(nodes);
    }
  });

  it('happens to the world, and is over when it is to be: all nodes up, all links whole', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const world = new World({ seed });
      for (const name of nodes)
        world.addNode(name, ({ endpoint }) => endpoint.serve(async (it) => it)).start();
      const plan = draw(seed);
      const states = new Set<string>();
      world.onLifecycle((_, event) => states.add(event));
      applyFaultPlan(world, plan);
      await world.run({ untilMs: durationMs });
      for (const { incidents, kind, event } of [
        { incidents: plan.incidents, kind: 'crash', event: 'crashed' },
        { incidents: plan.incidents, kind: 'pause', event: 'paused' },
      ]) {
        const isPlanned = incidents.some((incident) => incident.kind === kind);
        if (!isPlanned) expect(states).not.toContain(event);
      }
      expect(world.nodes.map(({ state }) => state)).toEqual(nodes.map(() => 'running'));
      for (const from of nodes) for (const to of nodes) expect(world.network.isCut(from, to)).toBe(false);
    }
  });

  it('puts each incident into effect at its time', async () => {
    const world = new World({ seed: 1 });
    for (const name of nodes) world.addNode(name, () => undefined).start();
    const wall = () => world.node('b').clock.now() - world.clock.now();
    applyFaultPlan(world, {
      healAtMs: 1_000,
      link: { ...healthyLink, lossRate: 1 },
      disk: { syncDelay: { minMs: 1, meanMs: 1, maxMs: 1 } },
      clocks: new Map([['b', { offsetMs: 500, driftPpm: 0 }]]),
      incidents: [
        { kind: 'cut', atMs: 100, from: 'a', to: 'b' },
        { kind: 'mend', atMs: 200 },
        { kind: 'partition', atMs: 300, groups: [['a'], ['b', 'c', 'd']] },
        { kind: 'crash', atMs: 400, node: 'c', how: {}, downMs: 200 },
        { kind: 'crash', atMs: 450, node: 'd', how: {}, downMs: 5_000 },
        { kind: 'pause', atMs: 500, node: 'a', forMs: 5_000 },
        { kind: 'jump', atMs: 700, node: 'b', byMs: -800 },
      ],
    });
    const at = async (untilMs: number) => {
      await world.run({ untilMs });
      return {
        ab: world.network.isCut('a', 'b'),
        states: world.nodes.map(({ state }) => state).join(' '),
        wall: wall(),
      };
    };
    const allUp = 'running running running running';
    expect(await at(50)).toEqual({ ab: false, states: allUp, wall: 500 });
    expect(await at(150)).toEqual({ ab: true, states: allUp, wall: 500 });
    expect(await at(250)).toEqual({ ab: false, states: allUp, wall: 500 });
    expect(await at(550)).toEqual({ ab: true, states: 'paused running down down', wall: 500 });
    expect(await at(750)).toEqual({ ab: true, states: 'paused running running down', wall: -300 });
    expect(world.node('a').disk.faults.syncDelay).toBeDefined();
    expect(await at(1_000)).toEqual({ ab: false, states: allUp, wall: -300 });
    expect(world.node('a').disk.faults).toEqual({});
  });
});
