import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clusterTestMs, RealCluster } from './real-cluster.ts';
import type { RealNode } from './real-node.ts';

/** Two nodes that hold `key`, and one more that is down and has a copy of the data folder of the second. */
async function startWithCopy(copyId: string) {
  const cluster = await RealCluster.start(2);
  const [first, original] = [cluster.node(1), cluster.node(2)];
  await cluster.waitMembers(2);
  await cluster.waitWritable();
  await first.put('key', 'value');
  await cluster.waitEqual(['key']);
  await original.stop();
  const copy = await cluster.another({ node_id: copyId });
  await cp(join(original.folder, 'data'), join(copy.folder, 'data'), { recursive: true });
  return { cluster, first, original, copy, pair: [first, original] };
}

const refusal = (id: string, other: RealNode) => ({
  level: 'error',
  code: 'KVS_STORE_IN_USE',
  message: expect.stringMatching(
    new RegExp(
      `\\(${id}, .*\\) is a copy of one that node2 serves at ${other.link.address}: .* an empty folder`,
    ),
  ) as unknown,
});

describe('A copied data folder', { timeout: clusterTestMs }, () => {
  it('is not served beside the original, and is once that one makes way', async () => {
    const { cluster, first, original, copy, pair } = await startWithCopy('node2');
    await original.start();
    await cluster.waitMembers(2, pair);
    const before = first.changesOf('node2');

    expect(await copy.startInVain()).toBe(1);
    expect(copy.log().filter(({ level }) => level === 'error')).toEqual([
      expect.objectContaining(refusal('node2', original)),
    ]);
    await first.put('key', 'newer');
    expect(await cluster.waitEqual(['key'], pair)).toEqual({ key: 'newer' });
    expect(first.changesOf('node2')).toEqual(before);
    const address = original.link.address;
    const others = (await first.members()).filter(({ id }) => id !== 'node1');
    expect(others).toMatchObject([{ id: 'node2', address, state: 'alive' }]);

    await original.stop();
    const moved = [first, copy];
    await copy.start();
    await cluster.waitMembers(2, moved);
    await cluster.waitSameData(moved);
    expect(await copy.get('key')).toBe('newer');
  });

  it('under another id ends when it meets the original, with what it took handed on', async () => {
    const { cluster, first, original, copy, pair } = await startWithCopy('node3');
    await original.start();
    await cluster.waitMembers(2, pair);
    cluster.separate([original], [copy], 'silent');
    await copy.start();
    await copy.put('of-the-copy', 1);
    await cluster.waitFor('the write to arrive', async () => (await first.get('of-the-copy')) === 1);

    cluster.mend();
    expect(await copy.ended()).toBe(1);
    expect(copy.log()).toContainEqual(expect.objectContaining(refusal('node3', original)));
    const address = original.link.address;
    await cluster.waitFor('node2 to be seen where it is', async () =>
      (await first.members()).some((member) => member.id === 'node2' && member.address === address),
    );
    await cluster.waitMembers(2, pair);
    expect(await cluster.waitEqual(['key', 'of-the-copy'], pair)).toEqual({ key: 'value', 'of-the-copy': 1 });
    // Its supervisor starts it anew.
    expect(await copy.startInVain()).toBe(1);
  });
});
