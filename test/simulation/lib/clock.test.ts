import { describe, expect, it } from 'vitest';
import { createActor, setup } from 'xstate';
import { epochMs, VirtualClock } from './clock.ts';
import { NodeClock } from './node-clock.ts';
import { ProcessClock } from './process-clock.ts';
import { RandomStreams } from './random.ts';
import { TimerQueue } from './timer-queue.ts';

function runUntil(clock: VirtualClock, untilMs: number): void {
  for (let at = clock.nextAtMs(); at !== undefined && at <= untilMs; at = clock.nextAtMs()) clock.step();
  clock.passTo(untilMs);
}

describe('the timer queue', () => {
  it('gives timers back by time, then by the order in which they were added, without the cancelled ones', () => {
    const random = new RandomStreams(1).named('queue');
    const queue = new TimerQueue();
    const taken: number[] = [];
    const timers = Array.from({ length: 5_000 }, (_, id) => {
      const atMs = random.integer(0, 100);
      return { id, atMs, timer: queue.add(atMs, () => taken.push(id)) };
    });
    const cancelled = new Set(random.shuffle(timers).slice(0, 4_000));
    for (const { timer } of cancelled) {
      queue.cancel(timer);
      queue.cancel(timer);
    }
    expect(queue.size).toBe(1_000);
    for (let task = queue.take(); task !== undefined; task = queue.take()) task();
    const expected = timers
      .filter((entry) => !cancelled.has(entry))
      .toSorted((a, b) => a.atMs - b.atMs || a.id - b.id)
      .map(({ id }) => id);
    expect(taken).toEqual(expected);
    expect(queue.size).toBe(0);
  });

  it('keeps no more than as many cancelled timers as waiting ones', () => {
    const queue = new TimerQueue();
    const timers = Array.from({ length: 100_000 }, (_, at) => queue.add(at, () => undefined));
    for (const timer of timers.slice(0, 99_999)) queue.cancel(timer);
    expect(queue.size).toBe(1);
    expect(queue.nextAtMs()).toBe(99_999);
  });
});

describe('the virtual clock', () => {
  it('stands still until it is stepped, and then stands exactly where the timer was due', () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    clock.setTimeout(() => seen.push(clock.now() - epochMs), 250);
    clock.setTimeout(() => clock.setTimeout(() => seen.push(clock.elapsedMs), 0.5), 100);
    expect(clock.now()).toBe(epochMs);
    while (clock.step());
    expect(seen).toEqual([100.5, 250]);
    expect(clock.step()).toBe(false);
  });

  it('fires nothing that was cleared', () => {
    const clock = new VirtualClock();
    let fired = 0;
    const timer = clock.setTimeout(() => fired++, 5);
    clock.clearTimeout(timer);
    clock.clearTimeout(undefined);
    while (clock.step());
    expect(fired).toBe(0);
  });

  it('refuses delays that a real timer could not keep, and takes negative ones as none', () => {
    const clock = new VirtualClock();
    for (const delayMs of [NaN, Infinity, 2 ** 31]) {
      expect(() => clock.setTimeout(() => undefined, delayMs)).toThrow('timer can wait');
    }
    clock.setTimeout(() => undefined, -5);
    expect(clock.nextAtMs()).toBe(0);
  });
});

describe("a node's clock", () => {
  it.each([
    [100, 100],
    [-250, -250],
    [0, 0],
  ])('that drifts by %i ppm is off by %i ms after 1,000 s', (driftPpm, offMs) => {
    const timeline = new VirtualClock();
    const clock = new NodeClock(timeline, { driftPpm, offsetMs: -7 });
    expect(clock.now()).toBe(epochMs - 7);
    runUntil(timeline, 1_000_000);
    expect(clock.now()).toBe(epochMs - 7 + 1_000_000 + offMs);
  });

  it('adds up the drifts of each time between two changes, and jumps', () => {
    const timeline = new VirtualClock();
    const clock = new NodeClock(timeline, { driftPpm: 1_000 });
    runUntil(timeline, 100_000);
    clock.setDrift(-500);
    clock.jump(-10_000);
    runUntil(timeline, 300_000);
    expect(clock.now()).toBe(epochMs + 300_000 + 100 - 100 - 10_000);
  });

  it('fires timers at its own rate', () => {
    const timeline = new VirtualClock();
    const fast = new ProcessClock(new NodeClock(timeline, { driftPpm: 250_000 }));
    const slow = new ProcessClock(new NodeClock(timeline, { driftPpm: -500_000 }));
    const fired: (readonly [string, number])[] = [];
    fast.setTimeout(() => fired.push(['fast', timeline.elapsedMs]), 1_000);
    slow.setTimeout(() => fired.push(['slow', timeline.elapsedMs]), 1_000);
    while (timeline.step());
    expect(fired).toEqual([
      ['fast', 800],
      ['slow', 2_000],
    ]);
  });

  it.each([3_600_000, -3_600_000])('that jumps by %i ms disturbs no timer', (byMs) => {
    const timeline = new VirtualClock();
    const machine = new NodeClock(timeline);
    const clock = new ProcessClock(machine);
    const fired: number[] = [];
    clock.setTimeout(() => fired.push(timeline.elapsedMs), 1_000);
    runUntil(timeline, 400);
    machine.jump(byMs);
    expect(clock.now()).toBe(epochMs + 400 + byMs);
    while (timeline.step());
    expect(fired).toEqual([1_000]);
  });
});

describe("a process's clock", () => {
  it('holds what comes while it is paused, and delivers it in order when it goes on', () => {
    const timeline = new VirtualClock();
    const clock = new ProcessClock(new NodeClock(timeline));
    const seen: string[] = [];
    const note = (what: string) => () => void seen.push(`${what} ${timeline.elapsedMs}`);
    clock.setTimeout(note('early'), 10);
    clock.setTimeout(note('first'), 30);
    const cleared = clock.setTimeout(note('cleared'), 35);
    clock.setTimeout(note('late'), 200);
    timeline.at(20, () => clock.pause());
    timeline.at(40, () => clock.deliver(note('message')));
    timeline.at(50, () => clock.clearTimeout(cleared));
    timeline.at(100, () => clock.resume());
    while (timeline.step());
    expect(seen).toEqual(['early 10', 'first 100', 'message 100', 'late 200']);
  });

  it('delivers nothing once the process has ended, held or new', () => {
    const timeline = new VirtualClock();
    const clock = new ProcessClock(new NodeClock(timeline));
    let delivered = 0;
    const count = () => void delivered++;
    clock.setTimeout(count, 10);
    clock.pause();
    clock.deliver(count);
    clock.end();
    clock.resume();
    clock.setTimeout(count, 1);
    clock.deliver(count);
    while (timeline.step());
    expect(delivered).toBe(0);
  });
});

describe('XState actors', () => {
  /** Ticks every 100 ms, three times; each tick is told. */
  const ticker = setup({
    types: { input: {} as { tell: () => void }, context: {} as { ticks: number; tell: () => void } },
    delays: { interval: 100 },
    guards: { isLast: ({ context }) => context.ticks >= 3 },
    actions: { tell: ({ context }) => context.tell() },
  }).createMachine({
    context: ({ input }) => ({ ticks: 0, tell: input.tell }),
    initial: 'waiting',
    states: {
      waiting: { after: { interval: 'ticking' } },
      ticking: {
        entry: ['tell', ({ context }) => void context.ticks++],
        always: [{ guard: 'isLast', target: 'done' }, { target: 'waiting' }],
      },
      done: { type: 'final' },
    },
  });

  it('make their delayed transitions at exact virtual times, each by the clock of its node', () => {
    const timeline = new VirtualClock();
    const told: (readonly [string, number])[] = [];
    const start = (name: string, driftPpm: number) => {
      const clock = new ProcessClock(new NodeClock(timeline, { driftPpm }));
      const tell = () => void told.push([name, timeline.elapsedMs]);
      return createActor(ticker, { clock, input: { tell } }).start();
    };
    const [even, fast] = [start('even', 0), start('fast', 1_000_000)];
    while (timeline.step());
    expect(told).toEqual([
      ['fast', 50],
      ['even', 100],
      ['fast', 100],
      ['fast', 150],
      ['even', 200],
      ['even', 300],
    ]);
    expect([even.getSnapshot().status, fast.getSnapshot().status]).toEqual(['done', 'done']);
    expect(timeline.waiting).toBe(0);
  });
});
