import { describe, expect, it } from 'vitest';
import { createActor, SimulatedClock } from 'xstate';
import { makeStep } from '../../../src/actors/effects/step.actor.ts';
import { syncerMachine } from '../../../src/actors/syncer/syncer.machine.ts';
import type { MemberFact } from '../../../src/core/facts.ts';
import type { Member } from '../../../src/core/membership.ts';
import type { StepKind, Steps } from '../../../src/core/ports.ts';

/** One exchange whose steps are answered, or fail, when the test says so. */
class OpenExchange implements Steps {
  readonly id: string;
  steps = 0;
  answer: (kind: StepKind | null) => void = () => undefined;
  fail: (error: Error) => void = () => undefined;

  constructor(id: string) {
    this.id = id;
  }

  step(): Promise<StepKind | null> {
    this.steps++;
    return new Promise((resolve, reject) => {
      this.answer = resolve;
      this.fail = reject;
    });
  }

  progress(): Readonly<Record<string, number>> {
    return { steps: this.steps };
  }
}

function member(id: string): Member {
  const address = `${id}:1`;
  return { id, address, storeId: id, joinedTimestamp: 0, incarnation: 0, state: 'alive', lastSeen: 0 };
}

interface SyncerOptions {
  readonly isComparing?: (id: string) => boolean;
  readonly isBootstrapping?: boolean;
}

/** A syncer with the members `b` and `c`. */
function startSyncer({ isComparing = () => false, isBootstrapping = false }: SyncerOptions = {}) {
  const exchanges: OpenExchange[] = [];
  const clock = new SimulatedClock();
  const actor = createActor(syncerMachine.provide({ actors: { step: makeStep() } }), {
    clock,
    input: {
      self: 'a',
      members: { present: () => [member('b'), member('c')] },
      open: (id) => {
        const exchange = new OpenExchange(id);
        exchanges.push(exchange);
        return exchange;
      },
      isComparing,
      isBootstrapping,
      syncIntervalMs: 3_600_000,
      catchupIntervalMs: 60_000,
      throttleDelayMs: 100,
      fetchDelayMs: 100,
      chance: () => 0.5,
    },
  }).start();
  return { actor, clock, exchanges };
}

/** One that compares with `b`, whose first step is on its way, and for which `c` is behind too. */
function compareWithTwo(isComparing?: (id: string) => boolean) {
  const { actor, clock, exchanges } = startSyncer(isComparing && { isComparing });
  actor.send({ type: 'member.fellBehind', id: 'b' });
  actor.send({ type: 'member.fellBehind', id: 'c' });
  const [first] = exchanges;
  if (first === undefined) throw new Error('The syncer compares with b');
  return { actor, clock, exchanges, first };
}

/** Lets everything run that a settled promise sets going. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a syncer that waits for a bootstrap to end', () => {
  it.each([
    ['compares with everybody who was behind meanwhile', ['b', 'c'], ['b', 'c']],
    ['compares with somebody where nobody was', [], ['c']],
  ])('%s', async (_, behind, compared) => {
    const { actor, exchanges } = startSyncer({ isBootstrapping: true });
    for (const id of behind) actor.send({ type: 'member.fellBehind', id });
    expect(exchanges).toEqual([]);
    actor.send({ type: 'bootstrap.finished' });
    for (let at = 0; at < compared.length; at++) {
      exchanges[at]?.answer(null);
      await settled();
    }
    expect(exchanges.map(({ id }) => id)).toEqual(compared);
  });
});

const departures: readonly MemberFact['type'][] = ['member.failed', 'member.left', 'member.forgotten'];

describe('an exchange', () => {
  it.each(departures)('ends at once on the `%s` of its member, and the next one begins', (type) => {
    const { actor, exchanges } = compareWithTwo();
    actor.send({ type, id: 'b' });
    expect(exchanges.map(({ id }) => id)).toEqual(['b', 'c']);
    expect(actor.getSnapshot().context).toMatchObject({ partner: 'c', behind: [], failures: {} });
  });

  it('ends at once also while it pauses between two steps', async () => {
    const { actor, first } = compareWithTwo();
    first.answer('request');
    await settled();
    expect(actor.getSnapshot().value).toEqual({ exchanging: 'throttled' });
    actor.send({ type: 'member.failed', id: 'b' });
    expect(actor.getSnapshot()).toMatchObject({
      value: { exchanging: 'stepping' },
      context: { partner: 'c' },
    });
  });

  it.each([
    ['an answer', (exchange: OpenExchange) => exchange.answer(null)],
    ['a failure', (exchange: OpenExchange) => exchange.fail(new Error('no answer'))],
  ])('that ended so is not touched by %s that comes late', async (_, settle) => {
    const { actor, clock, exchanges, first } = compareWithTwo();
    actor.send({ type: 'member.failed', id: 'b' });
    const before = actor.getSnapshot();
    settle(first);
    await settled();
    expect(actor.getSnapshot()).toBe(before);
    clock.increment(29_000);
    expect([first.steps, exchanges.length]).toEqual([1, 2]);
  });

  it('goes on when another member fails, which is not compared with any more', async () => {
    const { actor, exchanges, first } = compareWithTwo();
    actor.send({ type: 'member.failed', id: 'c' });
    expect(actor.getSnapshot().context).toMatchObject({ partner: 'b', behind: [] });
    first.answer(null);
    await settled();
    expect(actor.getSnapshot().value).toBe('idle');
    expect(exchanges).toHaveLength(1);
  });

  it('with a member that comes back is begun anew', () => {
    const { actor, clock, exchanges } = compareWithTwo();
    actor.send({ type: 'member.failed', id: 'b' });
    actor.send({ type: 'member.failed', id: 'c' });
    expect(actor.getSnapshot().value).toBe('idle');
    actor.send({ type: 'member.recovered', id: 'b' });
    clock.increment(2_000);
    expect(exchanges.map(({ id }) => id)).toEqual(['b', 'c', 'b']);
  });

  it('with a member that comes back waits as long as that one compares itself with this node', () => {
    const comparing = new Set(['b']);
    const { actor, clock, exchanges } = compareWithTwo((id) => comparing.has(id));
    for (const id of ['b', 'c']) actor.send({ type: 'member.failed', id });
    actor.send({ type: 'member.recovered', id: 'b' });
    clock.increment(7_000);
    expect(exchanges.map(({ id }) => id)).toEqual(['b', 'c']);
    comparing.clear();
    clock.increment(2_000);
    expect(exchanges.map(({ id }) => id)).toEqual(['b', 'c', 'b']);
  });
});
