import { createActor, fromPromise, setup } from 'xstate';
import type { KeyPath } from '../../../src/core/key-path.ts';
import type { Logger } from '../../../src/core/ports.ts';
import { openVersionStore, type OpenVersionStore } from '../../../src/store/version-store.ts';
import { applyFaultPlan, drawFaultPlan } from './faults.ts';
import type { NodeContext, NodeProgram } from './simulated-node.ts';
import { World } from './world.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Does a round of work at a steady interval, one at a time, whether it succeeds or not. */
const rounds = setup({
  actors: { work: fromPromise(async (): Promise<void> => undefined) },
  delays: { interval: 200 },
}).createMachine({
  initial: 'waiting',
  states: {
    waiting: { after: { interval: 'working' } },
    working: { invoke: { src: 'work', onDone: 'waiting', onError: 'waiting' } },
  },
});

/** Nodes with a real version store and a real actor, which write, and tell a random other one how far they are. */
function program(names: readonly string[], stores: Map<string, OpenVersionStore>): NodeProgram {
  return async ({ name, clock, random, level, endpoint, defer }: NodeContext) => {
    const store = await openVersionStore({
      level,
      nodeId: name,
      durable: true,
      clock,
      random,
      logger: silent,
      defer,
      tombstoneRetentionMs: 1_000_000,
      revisionsKept: 3,
      maxClockDriftMs: 60_000,
      cacheBytes: 10_000,
    });
    stores.set(name, store);
    endpoint.serve(async (message) => {
      await store.setNote('told', message);
      return new Uint8Array(store.rootDigest().buffer);
    });
    const work = async () => {
      const path = `keys/${random.integer(1, 50)}` as KeyPath;
      const data = new TextEncoder().encode(JSON.stringify(random.uuid()));
      await store.write([{ kind: 'put', path, contentType: 'application/json', data }]);
      const told = new Uint8Array(store.rootDigest().buffer);
      await endpoint.call(random.pick(names), told, { kind: 'tell', deadlineMs: 500 });
    };
    createActor(rounds.provide({ actors: { work: fromPromise(work) } }), { clock }).start();
  };
}

/** A run of five nodes under the faults that the seed draws. */
export async function runSampleCluster(seed: number, untilMs: number): Promise<World> {
  const names = ['n1', 'n2', 'n3', 'n4', 'n5'];
  const world = new World({ seed });
  const stores = new Map<string, OpenVersionStore>();
  for (const name of names) world.addNode(name, program(names, stores)).start();
  const plan = drawFaultPlan(world.random.named('faults'), { nodes: names, durationMs: untilMs * 0.8 });
  applyFaultPlan(world, plan);
  await world.run({ untilMs });
  for (const [name, store] of stores) {
    world.trace.record('end', name, store.sequence, new Uint8Array(store.rootDigest().buffer));
  }
  return world;
}
