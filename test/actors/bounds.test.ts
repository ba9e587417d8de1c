import { describe, expect, it } from 'vitest';
import { createActor, enqueueActions, fromPromise, setup, waitFor } from 'xstate';
import {
  conflictResolverMachine,
  gatherMs,
  voteDeadlineMs,
} from '../../src/actors/conflict-resolver/conflict-resolver.machine.ts';
import { Inspector } from '../../src/actors/inspector.ts';
import { syncerMachine } from '../../src/actors/syncer/syncer.machine.ts';
import type { KeyPath } from '../../src/core/key-path.ts';
import { limits } from '../../src/core/limits.ts';
import type { VoteResult } from '../../src/core/ports.ts';
import { path } from '../store/harness.ts';
import { startBelowParent } from './below-parent.ts';

const pathsFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => path(`k${first + i}`));

describe('the conflict-resolver', () => {
  function start(vote: (paths: readonly KeyPath[]) => Promise<VoteResult>) {
    const ballots: (readonly KeyPath[])[] = [];
    const logic = conflictResolverMachine.provide({
      actors: {
        vote: fromPromise<VoteResult, { paths: readonly KeyPath[] }>(({ input: { paths } }) => {
          ballots.push(paths);
          return vote(paths);
        }),
      },
    });
    const { child, clock } = startBelowParent(logic, { chance: () => 0 });
    const context = () =>
      (child.getSnapshot() as { context: { queue: Set<KeyPath>; overflown: number; decisions: unknown[] } })
        .context;
    return { child, clock, ballots, context };
  }

  it('queues so many keys and no more, and counts those that it leaves to later exchanges', () => {
    const { child, clock, context } = start(() => new Promise(() => undefined));
    child.send({ type: 'conflict.detected', paths: pathsFrom(0, limits.conflictsMax + 5) });
    child.send({ type: 'conflict.detected', paths: pathsFrom(0, 3) });
    expect([context().queue.size, context().overflown]).toEqual([limits.conflictsMax, 5]);
    // A vote takes its keys out; what comes meanwhile fills the queue again, and the vote fails.
    clock.increment(gatherMs);
    child.send({ type: 'conflict.detected', paths: pathsFrom(10_000, limits.voteKeysMax) });
    expect([context().queue.size, context().overflown]).toEqual([limits.conflictsMax, 5]);
    clock.increment(voteDeadlineMs);
    expect([context().queue.size, context().overflown]).toEqual([
      limits.conflictsMax,
      5 + limits.voteKeysMax,
    ]);
    expect([...context().queue].slice(0, 2)).toEqual(['k0', 'k1']);
  });

  it('takes so many keys to one vote, the others to the next, and remembers the last decisions', async () => {
    const decide = (paths: readonly KeyPath[]): VoteResult => ({
      decisions: paths.map((one) => ({ path: one, at: 1, winner: 'u', origin: 'a', tally: {} })),
      undecided: [],
    });
    const { child, clock, ballots, context } = start(async (paths) => decide(paths));
    child.send({ type: 'conflict.detected', paths: pathsFrom(0, limits.voteKeysMax + 3) });
    for (const count of [1, 2]) {
      clock.increment(gatherMs);
      await waitFor(child, () => ballots.length === count);
      await waitFor(child, (snapshot) => snapshot.matches(count === 1 ? 'gathering' : 'idle'));
    }
    expect(ballots.map(({ length }) => length)).toEqual([limits.voteKeysMax, 3]);
    expect(context().decisions).toHaveLength(limits.decisionsMax);
    expect(context().decisions.at(-1)).toMatchObject({ path: `k${limits.voteKeysMax + 2}` });
  });
});

describe('the syncer', () => {
  it('has one timer for a member, and one place in the queue, however often that comes back', () => {
    const hanging = fromPromise<never, unknown>(() => new Promise<never>(() => undefined));
    const logic = syncerMachine.provide({ actors: { step: hanging as never } });
    const ids = ['b', 'c'];
    const { child, clock } = startBelowParent(logic, {
      // The greater id waits before it begins.
      self: 'z',
      members: { present: () => ids.map((id) => ({ id, state: 'alive' })) },
      open: () => ({ progress: () => ({}) }),
      isComparing: () => false,
      isBootstrapping: false,
      syncIntervalMs: 1e9,
      catchupIntervalMs: 120_000,
      throttleDelayMs: 0,
      fetchDelayMs: 0,
      chance: () => 0,
    });
    const before = clock.timers;
    for (let round = 0; round < 50; round++) {
      for (const id of ids) child.send({ type: round % 2 === 0 ? 'member.joined' : 'member.recovered', id });
    }
    expect(clock.timers - before).toBe(ids.length);
    for (let round = 0; round < 50; round++) {
      for (const id of ids) child.send({ type: 'member.fellBehind', id });
    }
    const { behind, partner } = (child.getSnapshot() as { context: { behind: string[]; partner: string } })
      .context;
    expect([partner, ...behind]).toEqual(['b', 'c', 'b']);
  });
});

describe('the inspector', () => {
  it('forgets actors that have ended when there are too many, the oldest first, and none that lives', () => {
    const child = setup({}).createMachine({ id: 'child', initial: 'on', states: { on: {} } });
    const root = setup({
      types: { events: {} as { type: 'come' | 'go'; id: string } },
      actors: { child },
      actions: {
        come: enqueueActions(({ enqueue, event }) => enqueue.spawnChild('child', { id: event.id as never })),
        go: enqueueActions(({ enqueue, event }) => enqueue.stopChild(event.id)),
      },
    }).createMachine({ id: 'root', on: { come: { actions: 'come' }, go: { actions: 'go' } } });
    const inspector = new Inspector({ now: () => 0 });
    const actor = createActor(root, { inspect: inspector.inspect }).start();
    actor.send({ type: 'come', id: 'lasting' });
    for (let i = 0; i < limits.actorsMax + 10; i++) {
      actor.send({ type: 'come', id: `passing-${i}` });
      actor.send({ type: 'go', id: `passing-${i}` });
    }
    const known = inspector.actors().map(({ id }) => id);
    expect(known).toHaveLength(limits.actorsMax);
    expect(known.slice(0, 2)).toEqual(['root', 'lasting']);
    expect(known.slice(2, 3)).toEqual(['passing-12']);
    expect(inspector.actor('passing-0')).toBeUndefined();
  });
});
