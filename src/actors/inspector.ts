import type { AnyActorRef, AnyMachineSnapshot, InspectionEvent } from 'xstate';
import { limits } from '../core/limits.ts';
import type { ActorDetail, ActorInspector, ActorSnapshot, ActorTransition, Clock } from '../core/ports.ts';

interface Watched {
  readonly id: string;
  ref: AnyActorRef;
  state: unknown;
  since: number;
  restarts: number;
  readonly transitions: Ring<ActorTransition>;
}

/**
 * Watches every state machine of a node through XState's inspection API, the only place that does. Actors are named by
 * the ids that the node gave them, with a dot between parent and child; XState's own session ids are shared by all
 * nodes of a process and never shown. Effects have no states: the state that waits for one says so.
 */
export class Inspector implements ActorInspector {
  readonly #clock: Clock;
  readonly #actors = new Map<string, Watched>();
  readonly #ids = new WeakMap<object, string>();
  readonly #transitions = new Ring<ActorTransition>(limits.transitionsMax);
  readonly #listeners = new Set<(transition: ActorTransition) => void>();
  #lastId = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be given to the root actor as its `inspect` option. */
  readonly inspect = (event: InspectionEvent): void => {
    if (event.type === '@xstate.actor') this.#watch(event.actorRef as AnyActorRef);
    else if (event.type === '@xstate.microstep') {
      this.#step(event.actorRef as AnyActorRef, event.event.type, event.snapshot as AnyMachineSnapshot);
    }
  };

  actors(): readonly ActorSnapshot[] {
    return [...this.#actors.values()].map((watched) => this.#snapshotOf(watched));
  }

  actor(id: string): ActorDetail | undefined {
    const watched = this.#actors.get(id);
    if (watched === undefined) return undefined;
    const { logic } = watched.ref as unknown as { logic: { definition?: unknown } };
    return {
      ...this.#snapshotOf(watched),
      definition: logic.definition ?? null,
      transitions: watched.transitions.items(),
    };
  }

  transitionsSince(afterId: number): { transitions: readonly ActorTransition[]; gap: boolean } {
    const remembered = this.#transitions.items();
    const oldest = remembered[0]?.id ?? this.#lastId + 1;
    return {
      transitions: remembered.filter(({ id }) => id > afterId),
      // A reader from another life of this process knows ids that were never given out here.
      gap: afterId + 1 < oldest || afterId > this.#lastId,
    };
  }

  subscribe(listener: (transition: ActorTransition) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #watch(ref: AnyActorRef): void {
    if (!isMachine(ref)) return;
    const id = this.#nameOf(ref);
    this.#ids.set(ref, id);
    const known = this.#actors.get(id);
    if (known === undefined) {
      if (this.#actors.size >= limits.actorsMax) this.#forgetEnded();
      const transitions = new Ring<ActorTransition>(limits.actorTransitionsMax);
      this.#actors.set(id, { id, ref, state: undefined, since: this.#clock.now(), restarts: 0, transitions });
    } else {
      known.ref = ref;
      known.restarts++;
      known.state = undefined;
    }
  }

  /** Members come and go under ever new names, and with them the actors that are about one of them. */
  #forgetEnded(): void {
    for (const [id, { ref }] of this.#actors) {
      if (ref.getSnapshot().status === 'active') continue;
      this.#actors.delete(id);
      return;
    }
  }

  #step(ref: AnyActorRef, event: string, snapshot: AnyMachineSnapshot): void {
    const watched = this.#actors.get(this.#ids.get(ref) ?? '');
    if (watched === undefined || watched.ref !== ref) return;
    const at = this.#clock.now();
    const from = watched.state ?? null;
    if (!isSameState(from, snapshot.value)) watched.since = at;
    watched.state = snapshot.value;
    const transition = { id: ++this.#lastId, at, actor: watched.id, event, from, to: snapshot.value };
    watched.transitions.push(transition);
    this.#transitions.push(transition);
    for (const listener of this.#listeners) listener(transition);
  }

  #nameOf(ref: AnyActorRef): string {
    const parent = (ref as unknown as { _parent?: AnyActorRef })._parent;
    const parentId = parent === undefined ? undefined : this.#ids.get(parent);
    if (parentId === undefined) return (ref as unknown as { logic: { id: string } }).logic.id;
    const isRootsChild = !parentId.includes('.') && this.#actors.keys().next().value === parentId;
    return isRootsChild ? ref.id : `${parentId}.${ref.id}`;
  }

  #snapshotOf(watched: Watched): ActorSnapshot {
    const snapshot = watched.ref.getSnapshot() as AnyMachineSnapshot;
    const error: unknown = snapshot.status === 'error' ? snapshot.error : undefined;
    return {
      id: watched.id,
      machine: snapshot.machine.id,
      state: snapshot.value,
      status: snapshot.status,
      context: shownContext(snapshot),
      since: watched.since,
      restarts: watched.restarts,
      ...(error === undefined ? {} : { error: errorMessage(error) }),
    };
  }
}

/** The last `capacity` items. */
class Ring<T> {
  readonly #capacity: number;
  #items: T[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(item: T): void {
    this.#items.push(item);
    if (this.#items.length >= 2 * this.#capacity) this.#items = this.#items.slice(-this.#capacity);
  }

  items(): readonly T[] {
    return this.#items.slice(-this.#capacity);
  }
}

function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : 'It failed without an error';
}

function isMachine(ref: AnyActorRef): boolean {
  return 'root' in (ref as unknown as { logic: object }).logic;
}

function isSameState(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** A machine names in its `meta.shows` which parts of its context may be looked at; no other part ever is. */
function shownContext(snapshot: AnyMachineSnapshot): Record<string, unknown> {
  const { meta } = snapshot.machine.root as { meta?: { shows?: readonly string[] } };
  const context = snapshot.context as Record<string, unknown>;
  return Object.fromEntries((meta?.shows ?? []).map((name) => [name, context[name]]));
}
