import { createActor, SimulatedClock, setup, type AnyActorLogic, type AnyActorRef } from 'xstate';

/** A clock that a test moves, which knows how many timers are set. */
export class CountingClock extends SimulatedClock {
  readonly #set = new Set<number>();

  get timers(): number {
    return this.#set.size;
  }

  override setTimeout(fn: (...args: never[]) => void, timeout: number): number {
    const id: number = super.setTimeout(() => {
      this.#set.delete(id);
      fn();
    }, timeout);
    this.#set.add(id);
    return id;
  }

  override clearTimeout(id: number): void {
    this.#set.delete(id);
    super.clearTimeout(id);
  }
}

export interface Child {
  readonly child: AnyActorRef;
  readonly clock: CountingClock;
}

/** Runs a machine below a parent that hears whatever it tells, and does nothing about it. */
export function startBelowParent(logic: AnyActorLogic, input: unknown): Child {
  const clock = new CountingClock();
  const parent = setup({ actors: { child: logic } }).createMachine({
    invoke: { id: 'child', src: 'child', input },
    on: { '*': {} },
  });
  const child = createActor(parent, { clock }).start().getSnapshot().children['child'];
  if (child === undefined) throw new Error('The child did not start');
  return { child, clock };
}
