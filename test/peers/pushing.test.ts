import { describe, expect, it } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import type { Member } from '../../src/core/membership.ts';
import type { PeerRequest, PeerTransport } from '../../src/core/peer-calls.ts';
import type { Membership } from '../../src/core/ports.ts';
import type { KeyVersion } from '../../src/core/version.ts';
import { Outboxes } from '../../src/peers/outboxes.ts';
import { pushPages } from '../../src/peers/pushing.ts';
import { foreign, path } from '../store/harness.ts';

const versionOf = (key: string, data = '1'): KeyVersion => ({
  path: path(key),
  version: foreign({ data: Buffer.from(data) }),
});

/** A member that takes what is pushed to it, and what happens meanwhile. */
function startPushing(meanwhile: (pushes: number, outboxes: Outboxes) => void = () => undefined) {
  const member = { id: 'm', address: 'm:1' } as Member;
  const members = { present: () => [member], get: () => member };
  const outboxes = new Outboxes(members as unknown as Membership, { next: () => 0, uuid: () => '' });
  const pushed: string[][] = [];
  const transport = {
    call: async (_to: unknown, _name: unknown, { versions }: PeerRequest<'push'>) => {
      pushed.push(versions.map((version) => version.path));
      meanwhile(pushed.length, outboxes);
      return { newer: [], hasConflict: false };
    },
  } as unknown as PeerTransport;
  const merger = { merge: async () => ({ newer: [], hasConflict: false }) };
  const aborter = new AbortController();
  const push = () => pushPages({ members, outboxes, transport, merger }, 'm', { signal: aborter.signal });
  return { outboxes, pushed, push, aborter };
}

describe('pushing', () => {
  it('sends what waits, and in the next page what came meanwhile, until nothing does', async () => {
    const { outboxes, pushed, push } = startPushing((pushes, boxes) => {
      if (pushes < 3) boxes.add([versionOf(`later${pushes}`)]);
    });
    outboxes.add([versionOf('a'), versionOf('b')]);
    expect(await push()).toBe('empty');
    expect(pushed).toEqual([['a', 'b'], ['later1'], ['later2']]);
    expect(outboxes.isEmpty).toBe(true);
  });

  it('tells after sixteen pages that there may be more', async () => {
    const { outboxes, pushed, push } = startPushing(
      (pushes, boxes) => void boxes.add([versionOf(`k${pushes}`)]),
    );
    outboxes.add([versionOf('k0')]);
    expect(await push()).toBe('more');
    expect(pushed).toHaveLength(16);
  });

  it('tells after about a page of bytes that there may be more', async () => {
    const large = 'x'.repeat(limits.pageBytesMax / 2);
    const { outboxes, pushed, push } = startPushing();
    outboxes.add(['a', 'b', 'c', 'd', 'e'].map((key) => versionOf(key, large)));
    expect(await push()).toBe('more');
    expect(pushed).toEqual([['a', 'b']]);
  });

  it('ends when it is not wanted any more, or the outbox has overflown', async () => {
    const stopped = startPushing((_, boxes) => {
      boxes.add([versionOf('later')]);
      stopped.aborter.abort();
    });
    stopped.outboxes.add([versionOf('a')]);
    await stopped.push();
    expect(stopped.pushed).toEqual([['a']]);

    const full = startPushing((_, boxes) => {
      boxes.add(Array.from({ length: limits.outboxVersionsMax + 1 }, (_unused, n) => versionOf(`k${n}`)));
    });
    full.outboxes.add([versionOf('a')]);
    expect(await full.push()).toBe('overflown');
    expect(full.pushed).toEqual([['a']]);
  });
});
