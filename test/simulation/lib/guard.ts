import type { VirtualClock } from './clock.ts';
import type { RandomStream } from './random.ts';

interface StrayTimer {
  readonly task: () => void;
  readonly where: Error;
}

/**
 * Keeps reality out while simulated code runs, and steps aside while it doesn't.
 *
 * What reads the time or chance gets the simulation's (XState itself reads both, for its books). What would run code
 * outside of the simulation's order is refused: real intervals, immediates, ticks, connections. A real `setTimeout`
 * is how XState reports an error that nobody handles; it is kept, and `check` throws what it would have thrown.
 *
 * What is written to the console waits until the guard is lowered: a test runner that sends it on at once puts the
 * process's own functions in the place of the simulation's, and the simulation's back when it is over.
 */
export class RealityGuard {
  readonly #patches: readonly Patch[];
  readonly #strayTimers: StrayTimer[] = [];
  readonly #heldOutput: (() => void)[] = [];

  /** `random`: what `Math.random` draws from. */
  constructor(clock: VirtualClock, random: RandomStream) {
    const RealDate = Date;
    class VirtualDate extends RealDate {
      constructor(...args: [] | [string | number | Date]) {
        if (args.length === 0) super(clock.now());
        else super(...(args as [string]));
      }
      static override now(): number {
        return clock.now();
      }
    }
    this.#patches = [
      new Patch(globalThis, 'Date', VirtualDate),
      new Patch(performance, 'now', () => clock.elapsedMs),
      new Patch(Math, 'random', () => random.next()),
      new Patch(globalThis, 'setTimeout', (task: () => void) => {
        this.#strayTimers.push({ task, where: new Error('A real timer was set in a simulation') });
      }),
      ...(['setInterval', 'setImmediate', 'fetch'] as const).map(
        (name) => new Patch(globalThis, name, () => refuse(name)),
      ),
      ...(['debug', 'info', 'log', 'warn', 'error'] as const).map(
        (name) => new Patch(globalThis.console, name, (...args: unknown[]) => this.#hold(name, args)),
      ),
      new Patch(process, 'nextTick', () => refuse('process.nextTick')),
      new Patch(AbortSignal, 'timeout', () => refuse('AbortSignal.timeout')),
      new Patch(crypto, 'randomUUID', () => refuse('crypto.randomUUID')),
      new Patch(crypto, 'getRandomValues', () => refuse('crypto.getRandomValues')),
    ];
  }

  raise(): void {
    for (const patch of this.#patches) patch.apply();
  }

  lower(): void {
    for (const patch of this.#patches) patch.revert();
    for (const write of this.#heldOutput.splice(0)) write();
  }

  /** Throws when simulated code has set a real timer: the error that was to be thrown there, or one that says so. */
  check(): void {
    const stray = this.#strayTimers.shift();
    if (stray === undefined) return;
    this.#strayTimers.length = 0;
    stray.task();
    throw stray.where;
  }

  #hold(name: 'debug' | 'info' | 'log' | 'warn' | 'error', args: readonly unknown[]): void {
    this.#heldOutput.push(() => globalThis.console[name](...args));
  }
}

/** One property in place of another one. */
class Patch {
  readonly #target: object;
  readonly #name: string;
  readonly #replacement: PropertyDescriptor;
  #original: PropertyDescriptor | undefined;

  constructor(target: object, name: string, value: unknown) {
    this.#target = target;
    this.#name = name;
    this.#replacement = { value, configurable: true, writable: true, enumerable: false };
  }

  apply(): void {
    this.#original = Object.getOwnPropertyDescriptor(this.#target, this.#name);
    Object.defineProperty(this.#target, this.#name, this.#replacement);
  }

  revert(): void {
    if (this.#original === undefined) Reflect.deleteProperty(this.#target, this.#name);
    else Object.defineProperty(this.#target, this.#name, this.#original);
  }
}

function refuse(name: string): never {
  throw new Error(`${name} is not to be used in a simulation`);
}
