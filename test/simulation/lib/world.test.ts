import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { createActor, createMachine } from 'xstate';
import { epochMs } from './clock.ts';
import { runSampleCluster } from './sample-cluster.ts';
import type { NodeContext, NodeProgram } from './simulated-node.ts';
import { World } from './world.ts';

const here = dirname(fileURLToPath(import.meta.url));
const idle: NodeProgram = () => undefined;

/** Settles after so many microtasks. */
async function microtasks(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await Promise.resolve();
}

describe('a run', () => {
  it('fires the next timer only when everything that the last one set in motion has come to rest', async () => {
    const world = new World({ seed: 1 });
    const seen: string[] = [];
    for (const name of ['first', 'second', 'third']) {
      world.after(10, () => {
        seen.push(`${name} begins`);
        void microtasks(5_000).then(() => seen.push(`${name} rests`));
      });
    }
    const quiet: number[] = [];
    const until = () => quiet.push(seen.length) < 0;
    expect(await world.run({ until })).toEqual({ end: 'idle', events: 3 });
    expect(seen).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} rests`]));
    expect(quiet).toEqual([0, 2, 4, 6]);
  });

  it('ends at its time, having fired what was due by then, or when it is told that it is over', async () => {
    const world = new World({ seed: 1 });
    const fired: number[] = [];
    for (const atMs of [10, 20, 30]) world.after(atMs, () => fired.push(atMs));
    expect(await world.run({ untilMs: 20 })).toEqual({ end: 'time', events: 2 });
    expect(await world.run({ untilMs: 25 })).toEqual({ end: 'time', events: 0 });
    expect([fired, world.clock.elapsedMs]).toEqual([[10, 20], 25]);
    expect(await world.run({ until: () => fired.length === 3, untilMs: 1_000 })).toEqual({
      end: 'reached',
      events: 1,
    });
    expect(world.clock.elapsedMs).toBe(30);
  });

  it('ends with an error that names the seed when it takes too many events', async () => {
    const world = new World({ seed: 77 });
    const again = () => world.after(0, again);
    again();
    await expect(world.run({ untilMs: 1, eventsMax: 5_000 })).rejects.toThrow(
      'Seed 77, 0.000 ms: The simulation is not over after 5000 events, at 0 ms, with 1 timers waiting',
    );
  });

  it('ends with the error of an event, of a program that fails, and of whoever calls fail', async () => {
    const world = new World({ seed: 1 });
    world.after(5, () => {
      throw new Error('an event failed');
    });
    await expect(world.run({})).rejects.toThrow('Seed 1, 5.000 ms: an event failed');

    const failing = new World({ seed: 1 });
    failing.addNode('a', async () => {
      await microtasks(1);
      throw new Error('a program failed');
    });
    failing.node('a').start();
    await expect(failing.run({})).rejects.toThrow('a program failed');

    const told = new World({ seed: 1 });
    told.fail(new Error('a promise was broken'));
    await expect(told.run({})).rejects.toMatchObject({ cause: { message: 'a promise was broken' } });
  });

  it('ends with the error that an actor reports to nobody', async () => {
    const world = new World({ seed: 1 });
    const machine = createMachine({
      after: {
        50: {
          actions: () => {
            throw new Error('an action failed');
          },
        },
      },
    });
    world.addNode('a', ({ clock }) => void createActor(machine, { clock }).start()).start();
    await expect(world.run({})).rejects.toThrow('Seed 1, 50.000 ms: an action failed');
  });

  it('lets the real event loop have its turns, and refuses a second run meanwhile', async () => {
    const world = new World({ seed: 1 });
    let events = 0;
    const again = () => {
      if (++events < 20_000) world.after(1, again);
    };
    again();
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const run = world.run({});
    await expect(new World({ seed: 2 }).run({})).rejects.toThrow('one simulation runs at a time');
    await run;
    isOver = true;
    expect(turns).toBeGreaterThan(5);
  });
});

describe('reality', () => {
  it.each([
    ['setInterval', () => setInterval(() => undefined, 1)],
    ['setImmediate', () => setImmediate(() => undefined)],
    ['process.nextTick', () => process.nextTick(() => undefined)],
    ['fetch', () => fetch('http://127.0.0.1:1')],
    ['AbortSignal.timeout', () => AbortSignal.timeout(1)],
    ['crypto.randomUUID', () => crypto.randomUUID()],
    ['crypto.getRandomValues', () => crypto.getRandomValues(new Uint8Array(1))],
    ['A real timer', () => setTimeout(() => undefined, 1)],
  ])('is kept out of a run: %s', async (name, use) => {
    for (const isLate of [false, true]) {
      const world = new World({ seed: 1 });
      const program = async () => {
        if (isLate) await microtasks(10);
        use();
      };
      world.addNode('a', program).start();
      await expect(world.run({})).rejects.toThrow(name);
    }
  });

  it('gives way to virtual time and the seed where libraries read it, and is back after the run', async () => {
    const before = [Date, performance.now, Math.random, setTimeout, process.nextTick, crypto.randomUUID];
    const read = async () => {
      const world = new World({ seed: 5 });
      const seen: unknown[] = [];
      const look = () => seen.push(Date.now(), new Date().getTime(), performance.now(), Math.random());
      world.after(25, () => void microtasks(5).then(look));
      world.after(50, () => seen.push(new Date(0).toISOString(), new Date() instanceof Date));
      await world.run({});
      return seen;
    };
    const seen = await read();
    expect(seen.slice(0, 3)).toEqual([epochMs + 25, epochMs + 25, 25]);
    expect(seen.slice(4)).toEqual(['1970-01-01T00:00:00.000Z', true]);
    expect(await read()).toEqual(seen);
    const after = [Date, performance.now, Math.random, setTimeout, process.nextTick, crypto.randomUUID];
    expect(after).toEqual(before);
  });

  it('hears what is written to the console when it is back', async () => {
    const output = globalThis.console;
    const { nextTick } = process;
    const written: unknown[] = [];
    const spy = vi.spyOn(output, 'warn').mockImplementation((line: unknown) => {
      written.push([line, process.nextTick === nextTick]);
    });
    const world = new World({ seed: 1 });
    world.after(1, () => {
      output.warn('first');
      output.warn('second');
      expect(written).toEqual([]);
    });
    await world.run({});
    spy.mockRestore();
    expect(written).toEqual([
      ['first', true],
      ['second', true],
    ]);
  });

  it('is read by no module of the simulator but the guard and the scheduler', async () => {
    const names = await readdir(here);
    const modules = names.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
    const real = /\bDate\b|Math\.random|performance|setImmediate|setInterval|nextTick/;
    const reading: string[] = [];
    for (const name of modules) {
      if (real.test(await readFile(join(here, name), 'utf8'))) reading.push(name);
    }
    expect(reading).toEqual(['guard.ts', 'scheduler.ts', 'world.ts']);
  });
});

describe('a node', () => {
  it('is started, paused, resumed, crashed, started anew and stopped, and tells of each', async () => {
    const world = new World({ seed: 1 });
    const told: string[] = [];
    world.onLifecycle((node, event) => told.push(`${node.name} ${event} ${node.state}`));
    const runs: number[] = [];
    const node = world.addNode('a', ({ run }) => {
      runs.push(run);
      return async () => void told.push('stops in order');
    });
    expect(node.state).toBe('down');
    node.start();
    expect(() => node.start()).toThrow('is down before it starts');
    await world.run({});
    node.pause();
    node.resume();
    node.crash();
    node.crash();
    node.start();
    await world.run({});
    node.stop();
    await world.run({});
    expect(told).toEqual([
      'a started running',
      'a paused paused',
      'a resumed running',
      'a crashed down',
      'a started running',
      'stops in order',
      'a stopped down',
    ]);
    expect(runs).toEqual([1, 2]);
    expect(world.nodes.map(({ name }) => name)).toEqual(['a']);
    expect(() => world.addNode('a', idle)).toThrow('is free');
    expect(() => world.node('b')).toThrow('there is a node b');
  });

  it('runs none of its timers after a crash, and keeps its clock, its chance and its disk', async () => {
    const world = new World({ seed: 1 });
    const fired: string[] = [];
    const contexts: NodeContext[] = [];
    const node = world.addNode(
      'a',
      (context) => {
        contexts.push(context);
        context.clock.setTimeout(() => fired.push(`${context.run} at ${world.clock.elapsedMs}`), 100);
      },
      { offsetMs: 5_000 },
    );
    node.start();
    await world.run({ untilMs: 50 });
    node.crash();
    await world.run({ untilMs: 60 });
    node.start();
    await world.run({});
    expect(fired).toEqual(['2 at 160']);
    const [first, second] = contexts;
    expect(second?.random).toBe(first?.random);
    expect(second?.clock.now()).toBe(epochMs + 5_000 + 160);
  });

  it('that crashes in the middle of its own work comes to nothing quietly', async () => {
    const world = new World({ seed: 1 });
    const node = world.addNode('a', async ({ level, run }) => {
      await level.open();
      if (run === 1) node.crash();
      await level.put('a', 'b');
    });
    node.start();
    await world.run({});
    expect(node.state).toBe('down');
    node.start();
    await world.run({});
    expect(node.disk.unsyncedWrites).toBe(1);
  });
});

describe('the same seed', () => {
  const untilMs = 20_000;

  it('takes the same course, every time and in every process; another one another', async () => {
    const script = join(here, 'print-sample-hash.ts');
    const fork = (seed: number) =>
      promisify(execFile)(process.execPath, ['--import', 'tsx', script, String(seed), String(untilMs)], {
        cwd: here,
      });
    const hashes = new Set<string>();
    for (const seed of [1, 2]) {
      const { stdout } = await fork(seed);
      const { trace } = await runSampleCluster(seed, untilMs);
      const again = await runSampleCluster(seed, untilMs);
      expect(trace.events).toBeGreaterThan(300);
      expect([again.trace.hash, stdout]).toEqual([trace.hash, trace.hash]);
      hashes.add(trace.hash);
    }
    expect(hashes.size).toBe(2);
  });
});
