import { describe, expect, it } from 'vitest';
import { SimulatedClock, waitFor } from 'xstate';
import { composeNode, type Served, type Surroundings } from '../src/compose-node.ts';
import type { Config } from '../src/config.ts';
import type { Mode } from '../src/core/ports.ts';
import { simulatedConfig } from './simulation/simulated-config.ts';
import { CountingRandom, FixedClock, memoryLevel, openTestStore, RecordingLogger } from './store/harness.ts';

interface Running {
  readonly served: Served;
  /** The mode when the port was opened. */
  readonly modeAtFirst: Mode;
  stop(): Promise<void>;
}

/** Runs a node that reaches nobody. */
async function run(
  settings: Partial<Config>,
  surroundings: Pick<Surroundings, 'timers'> = {},
): Promise<Running> {
  let serving: Omit<Running, 'stop'> | undefined;
  const { root } = composeNode(simulatedConfig({ node_id: 'node', ...settings }), {
    clock: new FixedClock(),
    random: new CountingRandom(),
    logger: new RecordingLogger(),
    openStore: async (listeners) => (await openTestStore(memoryLevel(), listeners)).store,
    listen: async (served) => {
      serving = { served, modeAtFirst: served.status.mode() };
      return { url: 'http://node', address: 'node:80', close: async () => undefined };
    },
    send: () => Promise.reject(new Error('nobody is there')),
    resolve: async (seed) => [seed],
    ...surroundings,
  });
  root.start();
  await waitFor(root, (snapshot) => snapshot.matches('running'));
  if (serving === undefined) throw new Error('The node runs, and its port was never opened');
  const stop = async (): Promise<void> => {
    root.send({ type: 'stop' });
    await waitFor(root, ({ status }) => status === 'done');
  };
  return { ...serving, stop };
}

describe('a node whose port is open and whose actors do not run yet', () => {
  it.each([
    ['the first of its cluster', { read_only: false, seed_nodes: [] }, 'normal'],
    ['to be bootstrapped perhaps', { read_only: false, seed_nodes: ['seed:80'] }, 'syncing'],
    ['read-only', { read_only: true, seed_nodes: [] }, 'read-only'],
    ['read-only, and to be bootstrapped perhaps', { read_only: true, seed_nodes: ['seed:80'] }, 'read-only'],
  ] as const)('that is %s takes no more than it will when they do', async (_, settings, mode) => {
    const { modeAtFirst, stop } = await run({ ...settings, seed_nodes: [...settings.seed_nodes] });
    expect(modeAtFirst).toBe(mode);
    await stop();
  });
});

describe('what an actor finds out', () => {
  it('is heard by the others when its own step is over: a cause is seen before its effects', async () => {
    const timers = new SimulatedClock();
    const { served, stop } = await run({ seed_nodes: [] }, { timers });
    const steps: string[] = [];
    served.inspector.subscribe(({ actor, event }) => steps.push(`${actor}: ${event}`));
    await served.cluster.members.join({
      id: 'silent',
      address: 'silent:80',
      storeId: '00000000-0000-4000-8000-00000000000a',
      incarnation: 0,
      state: 'alive',
      joinedTimestamp: 1,
      lastSeen: 1,
    });
    while (!steps.includes('node: member.failed')) {
      timers.increment(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const telling = [
      'failure-detector: xstate.done.actor.probe',
      'node: member.suspected',
      'failure-detector.suspicion-silent: xstate.done.actor.ask',
      'node: member.failed',
    ];
    const firstOfEach = new Set(steps.filter((step) => telling.includes(step)));
    expect([...firstOfEach]).toEqual(telling);
    await stop();
  });
});
