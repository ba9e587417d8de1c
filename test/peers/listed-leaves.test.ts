import { expect, it } from 'vitest';
import { pathHash } from '../../src/core/leaf-entries.ts';
import { limits } from '../../src/core/limits.ts';
import { ListedLeaves } from '../../src/peers/listed-leaves.ts';
import { path } from '../store/harness.ts';

it('Listed leaves are remembered up to a number of entries; the one used least recently is listed anew', async () => {
  const entriesOfOne = limits.listedEntriesMax / 2;
  const listed: number[] = [];
  const leaves = new ListedLeaves({
    listLeaves: async (asked) => {
      listed.push(...asked);
      return asked.map((leaf) => {
        const packed = new Uint8Array(entriesOfOne * 28);
        packed.set(pathHash(path(`k${leaf}`)));
        return { leaf, packed, paths: Array.from({ length: entriesOfOne }, () => path(`k${leaf}`)) };
      });
    },
  });
  const find = async (leaf: number) =>
    expect(await leaves.pathsOf([{ leaf, hashes: pathHash(path(`k${leaf}`)) }])).toEqual([`k${leaf}`]);
  // Three of these and a fourth fit but for a few entries.
  for (const leaf of [1, 2, 3]) await find(leaf);
  for (const leaf of [1, 2, 3]) await find(leaf);
  expect(listed).toEqual([1, 2, 3]);
  await find(4);
  await find(3);
  expect(listed).toEqual([1, 2, 3, 4]);
  await find(1);
  expect(listed).toEqual([1, 2, 3, 4, 1]);
});
