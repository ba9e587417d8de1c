import { describe, expect, it } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import type { Member } from '../../src/core/membership.ts';
import type { Membership } from '../../src/core/ports.ts';
import type { KeyVersion, Version } from '../../src/core/version.ts';
import { Outboxes } from '../../src/peers/outboxes.ts';
import { foreign, path } from '../store/harness.ts';

function outboxesFor(...ids: string[]): Outboxes {
  const present = ids.map((id) => ({ id }) as Member);
  let state = 1;
  const next = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  return new Outboxes({ present: () => present } as unknown as Membership, { next, uuid: () => '' });
}

const versionOf = (key: string, change: Partial<Version> = {}): KeyVersion => ({
  path: path(key),
  version: foreign(change),
});

const values = (versions: readonly KeyVersion[]) =>
  versions.map((one) => `${one.path} ${one.version.counter}`);

describe('what waits for a member', () => {
  it('is the greatest version of each key, the oldest key first, for all members but the one it came from', () => {
    const boxes = outboxesFor('a', 'b', 'c');
    boxes.add([versionOf('x'), versionOf('y', { counter: 5 })], 'b');
    boxes.add([versionOf('x', { counter: 1 }), versionOf('y', { counter: 4 })]);
    expect(values(boxes.page('a'))).toEqual(['x 1', 'y 5']);
    expect(values(boxes.page('c'))).toEqual(['x 1', 'y 5']);
    expect(values(boxes.page('b'))).toEqual(['x 1', 'y 4']);
    expect(boxes.size('a')).toBe(2);
    expect([boxes.size('nobody'), boxes.page('nobody')]).toEqual([0, []]);
  });

  it('stays until it is acknowledged; what changed while it was on its way stays then too', () => {
    const boxes = outboxesFor('a');
    boxes.add([versionOf('x'), versionOf('y')]);
    const page = boxes.page('a');
    expect(boxes.page('a')).toEqual(page);
    boxes.add([versionOf('x', { counter: 1 })]);
    boxes.acknowledge('a', page);
    expect(values(boxes.page('a'))).toEqual(['x 1']);
    boxes.acknowledge('a', page);
    expect(boxes.size('a')).toBe(1);
    boxes.acknowledge('a', boxes.page('a'));
    boxes.acknowledge('nobody', page);
    expect(boxes.size('a')).toBe(0);
  });

  it('has waited longest where it stands first', () => {
    const boxes = outboxesFor('a');
    expect(boxes.oldest('a')).toBeUndefined();
    boxes.add([versionOf('x', { counter: 1 }), versionOf('y', { counter: 2 })]);
    expect(boxes.oldest('a')?.counter).toBe(1);
    boxes.acknowledge('a', boxes.page('a').slice(0, 1));
    expect(boxes.oldest('a')?.counter).toBe(2);
    expect(boxes.oldest('nobody')).toBeUndefined();
  });

  it('goes page by page, in number and in bytes; a larger value has a page of its own', () => {
    const boxes = outboxesFor('a');
    const large = new Uint8Array(limits.pageBytesMax + 1);
    boxes.add([versionOf('large', { data: large }), versionOf('small')]);
    boxes.add(Array.from({ length: limits.pageItemsMax + 5 }, (_, i) => versionOf(`k${i}`)));
    const sizes: number[] = [];
    while (boxes.size('a') > 0) {
      const page = boxes.page('a');
      sizes.push(page.length);
      boxes.acknowledge('a', page);
    }
    expect(sizes).toEqual([1, limits.pageItemsMax, 6]);
  });

  it('of too many keys is dropped, and the member is behind until it is cleared', () => {
    const boxes = outboxesFor('a', 'b');
    const full = Array.from({ length: limits.outboxVersionsMax }, (_, i) => versionOf(`k${i}`));
    boxes.add(full);
    boxes.acknowledge('b', full);
    expect([boxes.size('a'), boxes.hasOverflown('a')]).toEqual([limits.outboxVersionsMax, false]);
    boxes.add([versionOf('k0', { counter: 1 })]);
    expect(boxes.hasOverflown('a')).toBe(false);
    boxes.add([versionOf('one more')]);
    expect([boxes.size('a'), boxes.hasOverflown('a')]).toEqual([0, true]);
    expect([boxes.size('b'), boxes.hasOverflown('b')]).toEqual([2, false]);
    expect(boxes.waiting).toEqual(['b', 'a']);
    boxes.add([versionOf('later')]);
    expect(boxes.size('a')).toBe(0);
    boxes.clear('a');
    expect(boxes.waiting).toEqual(['b']);
    boxes.add([versionOf('after')]);
    expect(values(boxes.page('a'))).toEqual(['after 0']);
  });

  it('of too many bytes is dropped; replaced versions and acknowledged ones do not count', () => {
    const boxes = outboxesFor('a');
    const data = new Uint8Array(limits.outboxBytesMax / 4);
    for (let round = 0; round < 10; round++) {
      boxes.add([versionOf('same', { counter: round, data })]);
      const other = [versionOf(`other${round}`, { data })];
      boxes.add(other);
      boxes.acknowledge(
        'a',
        [...boxes.page('a'), ...other].filter((one) => one.path !== 'same'),
      );
    }
    expect(boxes.hasOverflown('a')).toBe(false);
    boxes.add([1, 2, 3].map((i) => versionOf(`full${i}`, { data })));
    expect(boxes.hasOverflown('a')).toBe(false);
    boxes.add([versionOf('last', { data: new Uint8Array(1) })]);
    expect([boxes.hasOverflown('a'), boxes.size('a')]).toEqual([true, 0]);
  });
});

describe('many members', () => {
  const ids = Array.from({ length: limits.pushFanOut + 4 }, (_, i) => `m${i}`);

  it('are told by some of them, other ones each time, and whoever is told passes it on', () => {
    const boxes = outboxesFor(...ids);
    expect(boxes.areRumours).toBe(true);
    for (let i = 0; i < 50; i++) {
      boxes.add([versionOf(`k${i}`)], 'm0');
      expect(ids.filter((id) => boxes.page(id).some((one) => one.path === `k${i}`))).toHaveLength(
        limits.pushFanOut,
      );
    }
    expect(boxes.size('m0')).toBe(0);
    for (const id of ids.slice(1)) expect(boxes.size(id)).toBeGreaterThan(10);
  });

  it('as many as are told directly need no passing on', () => {
    const boxes = outboxesFor(...ids.slice(0, limits.pushFanOut));
    expect(boxes.areRumours).toBe(false);
    boxes.add([versionOf('k')]);
    for (const id of ids.slice(0, limits.pushFanOut)) expect(boxes.size(id)).toBe(1);
  });
});
