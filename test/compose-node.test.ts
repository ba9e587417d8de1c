import { describe, expect, it } from 'vitest';
import { waitFor } from 'xstate';
import { composeNode } from '../src/compose-node.ts';
import type { Mode } from '../src/core/ports.ts';
import { simulatedConfig } from './simulation/simulated-config.ts';
import { CountingRandom, FixedClock, memoryLevel, openTestStore, RecordingLogger } from './store/harness.ts';

describe('a node whose port is open and whose actors do not run yet', () => {
  it.each([
    ['the first of its cluster', { read_only: false, seed_nodes: [] }, 'normal'],
    ['to be bootstrapped perhaps', { read_only: false, seed_nodes: ['seed:80'] }, 'syncing'],
    ['read-only', { read_only: true, seed_nodes: [] }, 'read-only'],
    ['read-only, and to be bootstrapped perhaps', { read_only: true, seed_nodes: ['seed:80'] }, 'read-only'],
  ] as const)('that is %s takes no more than it will when they do', async (_, settings, mode) => {
    const modes: Mode[] = [];
    const { root } = composeNode(
      simulatedConfig({ node_id: 'node', ...settings, seed_nodes: [...settings.seed_nodes] }),
      {
        clock: new FixedClock(),
        random: new CountingRandom(),
        logger: new RecordingLogger(),
        openStore: async (listeners) => (await openTestStore(memoryLevel(), listeners)).store,
        listen: async ({ status }) => {
          modes.push(status.mode());
          return { url: 'http://node', address: 'node:80', close: async () => undefined };
        },
        send: () => Promise.reject(new Error('nobody is there')),
        resolve: async (seed) => [seed],
      },
    );
    root.start();
    await waitFor(root, (snapshot) => snapshot.matches('running'));
    expect(modes).toEqual([mode]);
    root.send({ type: 'stop' });
    await waitFor(root, ({ status }) => status === 'done');
  });
});
