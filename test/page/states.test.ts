import { describe, expect, it } from 'vitest';
import type { ChartEdge } from '../../src/page/model/chart.ts';
import { edgeTaken } from '../../src/page/model/edge-taken.ts';
import { activePaths, entered, leafPaths, stateText } from '../../src/page/model/state-value.ts';

const parallel = { active: { probes: { period: 'resting' }, revisits: 'waiting' } };

describe('A state value', () => {
  it('has a path for each active state, groups first', () => {
    expect(activePaths('idle')).toEqual(['idle']);
    expect(activePaths(parallel)).toEqual([
      'active',
      'active.probes',
      'active.probes.period',
      'active.probes.period.resting',
      'active.revisits',
      'active.revisits.waiting',
    ]);
    expect(activePaths(null)).toEqual([]);
  });

  it('is told by its leaves', () => {
    expect(leafPaths(parallel)).toEqual(['active.probes.period.resting', 'active.revisits.waiting']);
    expect(stateText(parallel)).toBe('resting + waiting');
    expect(stateText(null)).toBe('no state');
  });

  it('is told after a change by what is new in it', () => {
    const after = { active: { probes: { period: 'probing' }, revisits: 'waiting' } };
    expect(entered(parallel, after)).toBe('probing');
    expect(entered(parallel, parallel)).toBe('resting + waiting');
  });
});

function edge(from: string, to: string, events: readonly string[], isFromAny = false): ChartEdge {
  return { from, to, events, isFromAny, points: [], label: undefined };
}

describe('The arrow that was taken', () => {
  const waiting = edge('waiting', 'working', ['start', 'member.*']);
  const done = edge('working', 'waiting', ['xstate.done.actor.work']);
  const always = edge('working', 'over', ['']);
  const drain = edge('', 'over', ['drain'], true);
  const again = edge('working', 'working', ['xstate.done.actor.work']);
  const start = edge('', 'waiting', []);
  const edges = [start, waiting, done, always, drain, again];
  const taken = (event: string, from: string, to: string) => edgeTaken(edges, { event, from, to });

  it('is the one that names the event, or one that takes any of its kind', () => {
    expect(taken('start', 'waiting', 'working')).toBe(waiting);
    expect(taken('member.joined', 'waiting', 'working')).toBe(waiting);
    expect(taken('xstate.done.actor.work', 'working', 'waiting')).toBe(done);
  });

  it('is one that waits for no event when none names it', () => {
    expect(taken('xstate.done.actor.work', 'working', 'over')).toBe(always);
  });

  it('leads from any state of a group where it says so', () => {
    expect(taken('drain', 'waiting', 'over')).toBe(drain);
  });

  it('leads into its own state only where it says so', () => {
    expect(taken('xstate.done.actor.work', 'working', 'working')).toBe(again);
    expect(taken('outbox.filled', 'working', 'working')).toBeUndefined();
  });

  it('is none that leads elsewhere, or from elsewhere', () => {
    expect(taken('start', 'over', 'waiting')).toBeUndefined();
    expect(taken('other', 'waiting', 'working')).toBeUndefined();
  });

  it('is the one of the region that changed, beside others that did not', () => {
    const region = [
      edge('a.one', 'a.two', ['go']),
      edge('b.two', 'b.one', ['xstate.after.pause.b.two']),
      edge('a', 'a.one', ['xstate.after.period.a'], true),
    ];
    const from = { a: 'one', b: 'two' };
    expect(edgeTaken(region, { event: 'go', from, to: { a: 'two', b: 'two' } })).toBe(region[0]);
    const paused = { event: 'xstate.after.pause.b.two', from, to: { a: 'one', b: 'one' } };
    expect(edgeTaken(region, paused)).toBe(region[1]);
    const anew = { event: 'xstate.after.period.a', from: { a: 'two', b: 'two' }, to: from };
    expect(edgeTaken(region, anew)).toBe(region[2]);
    // Where it leads was active before, and what it waits for did not happen.
    const idle = [edge('a', 'a.one', ['*'], true)];
    expect(edgeTaken(idle, { event: 'other', from, to: { a: 'one', b: 'one' } })).toBeUndefined();
  });
});
