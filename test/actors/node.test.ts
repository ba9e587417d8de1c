import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createActor, fromPromise, SimulatedClock, setup, waitFor, type AnyActorRef } from 'xstate';
import { Inspector } from '../../src/actors/inspector.ts';
import {
  listenDeadlineMs,
  nodeMachine,
  openDeadlineMs,
  type HttpHandle,
  type StoreHandle,
} from '../../src/actors/node/node.machine.ts';
import {
  quietTimeMs,
  restartDelayMs,
  restartDelayMsMax,
  restartDelayMsMin,
  type ChildSpec,
} from '../../src/actors/node/supervision.ts';
import { limits } from '../../src/core/limits.ts';
import type { ActorTransition } from '../../src/core/ports.ts';

/** A child that fails on request, and ends when the node drains unless it is deaf. */
function child(id: string, isDeaf = false): ChildSpec {
  const machine = setup({
    types: {
      events: {} as { type: 'fail' | 'drain' | 'bootstrap.finished' | 'versions.accepted' | 'member.left' },
    },
    actions: {
      fail: () => {
        throw new Error(`${id} fell over`);
      },
    },
  }).createMachine({
    id,
    initial: 'working',
    states: {
      working: {
        on: {
          fail: { actions: 'fail' },
          'bootstrap.finished': 'informed',
          'versions.accepted': 'informed',
          'member.left': 'informed',
          ...(isDeaf ? {} : { drain: 'done' }),
        },
      },
      informed: {},
      done: { type: 'final' },
    },
  });
  return { id, logic: machine };
}

function start(options: {
  children?: readonly ChildSpec[];
  openStore?: () => Promise<StoreHandle>;
  listenHttp?: () => Promise<HttpHandle>;
  closeHttp?: () => Promise<void>;
}) {
  const order: string[] = [];
  const clock = new SimulatedClock();
  const inspector = new Inspector({ now: () => clock.now() });
  const store = { close: async () => void order.push('store closed') };
  const http = {
    url: 'http://x',
    close: async () => {
      order.push('http closing');
      await options.closeHttp?.();
      order.push('http closed');
    },
  };
  const actor = createActor(
    nodeMachine.provide({
      actors: {
        openStore: fromPromise<StoreHandle>(options.openStore ?? (async () => store)),
        listenHttp: fromPromise<HttpHandle, { store: StoreHandle | undefined }>(
          options.listenHttp ?? (async () => http),
        ),
      },
    }),
    {
      clock,
      inspect: inspector.inspect,
      input: {
        mode: 'normal',
        shutdownTimeoutMs: 1000,
        chance: () => 0.5,
        children: () => options.children ?? [child('first'), child('second')],
      },
    },
  ).start();
  return { actor, clock, inspector, order };
}

const running = (actor: AnyActorRef) => waitFor(actor, (snapshot) => snapshot.matches('running'));
const childOf = (actor: AnyActorRef, id: string) => actor.getSnapshot().children[id] as AnyActorRef;

describe('the node', () => {
  it('opens the store, then the port, then starts its actors in order', async () => {
    const { actor, inspector } = start({});
    expect(actor.getSnapshot().value).toEqual({ opening: 'store' });
    await running(actor);
    expect(inspector.actors().map(({ id, state }) => [id, state])).toEqual([
      ['node', 'running'],
      ['first', 'working'],
      ['second', 'working'],
    ]);
  });

  it('fails with the error of a store that does not open', async () => {
    const failure = new Error('locked');
    const { actor } = start({ openStore: () => Promise.reject(failure) });
    await waitFor(actor, (snapshot) => snapshot.status === 'done');
    expect(actor.getSnapshot()).toMatchObject({ value: 'failed', output: { failure } });
  });

  it('closes the store when the port is taken, and fails with that error', async () => {
    const failure = new Error('in use');
    const { actor, order } = start({ listenHttp: () => Promise.reject(failure) });
    await waitFor(actor, (snapshot) => snapshot.status === 'done');
    expect(actor.getSnapshot()).toMatchObject({ value: 'failed', output: { failure } });
    expect(order).toEqual(['store closed']);
  });

  it('starts an actor anew that fails, later each time, and forgives it after a quiet time', async () => {
    const { actor, clock, inspector } = start({});
    await running(actor);
    const supervised = () => actor.getSnapshot().context.supervised['first'];

    childOf(actor, 'first').send({ type: 'fail' });
    expect(inspector.actor('first')).toMatchObject({ status: 'error', error: 'first fell over' });
    expect(actor.getSnapshot().status).toBe('active');
    clock.increment(restartDelayMs(1, 0.5));
    expect(inspector.actor('first')).toMatchObject({ status: 'active', state: 'working', restarts: 1 });

    childOf(actor, 'first').send({ type: 'fail' });
    clock.increment(restartDelayMs(2, 0.5) - 1);
    expect(inspector.actor('first')?.status).toBe('error');
    clock.increment(1);
    expect(supervised()).toEqual({ restarts: 2, failures: 2, lastError: 'first fell over' });

    clock.increment(quietTimeMs);
    expect(supervised()).toMatchObject({ restarts: 2, failures: 0 });
    expect(inspector.actor('second')).toMatchObject({ restarts: 0, status: 'active' });
  });

  it('passes facts on by the routing table only', async () => {
    const { actor } = start({ children: [child('mode-controller'), child('other')] });
    await running(actor);
    actor.send({ type: 'bootstrap.finished', keys: 0 });
    expect(childOf(actor, 'mode-controller').getSnapshot().value).toBe('informed');
    expect(childOf(actor, 'other').getSnapshot().value).toBe('working');
  });

  it('shows that the store failed, and goes on', async () => {
    const { actor, inspector } = start({});
    await running(actor);
    actor.send({ type: 'store.failed', message: 'The disk is full' });
    expect(inspector.actor('node')).toMatchObject({
      state: 'running',
      context: { storeFailure: 'The disk is full' },
    });
    actor.send({ type: 'store.recovered' });
    expect(inspector.actor('node')).toMatchObject({ context: { storeFailure: undefined } });
  });

  it('stops in order: actors, then HTTP, then the store', async () => {
    const { actor, order } = start({});
    await running(actor);
    actor.send({ type: 'stop' });
    await waitFor(actor, (snapshot) => snapshot.status === 'done');
    expect(actor.getSnapshot()).toMatchObject({ value: 'stopped', output: { failure: undefined } });
    expect(order).toEqual(['http closing', 'http closed', 'store closed']);
  });

  it.each([
    ['writes that were under way', { type: 'versions.accepted', members: ['other'] }],
    ['members that go as well', { type: 'member.left', id: 'other' }],
  ] as const)('still tells whoever drains, and nobody who has, of %s', async (_, fact) => {
    const warn = vi.spyOn(console, 'warn');
    onTestFinished(() => warn.mockRestore());
    const { actor, inspector } = start({ children: [child('syncer'), child('replicator', true)] });
    await running(actor);
    actor.send({ type: 'stop' });
    actor.send(fact);
    expect(inspector.actor('replicator')?.state).toBe('informed');
    // XState warns of events to actors that have ended.
    expect(warn).not.toHaveBeenCalled();
  });

  it('leaves behind what does not finish in its share of the time', async () => {
    const { actor, clock, order } = start({
      children: [child('deaf', true)],
      closeHttp: () => new Promise(() => undefined),
    });
    await running(actor);
    actor.send({ type: 'stop' });
    expect(actor.getSnapshot().value).toEqual({ draining: 'children' });
    clock.increment(250);
    expect(actor.getSnapshot().value).toEqual({ draining: 'http' });
    clock.increment(600);
    expect(actor.getSnapshot().value).toEqual({ draining: 'store' });
    await waitFor(actor, (snapshot) => snapshot.status === 'done');
    expect(order).toEqual(['http closing', 'store closed']);
  });

  it.each([
    ['store', { openStore: () => new Promise<never>(() => undefined) }, openDeadlineMs],
    ['port', { listenHttp: () => new Promise<never>(() => undefined) }, listenDeadlineMs],
  ])('gives up a %s that does not open in time', async (what, options, deadlineMs) => {
    const { actor, clock } = start(options);
    await waitFor(actor, (snapshot) => snapshot.matches({ opening: what === 'store' ? 'store' : 'http' }));
    clock.increment(deadlineMs - 1);
    expect(actor.getSnapshot()).toMatchObject({ status: 'active' });
    clock.increment(1);
    await waitFor(actor, (snapshot) => snapshot.status === 'done');
    expect(actor.getSnapshot()).toMatchObject({
      value: 'failed',
      output: { failure: new Error(`The ${what} did not open in time`) },
    });
  });

  it('can be stopped while it opens', async () => {
    const { actor } = start({ openStore: () => new Promise(() => undefined) });
    actor.send({ type: 'stop' });
    await waitFor(actor, (snapshot) => snapshot.status === 'done');
    expect(actor.getSnapshot().value).toBe('stopped');
  });
});

describe('the pause before a restart', () => {
  it('doubles from failure to failure up to a cap, with jitter in its upper half', () => {
    expect(restartDelayMs(1, 0)).toBe(restartDelayMsMin / 2);
    expect(restartDelayMs(1, 1)).toBe(restartDelayMsMin);
    expect(restartDelayMs(3, 1)).toBe(4 * restartDelayMsMin);
    expect(restartDelayMs(1_000_000, 1)).toBe(restartDelayMsMax);
  });
});

describe('the inspector', () => {
  it('tells of each transition once, with where it came from, in ascending ids', async () => {
    const { actor, inspector } = start({});
    const told: ActorTransition[] = [];
    const stop = inspector.subscribe((transition) => told.push(transition));
    await running(actor);
    stop();
    actor.send({ type: 'digests.summed' });
    expect(told.map(({ actor: id, from, to }) => [id, from, to])).toContainEqual([
      'node',
      { opening: 'http' },
      'running',
    ]);
    expect(told.map(({ id }) => id)).toEqual([...told.keys()].map((index) => index + 1));
    expect(inspector.transitionsSince(told.length).transitions).toMatchObject([{ event: 'digests.summed' }]);
  });

  it('says when what a reader asks for is forgotten, or was never known', async () => {
    const { actor, inspector } = start({});
    await running(actor);
    const { transitions } = inspector.transitionsSince(0);
    expect(inspector.transitionsSince(0).gap).toBe(false);
    expect(inspector.transitionsSince(transitions.length).gap).toBe(false);
    expect(inspector.transitionsSince(transitions.length + 1).gap).toBe(true);
    for (let i = 0; i < limits.transitionsMax; i++) actor.send({ type: 'digests.summed' });
    expect(inspector.transitionsSince(0)).toMatchObject({
      gap: true,
      transitions: { length: limits.transitionsMax },
    });
    expect(inspector.actor('node')?.transitions).toHaveLength(limits.actorTransitionsMax);
  });

  it('shows only the context that a machine lets it, and a definition that JSON can hold', async () => {
    const { actor, inspector } = start({});
    await running(actor);
    const detail = inspector.actor('node');
    expect(Object.keys(detail?.context as object)).toEqual([
      'mode',
      'supervised',
      'digestsReady',
      'storeFailure',
    ]);
    expect(JSON.parse(JSON.stringify(detail?.definition))).toMatchObject({
      id: 'node',
      states: { running: {} },
    });
    expect(inspector.actor('none')).toBeUndefined();
  });
});
