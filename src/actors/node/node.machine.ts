import { assign, enqueueActions, fromPromise, setup, stopChild, type AnyActorRef } from 'xstate';
import type { Mode } from '../../core/ports.ts';
import type { NodeEvent } from './node.events.ts';
import { routing } from './routing.ts';
import { actorIdOf, quietTimeMs, restartDelayMs, type ChildSpec, type Supervised } from './supervision.ts';

/** The store as the node holds it: only to be handed on and closed. */
export interface StoreHandle {
  close(): Promise<void>;
}

/** The server as the node holds it. */
export interface HttpHandle {
  readonly url: string;
  close(graceMs: number): Promise<void>;
}

export interface NodeInput {
  readonly mode: Mode;
  /** All of stopping must fit in here, ms. */
  readonly shutdownTimeoutMs: number;
  /** A number in [0, 1), for the jitter of restarts. */
  readonly chance: () => number;
  /** The actors, in the order in which they start. */
  readonly children: (store: StoreHandle) => readonly ChildSpec[];
}

interface NodeContext extends NodeInput {
  readonly store: StoreHandle | undefined;
  readonly http: HttpHandle | undefined;
  readonly specs: readonly ChildSpec[];
  readonly refs: Readonly<Record<string, AnyActorRef>>;
  readonly supervised: Readonly<Record<string, Supervised>>;
  readonly drained: readonly string[];
  readonly digestsReady: boolean;
  readonly storeFailure: string | undefined;
  readonly failure: unknown;
}

/** Opening a store may replay a long log; after this it is taken for stuck, ms. */
export const openDeadlineMs = 300_000;
export const listenDeadlineMs = 30_000;

/**
 * Starts the node, keeps its actors alive, and stops everything in order.
 *
 * - `opening`: opens the store, then the port, unless the same store is served elsewhere; a failure closes what is open
 *   and ends in `failed`.
 * - `running`: serves. Facts go from actor to actor by the routing table; an actor that fails is started anew.
 * - `draining`: tells the actors to finish, closes HTTP when requests are answered, then the store; each step has its
 *   share of the shutdown time, and what does not finish in its share is left behind. A node whose store turns out to
 *   be served by somebody else, who was there first, ends in this way too.
 * - `stopped`, `failed`: the end; `failed` carries the error.
 *
 * It never touches data, and never gives up on an actor.
 */
export const nodeMachine = setup({
  types: {
    input: {} as NodeInput,
    context: {} as NodeContext,
    events: {} as NodeEvent,
    output: {} as { readonly failure: unknown },
  },
  actors: {
    openStore: fromPromise<StoreHandle>(async () => unprovided('openStore')),
    listenHttp: fromPromise<HttpHandle, { store: StoreHandle | undefined }>(async () =>
      unprovided('listenHttp'),
    ),
    closeHttp: fromPromise<void, { http: HttpHandle | undefined; graceMs: number }>(async ({ input }) =>
      input.http?.close(input.graceMs),
    ),
    closeStore: fromPromise<void, { store: StoreHandle | undefined }>(async ({ input }) =>
      input.store?.close(),
    ),
  },
  actions: {
    keepStore: assign((_, params: { store: StoreHandle }) => ({ store: params.store })),
    keepHttp: assign((_, params: { http: HttpHandle }) => ({ http: params.http })),
    noteFailure: assign((_, params: { error: unknown }) => ({ failure: params.error })),
    noteStoreFailure: assign({
      storeFailure: ({ event }) => (event.type === 'store.failed' ? event.message : undefined),
    }),
    noteTaken: assign({ failure: ({ event }) => (event.type === 'store.taken' ? event.error : undefined) }),
    noteStoreRecovery: assign({ storeFailure: undefined }),
    noteMode: assign({
      mode: ({ context, event }) => (event.type === 'mode.changed' ? event.mode : context.mode),
    }),
    noteDigests: assign({ digestsReady: true }),
    startChildren: assign(({ context, spawn }) => {
      const specs = context.store === undefined ? [] : context.children(context.store);
      return {
        specs,
        refs: Object.fromEntries(specs.map((spec) => [spec.id, spawnChild(spawn, spec)])),
        supervised: Object.fromEntries(specs.map(({ id }) => [id, { restarts: 0, failures: 0 }])),
      };
    }),
    planRestart: enqueueActions(({ context, event, enqueue }) => {
      const id = actorIdOf(event.type);
      const before = context.supervised[id];
      if (before === undefined) return;
      const failures = before.failures + 1;
      const lastError = messageOf((event as { error?: unknown }).error);
      enqueue.assign({ supervised: { ...context.supervised, [id]: { ...before, failures, lastError } } });
      enqueue.cancel(`settled-${id}`);
      enqueue.raise({ type: 'restart.due', id }, { delay: restartDelayMs(failures, context.chance()) });
    }),
    restart: enqueueActions(({ context, event, enqueue }) => {
      const spec = context.specs.find(({ id }) => event.type === 'restart.due' && id === event.id);
      const before = spec === undefined ? undefined : context.supervised[spec.id];
      if (spec === undefined || before === undefined) return;
      enqueue.stopChild(spec.id);
      enqueue.assign(({ spawn }) => ({
        refs: { ...context.refs, [spec.id]: spawnChild(spawn, spec) },
        supervised: { ...context.supervised, [spec.id]: { ...before, restarts: before.restarts + 1 } },
      }));
      enqueue.raise(
        { type: 'restart.settled', id: spec.id },
        { id: `settled-${spec.id}`, delay: quietTimeMs },
      );
    }),
    forgiveFailures: assign({
      supervised: ({ context, event }) => {
        const before = event.type === 'restart.settled' ? context.supervised[event.id] : undefined;
        if (event.type !== 'restart.settled' || before === undefined) return context.supervised;
        return { ...context.supervised, [event.id]: { ...before, failures: 0 } };
      },
    }),
    route: enqueueActions(({ context, event, enqueue }) => {
      for (const id of routing[event.type] ?? []) {
        const ref = context.refs[id];
        if (ref !== undefined && !context.drained.includes(id)) enqueue.sendTo(ref, event);
      }
    }),
    drainChildren: enqueueActions(({ context, enqueue }) => {
      for (const { id } of context.specs) {
        const ref = context.refs[id];
        if (ref !== undefined) enqueue.sendTo(ref, { type: 'drain' });
      }
    }),
    noteDrained: assign({
      drained: ({ context, event }) => [...context.drained, actorIdOf(event.type)],
    }),
    stopChildren: enqueueActions(({ context, enqueue }) => {
      for (const { id } of context.specs.toReversed()) enqueue(stopChild(id));
    }),
  },
  guards: {
    areChildrenDrained: ({ context }) => context.specs.every(({ id }) => context.drained.includes(id)),
  },
  delays: {
    openDeadline: openDeadlineMs,
    listenDeadline: listenDeadlineMs,
    childrenDeadline: ({ context }) => context.shutdownTimeoutMs / 4,
    httpDeadline: ({ context }) => context.shutdownTimeoutMs / 2 + httpSlackMs,
    storeDeadline: ({ context }) => context.shutdownTimeoutMs / 4,
  },
}).createMachine({
  id: 'node',
  meta: { shows: ['mode', 'supervised', 'digestsReady', 'storeFailure'] },
  context: ({ input }) => ({
    ...input,
    store: undefined,
    http: undefined,
    specs: [],
    refs: {},
    supervised: {},
    drained: [],
    digestsReady: false,
    storeFailure: undefined,
    failure: undefined,
  }),
  initial: 'opening',
  on: {
    'store.failed': { actions: 'noteStoreFailure' },
    'store.recovered': { actions: 'noteStoreRecovery' },
    'digests.summed': { actions: 'noteDigests' },
    'mode.changed': { actions: ['noteMode', 'route'] },
    'xstate.error.actor.*': {},
  },
  output: ({ context }) => ({ failure: context.failure }),
  states: {
    opening: {
      initial: 'store',
      on: {
        stop: { target: 'draining' },
        'store.taken': { target: 'draining', actions: 'noteTaken' },
      },
      states: {
        store: {
          invoke: {
            id: 'openStore',
            src: 'openStore',
            onDone: {
              target: 'http',
              actions: { type: 'keepStore', params: ({ event }) => ({ store: event.output }) },
            },
            onError: {
              target: '#node.failed',
              actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
            },
          },
          after: {
            openDeadline: {
              target: '#node.failed',
              actions: {
                type: 'noteFailure',
                params: { error: new Error('The store did not open in time') },
              },
            },
          },
        },
        http: {
          invoke: {
            id: 'listenHttp',
            src: 'listenHttp',
            input: ({ context }) => ({ store: context.store }),
            onDone: {
              target: '#node.running',
              actions: { type: 'keepHttp', params: ({ event }) => ({ http: event.output }) },
            },
            onError: {
              target: '#node.failing',
              actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
            },
          },
          after: {
            listenDeadline: {
              target: '#node.failing',
              actions: { type: 'noteFailure', params: { error: new Error('The port did not open in time') } },
            },
          },
        },
      },
    },
    running: {
      entry: 'startChildren',
      on: {
        stop: { target: 'draining' },
        'store.taken': { target: 'draining', actions: 'noteTaken' },
        'bootstrap.*': { actions: 'route' },
        'member.*': { actions: 'route' },
        'versions.accepted': { actions: 'route' },
        'conflict.detected': { actions: 'route' },
        'rumour.heard': { actions: 'route' },
        'cluster.foundEmpty': { actions: 'route' },
        'xstate.error.actor.*': { actions: 'planRestart' },
        'restart.due': { actions: 'restart' },
        'restart.settled': { actions: 'forgiveFailures' },
      },
    },
    draining: {
      initial: 'children',
      states: {
        children: {
          entry: 'drainChildren',
          always: { guard: 'areChildrenDrained', target: 'http' },
          on: {
            'xstate.done.actor.*': { actions: 'noteDrained' },
            'xstate.error.actor.*': { actions: 'noteDrained' },
            // A write that was under way when the stop came is still told to the members.
            'versions.accepted': { actions: 'route' },
            // Whoever goes meanwhile is not to be waited for.
            'member.*': { actions: 'route' },
          },
          after: { childrenDeadline: 'http' },
        },
        http: {
          entry: 'stopChildren',
          invoke: {
            id: 'closeHttp',
            src: 'closeHttp',
            input: ({ context }) => ({ http: context.http, graceMs: context.shutdownTimeoutMs / 2 }),
            onDone: 'store',
            onError: 'store',
          },
          after: { httpDeadline: 'store' },
        },
        store: {
          invoke: {
            id: 'closeStore',
            src: 'closeStore',
            input: ({ context }) => ({ store: context.store }),
            onDone: '#node.stopped',
            onError: {
              target: '#node.stopped',
              actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
            },
          },
          after: {
            storeDeadline: {
              target: '#node.stopped',
              actions: {
                type: 'noteFailure',
                params: { error: new Error('The store did not close in time') },
              },
            },
          },
        },
      },
    },
    failing: {
      invoke: {
        id: 'closeStore',
        src: 'closeStore',
        input: ({ context }) => ({ store: context.store }),
        onDone: 'failed',
        onError: 'failed',
      },
      after: { storeDeadline: 'failed' },
    },
    stopped: { type: 'final' },
    failed: { type: 'final' },
  },
});

/** The server cuts what is left after its grace; this is for the cutting itself, ms. */
const httpSlackMs = 100;

type Spawn = (logic: ChildSpec['logic'], options: { id: string; input?: unknown }) => AnyActorRef;

function spawnChild(spawn: unknown, { id, logic, input }: ChildSpec): AnyActorRef {
  return (spawn as Spawn)(logic, { id, input });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function unprovided(name: string): never {
  throw new Error(`The effect ${name} was not provided`);
}
