import { describe, expect, it } from 'vitest';
import { fromPromise } from 'xstate';
import type { Member } from '../../../src/core/membership.ts';
import { pusherMachine } from '../../../src/actors/replicator/pusher.machine.ts';
import { replicatorMachine } from '../../../src/actors/replicator/replicator.machine.ts';
import type { Membership, PushResult } from '../../../src/core/ports.ts';
import { Outboxes } from '../../../src/peers/outboxes.ts';
import { CountingRandom, foreign, path } from '../../store/harness.ts';
import { startBelowParent } from '../below-parent.ts';

/** Outboxes with something for each of these members. */
function outboxesFor(...ids: readonly string[]): Outboxes {
  const members = { present: () => ids.map((id) => ({ id }) as Member) };
  const outboxes = new Outboxes(members as unknown as Membership, new CountingRandom());
  outboxes.add([{ path: path('k'), version: foreign() }]);
  return outboxes;
}

/** A replicator whose pushes never end. */
function replicator(outboxes: Outboxes) {
  const pushed: string[] = [];
  const push = fromPromise<PushResult, { id: string }>(({ input }) => {
    pushed.push(input.id);
    return new Promise<PushResult>(() => undefined);
  });
  const pusher = pusherMachine.provide({ actors: { push } });
  const logic = replicatorMachine.provide({ actors: { pusher } });
  const { child } = startBelowParent(logic, { outboxes, chance: () => 0 });
  return { child, pushed };
}

describe('the replicator of a node that stops', () => {
  it.each(['member.failed', 'member.left', 'member.forgotten'] as const)(
    'waits no longer for a member once it hears %s',
    (type) => {
      const { child } = replicator(outboxesFor('b', 'c'));
      child.send({ type: 'versions.accepted', members: ['b', 'c'] });
      child.send({ type: 'drain' });
      child.send({ type, id: 'b' });
      expect(child.getSnapshot()).toMatchObject({ value: 'flushing' });
      child.send({ type, id: 'c' });
      expect(child.getSnapshot()).toMatchObject({ value: 'drained', status: 'done' });
    },
  );
});
describe('a replicator that is started anew', () => {
  it('tells the members what has waited for them since before', () => {
    expect(replicator(outboxesFor('b', 'c')).pushed).toEqual(['b', 'c']);
  });
});
