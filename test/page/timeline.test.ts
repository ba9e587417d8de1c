import { describe, expect, it } from 'vitest';
import { Activity } from '../../src/page/model/activity.ts';
import { eventText } from '../../src/page/model/format.ts';
import { Samples, samplesMax } from '../../src/page/model/samples.ts';
import { everything, Timeline, timelineMax, type Transition } from '../../src/page/model/timeline.ts';

function transition(id: number, actor = 'syncer', to = 'idle'): Transition {
  return { id, at: id, actor, event: 'tick', from: 'idle', to };
}

const idsOf = (timeline: Timeline) => timeline.shown.map(({ id }) => id);

describe('The timeline', () => {
  it('shows what comes, newest first, and forgets the oldest', () => {
    const timeline = new Timeline();
    timeline.add([transition(1), transition(2)]);
    timeline.add([transition(3)]);
    expect(idsOf(timeline)).toEqual([3, 2, 1]);
    timeline.add(Array.from({ length: timelineMax + 10 }, (_, i) => transition(10 + i)));
    expect(timeline.keptCount).toBe(timelineMax);
    expect(idsOf(timeline)).toHaveLength(timelineMax);
    expect(idsOf(timeline).at(-1)).toBe(20);
  });

  it('shows only what passes the filter, of what was there and of what comes', () => {
    const timeline = new Timeline();
    timeline.add([
      transition(1),
      transition(2, 'replicator.pusher-a', 'sending'),
      transition(3, 'replicator'),
    ]);
    timeline.setFilter({ ...everything, actor: 'replicator' });
    expect(idsOf(timeline)).toEqual([3, 2]);
    timeline.add([transition(4, 'replicators'), transition(5, 'replicator.pusher-b', 'sending')]);
    expect(idsOf(timeline)).toEqual([5, 3, 2]);
    timeline.setFilter({ ...everything, text: 'PUSHER sending' });
    expect(idsOf(timeline)).toEqual([5, 2]);
    timeline.setFilter({ ...everything, onlyChanges: true });
    expect(idsOf(timeline)).toEqual([5, 2]);
  });

  it('stands still while it is paused, counts what comes, and then shows it', () => {
    const timeline = new Timeline();
    timeline.add([transition(1)]);
    timeline.pause();
    timeline.add([transition(2), transition(3)]);
    expect([idsOf(timeline), timeline.waitingCount]).toEqual([[1], 2]);
    timeline.resume();
    expect([idsOf(timeline), timeline.waitingCount]).toEqual([[3, 2, 1], 0]);
  });

  it('gives the latest of one actor whatever the filter hides', () => {
    const timeline = new Timeline();
    timeline.setFilter({ ...everything, actor: 'node' });
    timeline.add([transition(1), transition(2), transition(3)]);
    expect(timeline.latestOf('syncer', 2).map(({ id }) => id)).toEqual([3, 2]);
  });

  it.each([
    ['xstate.done.actor.join', 'join done'],
    ['xstate.error.actor.push', 'push failed'],
    ['xstate.after.gossipInterval.gossiper.active.membership.waiting', 'after gossipInterval'],
    ['xstate.after.500.a', 'after 500 ms'],
    ['xstate.init', 'start'],
    ['member.joined', 'member.joined'],
  ])('calls %s %s', (event, text) => {
    expect(eventText(event)).toBe(text);
  });
});

describe('The activity of the last minute', () => {
  it('counts by lane and span, and lets the old go', () => {
    const activity = new Activity({ spanMs: 100, bucketCount: 4 });
    activity.note('a', 1_000);
    activity.note('a', 1_099);
    activity.note('b', 1_250);
    expect([activity.counts('a'), activity.counts('b')]).toEqual([
      [0, 2, 0, 0],
      [0, 0, 0, 1],
    ]);
    activity.advance(1_400);
    expect([activity.counts('a'), activity.counts('b'), activity.counts('c')]).toEqual([
      [0, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 0, 0],
    ]);
    activity.note('a', 1_000);
    expect(activity.counts('a')).toEqual([0, 0, 0, 0]);
    activity.advance(99_999);
    expect(activity.counts('b')).toEqual([0, 0, 0, 0]);
  });
});

describe('The samples', () => {
  const reading = (at: number, commits: number, writes: number, local = writes) => ({
    at,
    commits,
    commitWrites: writes,
    localWrites: local,
    lagMs: 3,
    differences: 2,
  });

  it('are rates and means of what was counted between two readings', () => {
    const samples = new Samples();
    samples.add(reading(1_000, 10, 100, 50));
    expect(samples.latest).toBeUndefined();
    samples.add(reading(3_000, 14, 140, 80));
    expect(samples.latest).toEqual({
      at: 3_000,
      localPerSecond: 15,
      mergedPerSecond: 5,
      lagMs: 3,
      commitSize: 10,
      differences: 2,
    });
    samples.add(reading(4_000, 14, 140, 80));
    expect(samples.latest).toMatchObject({ localPerSecond: 0, commitSize: null });
  });

  it('begin anew when the node was started anew, and are bounded', () => {
    const samples = new Samples();
    samples.add(reading(1_000, 10, 10));
    samples.add(reading(2_000, 1, 1));
    expect(samples.all).toEqual([]);
    for (let i = 0; i < samplesMax + 10; i++) samples.add(reading(3_000 + i * 1_000, 1 + i, 1 + i));
    expect(samples.all).toHaveLength(samplesMax);
  });
});
