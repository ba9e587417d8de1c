import { assert } from '../../../src/core/errors.ts';
import type { VirtualClock } from './clock.ts';
import type { RealityGuard } from './guard.ts';

const { nextTick } = process;

/** Events between two turns of the real event loop, so that signals and test runners get their word in. */
const eventsPerTurn = 2_000;

/** One run at a time in a process: while it lasts, the process's globals are the simulation's. */
let isRunning = false;

export interface RunOptions {
  /** Ends the run at this virtual time since the beginning, ms. */
  readonly untilMs?: number;
  /** Ends the run when it returns true; asked whenever the world is quiet. It must change nothing. */
  readonly until?: () => boolean;
  /** The most events that the run may take; default 100 million. */
  readonly eventsMax?: number;
}

export interface RunResult {
  /** `reached`: `until` is true. `time`: `untilMs` has come. `idle`: nothing is left to happen. */
  readonly end: 'reached' | 'time' | 'idle';
  readonly events: number;
}

export interface RunLoop {
  readonly clock: VirtualClock;
  readonly guard: RealityGuard;
  /** Throws what went wrong since the last event; asked whenever the world is quiet. */
  readonly check: () => void;
}

/**
 * Fires timer after timer, and each only when the world is quiet: when everything that the one before it set in motion
 * has come to rest.
 *
 * Why that can be told: simulated code can go on later in two ways only, by a timer of the virtual clock, and by
 * promises; the guard refuses every other one. Node takes a tick that a microtask asked for only when no microtask is
 * left, however long a chain of promises has to unwind for that (`processTicksAndRejections` in
 * `lib/internal/process/task_queues.js`). So when `whenQuiet` calls back, no promise can move until some timer fires.
 * The order of microtasks is fixed by the language, the order of timers by the clock; nothing is left to chance. Work
 * on Node's thread pool would escape this, and has no place in a simulation.
 *
 * @throws what an event, `check` or `until` throws; Error when `eventsMax` is exceeded
 */
export async function runEvents(loop: RunLoop, options: RunOptions): Promise<RunResult> {
  assert(!isRunning, 'one simulation runs at a time in a process');
  isRunning = true;
  try {
    let events = 0;
    for (;;) {
      const turn = await runTurn(loop, options, events);
      events = turn.events;
      if (turn.end !== undefined) return { end: turn.end, events };
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    isRunning = false;
  }
}

interface Turn {
  /** Undefined: the run goes on. */
  readonly end: RunResult['end'] | undefined;
  readonly events: number;
}

function runTurn({ clock, guard, check }: RunLoop, options: RunOptions, eventsBefore: number): Promise<Turn> {
  const { untilMs = Infinity, until, eventsMax = 100_000_000 } = options;
  return new Promise((resolve, reject) => {
    let events = eventsBefore;
    const endsAt = eventsBefore + eventsPerTurn;

    const nextEnd = (): RunResult['end'] | undefined => {
      guard.check();
      check();
      if (until?.() === true) return 'reached';
      const nextAtMs = clock.nextAtMs();
      if (nextAtMs !== undefined && nextAtMs <= untilMs) return undefined;
      if (untilMs === Infinity) return 'idle';
      clock.passTo(untilMs);
      return 'time';
    };

    const step = (): void => {
      try {
        const end = nextEnd();
        if (end !== undefined || events === endsAt) {
          guard.lower();
          resolve({ end, events });
          return;
        }
        if (events >= eventsMax) throw tooManyEvents(events, clock);
        events++;
        clock.step();
        whenQuiet(step);
      } catch (error) {
        guard.lower();
        reject(error);
      }
    };

    whenQuiet(() => {
      guard.raise();
      step();
    });
  });
}

/** Calls back when the microtask queue is empty. From within a tick, another tick would come before the microtasks. */
function whenQuiet(callback: () => void): void {
  queueMicrotask(() => nextTick(callback));
}

function tooManyEvents(events: number, clock: VirtualClock): Error {
  return new Error(
    `The simulation is not over after ${events} events, at ${clock.elapsedMs} ms, with ${clock.waiting} timers waiting`,
  );
}
