import type { AnyStateMachine } from 'xstate';
import { bootstrapperMachine } from '../../src/actors/bootstrapper/bootstrapper.machine.ts';
import { collectorMachine } from '../../src/actors/collector/collector.machine.ts';
import { conflictResolverMachine } from '../../src/actors/conflict-resolver/conflict-resolver.machine.ts';
import { failureDetectorMachine } from '../../src/actors/failure-detector/failure-detector.machine.ts';
import { suspicionMachine } from '../../src/actors/failure-detector/suspicion.machine.ts';
import { gossiperMachine } from '../../src/actors/gossiper/gossiper.machine.ts';
import { modeControllerMachine } from '../../src/actors/mode-controller/mode-controller.machine.ts';
import { nodeMachine } from '../../src/actors/node/node.machine.ts';
import { pusherMachine } from '../../src/actors/replicator/pusher.machine.ts';
import { replicatorMachine } from '../../src/actors/replicator/replicator.machine.ts';
import { syncerMachine } from '../../src/actors/syncer/syncer.machine.ts';
import type { ActorTransition } from '../../src/core/ports.ts';

const machines: readonly AnyStateMachine[] = [
  nodeMachine,
  modeControllerMachine,
  gossiperMachine,
  failureDetectorMachine,
  suspicionMachine,
  replicatorMachine,
  pusherMachine,
  syncerMachine,
  bootstrapperMachine,
  conflictResolverMachine,
  collectorMachine,
];

/** Which states of which machines were visited, and how often. */
export class Coverage {
  readonly #visits = new Map<string, number>();

  constructor() {
    for (const machine of machines) for (const state of statesOf(machine)) this.#visits.set(state, 0);
  }

  note({ actor, to }: Pick<ActorTransition, 'actor' | 'to'>): void {
    // A child's name is its parent's, a dot, its kind, a dash and whom it is for.
    const machine = (actor.split('.').at(-1) ?? actor).replace(/^(suspicion|pusher)-.*$/, '$1');
    for (const path of pathsOf(to)) {
      const state = `${machine}.${path}`;
      const visits = this.#visits.get(state);
      if (visits !== undefined) this.#visits.set(state, visits + 1);
    }
  }

  /** Adds what another process has counted. */
  add(state: string, visits: number): void {
    const before = this.#visits.get(state);
    if (before !== undefined) this.#visits.set(state, before + visits);
  }

  get table(): readonly (readonly [state: string, visits: number])[] {
    return [...this.#visits];
  }

  get unvisited(): readonly string[] {
    return this.table.filter(([, visits]) => visits === 0).map(([state]) => state);
  }
}

/** Every state in which a machine can rest, and those that hold others. */
function statesOf(machine: AnyStateMachine): string[] {
  const states: string[] = [];
  const walk = (node: AnyStateMachine['root'], path: readonly string[]): void => {
    // A state that is always left at once is entered and left within one step.
    const isPassing = node.always?.some((transition) => transition.guard === undefined) === true;
    if (path.length > 0 && !isPassing) states.push(`${machine.id}.${path.join('.')}`);
    for (const child of Object.values(node.states)) walk(child, [...path, child.key]);
  };
  walk(machine.root, []);
  return states;
}

function pathsOf(value: unknown, prefix = ''): string[] {
  if (typeof value === 'string') return [prefix + value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, below]) => [
    prefix + key,
    ...pathsOf(below, `${prefix}${key}.`),
  ]);
}
