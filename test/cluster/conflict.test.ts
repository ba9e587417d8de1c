import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { clusterTestMs, RealCluster } from './real-cluster.ts';
import type { RealNode } from './real-node.ts';

const tool = fileURLToPath(new URL('../../tools/make-conflict.ts', import.meta.url));

interface Decision {
  readonly path: string;
  readonly winner: string;
  readonly origin: string;
  readonly tally: Readonly<Record<string, number>>;
}

async function decisionsOf(node: RealNode): Promise<readonly Decision[]> {
  const actor = (await node.json('/debug/actors/conflict-resolver')) as {
    readonly context: { readonly decisions: readonly Decision[] };
  };
  return actor.context.decisions;
}

it(
  'Nodes with rival versions of one instant vote for that of the oldest node, and tell how',
  async () => {
    const cluster = await RealCluster.prepare(2);
    const folders = cluster.nodes.map(({ folder }) => join(folder, 'data'));
    for (const folder of folders) await mkdir(folder, { recursive: true });
    const program = ['--import', import.meta.resolve('tsx'), tool, ...folders];
    const { stdout } = await promisify(execFile)(process.execPath, program);
    const uuids = [...stdout.matchAll(/uuid ([\w-]+)/g)].map(([, uuid]) => uuid ?? '');
    expect(uuids).toHaveLength(2);

    await Promise.all(cluster.nodes.map((node) => node.start()));
    await cluster.waitFor('an equal version', async () => {
      const [first, second] = await Promise.all(cluster.nodes.map((node) => node.held(['test/conflict'])));
      return first?.[0] !== undefined && first[0].startsWith(`"${uuids[0]}"`) && first[0] === second?.[0];
    });
    await cluster.waitSameData();

    const made = (await Promise.all(cluster.nodes.map(decisionsOf))).flat();
    expect(made.length).toBeGreaterThan(0);
    for (const { path, winner, origin, tally } of made) {
      expect({ path, winner, origin }).toEqual({ path: 'test/conflict', winner: uuids[0], origin: 'node1' });
      expect(tally[uuids[0] ?? '']).toBeGreaterThan(0);
    }
    // Whoever voted before the other one knew the outcome had a tie before it.
    expect(made.map(({ tally }) => tally)).toContainEqual({ [uuids[0] ?? '']: 1, [uuids[1] ?? '']: 1 });
    const told = cluster.nodes.flatMap((node) =>
      node.log().filter(({ message }) => message === 'A conflict was decided by vote'),
    );
    expect(told).toHaveLength(made.length);
    expect(told[0]).toMatchObject({ path: 'test/conflict', winner: uuids[0], tally: made[0]?.tally });
  },
  clusterTestMs,
);
