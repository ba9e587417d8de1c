import { describe, expect, it } from 'vitest';
import { fromPromise, waitFor, type AnyActorLogic, type AnyActorRef } from 'xstate';
import {
  bootstrapperMachine,
  pageDeadlineMs,
  pageRetryMsMax,
  pageRetryMsMin,
} from '../../src/actors/bootstrapper/bootstrapper.machine.ts';
import {
  conflictResolverMachine,
  gatherMs,
  voteDeadlineMs,
  voteRetryMsMax,
  voteRetryMsMin,
} from '../../src/actors/conflict-resolver/conflict-resolver.machine.ts';
import {
  failureDetectorMachine,
  periodMs,
  revisitIntervalMs,
} from '../../src/actors/failure-detector/failure-detector.machine.ts';
import {
  lastQuestionDeadlineMs,
  suspicionMachine,
} from '../../src/actors/failure-detector/suspicion.machine.ts';
import {
  exchangeDeadlineMs,
  gossiperMachine,
  joinDeadlineMs,
  joinRetryMsMax,
  joinRetryMsMin,
  leaveDeadlineMs,
  spreadDeadlineMs,
  spreadIntervalMs,
} from '../../src/actors/gossiper/gossiper.machine.ts';
import {
  pushDeadlineMs,
  pushRetryMsMax,
  pushRetryMsMin,
  pusherMachine,
} from '../../src/actors/replicator/pusher.machine.ts';
import { flushDeadlineMs, replicatorMachine } from '../../src/actors/replicator/replicator.machine.ts';
import { catchUpRetryMsMin, stepDeadlineMs, syncerMachine } from '../../src/actors/syncer/syncer.machine.ts';
import { path } from '../store/harness.ts';
import { startBelowParent, type CountingClock } from './below-parent.ts';

const hanging = fromPromise<never>(() => new Promise<never>(() => undefined));
const failing = fromPromise<never>(() => Promise.reject(new Error('no')));

const intervalMs = 100;
const fullBoxes = {
  isEmpty: false,
  waiting: [],
  size: () => 1,
  hasOverflown: () => false,
  clear: () => undefined,
};
const chance = () => 0;
const other = { id: 'b', state: 'alive' };

/** Every machine with one and the same effect in the place of all that it does to the world. */
const machines = {
  bootstrapper: (effect: AnyActorLogic) => ({
    logic: bootstrapperMachine.provide({ actors: { step: effect, settle: effect } }),
    input: { mustBootstrap: true, open: () => ({}), fetchDelayMs: 0, chance },
  }),
  conflictResolver: (effect: AnyActorLogic) => ({
    logic: conflictResolverMachine.provide({ actors: { vote: effect } }),
    input: { chance },
  }),
  failureDetector: (effect: AnyActorLogic) => ({
    logic: failureDetectorMachine.provide({ actors: { probe: effect, revisit: effect } }),
    input: { members: { present: () => [other], suspect: () => undefined, bury: () => undefined }, chance },
  }),
  suspicion: (effect: AnyActorLogic) => ({
    logic: suspicionMachine.provide({ actors: { ask: effect } }),
    input: { id: 'b', graceMs: intervalMs, bury: () => undefined },
  }),
  gossiper: (effect: AnyActorLogic, knowsSomebody = true) => ({
    logic: gossiperMachine.provide({
      actors: { join: effect, exchange: effect, spread: effect, leave: effect },
    }),
    input: {
      intervalMsMin: intervalMs,
      intervalMsMax: intervalMs,
      chance,
      hasCompany: () => true,
      knowsSomebody: () => knowsSomebody,
      hasRumours: () => true,
    },
  }),
  pusher: (effect: AnyActorLogic) => ({
    logic: pusherMachine.provide({ actors: { push: effect } }),
    input: { id: 'b', outboxes: fullBoxes, chance },
  }),
  replicator: () => ({ logic: replicatorMachine, input: { outboxes: fullBoxes, chance } }),
  syncer: (effect: AnyActorLogic) => ({
    logic: syncerMachine.provide({ actors: { step: effect } }),
    input: {
      self: 'a',
      members: { present: () => [other] },
      open: () => ({ progress: () => ({}) }),
      isComparing: () => false,
      isBootstrapping: false,
      syncIntervalMs: 1e9,
      catchupIntervalMs: 120_000,
      throttleDelayMs: 0,
      fetchDelayMs: 0,
      chance,
    },
  }),
};

function start({ logic, input }: { logic: AnyActorLogic; input: unknown }) {
  return startBelowParent(logic, input);
}

type Prepare = (child: AnyActorRef, clock: CountingClock) => void;

const stateOf = (child: AnyActorRef): unknown => (child.getSnapshot() as { value: unknown }).value;

describe('An effect that never ends is given up', () => {
  const cases: [
    name: string,
    make: () => { logic: AnyActorLogic; input: unknown },
    deadlineMs: number,
    during: unknown,
    after: unknown,
    prepare?: Prepare,
  ][] = [
    ['a page of a bootstrap', () => machines.bootstrapper(hanging), pageDeadlineMs, 'fetching', 'stalled'],
    [
      'noting that there is no cluster',
      () => machines.bootstrapper(hanging),
      pageDeadlineMs,
      'settling',
      'stalled',
      (child, clock) => {
        clock.increment(pageDeadlineMs);
        child.send({ type: 'cluster.foundEmpty' });
      },
    ],
    [
      'a vote',
      () => machines.conflictResolver(hanging),
      voteDeadlineMs,
      'voting',
      'pausing',
      (child, clock) => {
        child.send({ type: 'conflict.detected', paths: [path('k')] });
        clock.increment(gatherMs);
      },
    ],
    [
      'a call on the dead',
      () => machines.failureDetector(hanging),
      revisitIntervalMs,
      { active: { revisits: 'calling' } },
      { active: { revisits: 'waiting' } },
      (_, clock) => clock.increment(revisitIntervalMs),
    ],
    [
      'the last question to a suspected member',
      () => machines.suspicion(hanging),
      2 * lastQuestionDeadlineMs,
      'asking',
      'buried',
      (_, clock) => clock.increment(intervalMs),
    ],
    [
      'an attempt to join',
      () => machines.gossiper(hanging),
      joinDeadlineMs,
      { active: { membership: 'joining' } },
      { active: { membership: 'pausing' } },
    ],
    [
      'an exchange of views',
      () => machines.gossiper(hanging, false),
      exchangeDeadlineMs,
      { active: { membership: 'exchanging' } },
      { active: { membership: 'waiting' } },
      (_, clock) => clock.increment(intervalMs),
    ],
    [
      'a round of rumours',
      () => machines.gossiper(hanging),
      spreadDeadlineMs,
      { active: { rumours: 'spreading' } },
      { active: { rumours: 'resting' } },
      (_, clock) => clock.increment(spreadIntervalMs),
    ],
    [
      'a goodbye',
      () => machines.gossiper(hanging),
      leaveDeadlineMs,
      'leaving',
      'drained',
      (child) => child.send({ type: 'drain' }),
    ],
    ['a push', () => machines.pusher(hanging), pushDeadlineMs, 'sending', 'pausing'],
    [
      'what is left to tell when the node stops',
      () => machines.replicator(),
      flushDeadlineMs,
      'flushing',
      'drained',
      (child) => child.send({ type: 'drain' }),
    ],
    [
      'a step of an exchange',
      () => machines.syncer(hanging),
      stepDeadlineMs,
      { exchanging: 'stepping' },
      'idle',
      (child) => child.send({ type: 'member.fellBehind', id: 'b' }),
    ],
  ];

  it.each(cases)('at its deadline and not before: %s', (_, make, deadlineMs, during, after, prepare) => {
    const { child, clock } = start(make());
    prepare?.(child, clock);
    expect(stateOf(child)).toMatchObject(during as object);
    clock.increment(deadlineMs - 1);
    expect(stateOf(child)).toMatchObject(during as object);
    clock.increment(1);
    expect(stateOf(child)).toMatchObject(after as object);
  });

  it('with its period: the question whether a member is there', () => {
    const { child, clock } = start(machines.failureDetector(hanging));
    const probe = () => (child.getSnapshot() as { children: Record<string, unknown> }).children['probe'];
    const first = probe();
    clock.increment(periodMs - 1);
    expect(probe()).toBe(first);
    clock.increment(1);
    expect(probe()).not.toBe(first);
    expect(stateOf(child)).toMatchObject({ active: { probes: { period: 'probing' } } });
  });
});

describe('What fails again and again is tried again', () => {
  const cases: [
    name: string,
    make: () => { logic: AnyActorLogic; input: unknown },
    pausing: unknown,
    trying: unknown,
    bounds: { minMs: number; maxMs: number },
    prepare?: Prepare,
  ][] = [
    [
      'a page of a bootstrap',
      () => machines.bootstrapper(failing),
      'stalled',
      'fetching',
      { minMs: pageRetryMsMin, maxMs: pageRetryMsMax },
    ],
    [
      'a vote',
      () => machines.conflictResolver(failing),
      'pausing',
      'voting',
      { minMs: voteRetryMsMin, maxMs: voteRetryMsMax },
      (child, clock) => {
        child.send({ type: 'conflict.detected', paths: [path('k')] });
        clock.increment(gatherMs);
      },
    ],
    [
      'an attempt to join',
      () => machines.gossiper(failing),
      { active: { membership: 'pausing' } },
      { active: { membership: 'joining' } },
      { minMs: joinRetryMsMin, maxMs: joinRetryMsMax },
    ],
    [
      'a push',
      () => machines.pusher(failing),
      'pausing',
      'sending',
      { minMs: pushRetryMsMin, maxMs: pushRetryMsMax },
    ],
    [
      'an exchange',
      () => machines.syncer(failing),
      'idle',
      { exchanging: 'stepping' },
      { minMs: catchUpRetryMsMin, maxMs: 120_000 },
      (child) => child.send({ type: 'member.fellBehind', id: 'b' }),
    ],
  ];

  it.each(cases)(
    'ever more rarely, never sooner, and at its longest pause for good: %s',
    async (_, make, pausing, trying, { minMs, maxMs }, prepare) => {
      const { child, clock } = start(make());
      prepare?.(child, clock);
      let pauseMs = minMs;
      for (let failures = 1; failures <= 14; failures++) {
        await waitFor(child, () => matches(stateOf(child), pausing));
        // Chance takes the lower half of it all away here.
        clock.increment(pauseMs / 2 - 1);
        expect(stateOf(child)).toMatchObject(pausing as object);
        clock.increment(1);
        expect(stateOf(child)).toMatchObject(trying as object);
        pauseMs = Math.min(maxMs, pauseMs * 2);
      }
      expect(pauseMs).toBe(maxMs);
    },
  );
});

function matches(state: unknown, expected: unknown): boolean {
  try {
    expect(state).toMatchObject(expected as object);
    return true;
  } catch {
    return false;
  }
}
