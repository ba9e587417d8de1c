import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differingDigests, DigestTree, digestToHex } from '../../src/core/digest-tree.ts';

const entries = fc.array(
  fc.record({
    leaf: fc.oneof(fc.constantFrom(0, 1, 255, 256, 65_535), fc.integer({ min: 0, max: 65_535 })),
    lanes: fc.uint32Array({ minLength: 4, maxLength: 4 }),
  }),
  { maxLength: 30 },
);

function treeOf(list: readonly { leaf: number; lanes: Uint32Array }[]): DigestTree {
  const tree = new DigestTree();
  for (const { leaf, lanes } of list) tree.add(leaf, lanes);
  return tree;
}

const everything = (tree: DigestTree) => [
  tree.root(),
  tree.branches(),
  ...[0, 1, 255].map((branch) => tree.leaves(branch)),
];

describe('the digest tree', () => {
  it('is the same for the same entries in any order', () => {
    fc.assert(
      fc.property(entries, (list) => {
        expect(everything(treeOf(list))).toEqual(everything(treeOf(list.toReversed())));
      }),
      { numRuns: 20 },
    );
  });

  it('forgets an entry without a trace when it is taken out: an emptied leaf is zero again', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const tree = treeOf(list);
        for (const { leaf, lanes } of list.toReversed()) tree.remove(leaf, lanes);
        expect(everything(tree)).toEqual(everything(new DigestTree()));
      }),
      { numRuns: 20 },
    );
  });

  it('sums each level from the one below', () => {
    const tree = treeOf([
      { leaf: 0, lanes: Uint32Array.of(1, 2, 3, 0xffffffff) },
      { leaf: 255, lanes: Uint32Array.of(10, 20, 30, 2) },
      { leaf: 256, lanes: Uint32Array.of(100, 200, 300, 5) },
    ]);
    expect(tree.leaves(0).slice(0, 4)).toEqual(Uint32Array.of(1, 2, 3, 0xffffffff));
    expect(tree.leaves(0).slice(1020)).toEqual(Uint32Array.of(10, 20, 30, 2));
    expect(tree.branches().slice(0, 8)).toEqual(Uint32Array.of(11, 22, 33, 1, 100, 200, 300, 5));
    expect(tree.root()).toEqual(Uint32Array.of(111, 222, 333, 6));
  });

  it('names exactly the branches and leaves where two trees differ', () => {
    const common = { leaf: 7, lanes: Uint32Array.of(1, 1, 1, 1) };
    const a = treeOf([common, { leaf: 513, lanes: Uint32Array.of(0, 0, 0, 1) }]);
    const b = treeOf([common, { leaf: 65_535, lanes: Uint32Array.of(1, 0, 0, 0) }]);
    expect(differingDigests(a.branches(), b.branches())).toEqual([2, 255]);
    expect(differingDigests(a.leaves(2), b.leaves(2))).toEqual([1]);
    expect(differingDigests(a.leaves(0), b.leaves(0))).toEqual([]);
  });

  it('shows an entry that was counted twice', () => {
    const entry = { leaf: 3, lanes: Uint32Array.of(5, 6, 7, 8) };
    expect(differingDigests(treeOf([entry, entry]).root(), treeOf([]).root())).toEqual([0]);
  });

  it('refuses an index outside', () => {
    expect(() => new DigestTree().add(65_536, new Uint32Array(4))).toThrow('Broken invariant');
    expect(() => new DigestTree().leaves(256)).toThrow('Broken invariant');
  });

  it('writes a digest as 32 hexadecimal digits', () => {
    expect(digestToHex(Uint32Array.of(1, 0xabcdef01, 0, 0xffffffff))).toBe(
      '00000001abcdef0100000000ffffffff',
    );
  });
});
