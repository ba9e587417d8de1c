import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { failedSeeds } from './failed-seeds.ts';
import { runSwarm } from './swarm.ts';

const script = fileURLToPath(new URL('simulate.ts', import.meta.url));

describe('a swarm', () => {
  it.each([101, 102, 103, 104, 105, 106, 107, 108])(
    'of four nodes keeps every promise through the faults that seed %d draws',
    async (seed) => {
      const { error, acknowledgements } = await runSwarm({ seed, nodes: 4 });
      expect(error).toBeUndefined();
      expect(acknowledgements).toBeGreaterThan(0);
    },
  );

  it.each(failedSeeds.map((failed) => [failed.seed, failed.nodes] as const))(
    'that once failed, of seed %d and %d nodes, keeps every promise now',
    async (seed, nodes) => {
      expect((await runSwarm({ seed, nodes })).error).toBeUndefined();
    },
  );

  it('takes the same course in every process, and another one for another seed', async () => {
    const there = await traceHash(1);
    expect(there).toMatch(/^[0-9a-f]{32}$/);
    // Other runs came before it in this process; in the other one it was the first.
    expect((await runSwarm({ seed: 1, nodes: 3, minutes: 0.2 })).hash).toBe(there);
    expect((await runSwarm({ seed: 2, nodes: 3, minutes: 0.2 })).hash).not.toBe(there);
  }, 60_000);
});

/** Runs one swarm in a process of its own. */
async function traceHash(seed: number): Promise<string | undefined> {
  const args = ['--seed', String(seed), '--nodes', '3', '--minutes', '0.2'];
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, ...args]);
  return /\b[0-9a-f]{32}\b/.exec(stdout)?.[0];
}
