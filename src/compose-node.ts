import { createActor, fromPromise, type Actor, type ActorOptions, type AnyActorLogic } from 'xstate';
import { Inspector } from './actors/inspector.ts';
import { nodeMachine, type HttpHandle, type StoreHandle } from './actors/node/node.machine.ts';
import { openCluster, type Cluster } from './cluster.ts';
import type { Config } from './config.ts';
import type { Clock, Logger, NodeStatus, Random, Timers } from './core/ports.ts';
import type { SendMessage } from './peers/wire-transport.ts';
import type { OpenVersionStore, VersionStoreOptions } from './store/version-store.ts';

/** What a node serves to its clients and peers. */
export interface Served {
  readonly store: OpenVersionStore;
  readonly cluster: Cluster;
  readonly status: NodeStatus;
  readonly inspector: Inspector;
}

export interface Listening extends HttpHandle {
  /** `host:port` under which peers reach this node. */
  readonly address: string;
}

type ActorClock = NonNullable<ActorOptions<AnyActorLogic>['clock']>;

/** All that a node needs of the world: real, or simulated. */
export interface Surroundings {
  readonly clock: Clock;
  /** Where the actors set their timers; default: the real ones. */
  readonly timers?: ActorClock;
  readonly random: Random;
  readonly logger: Logger;
  readonly openStore: (
    listeners: Pick<VersionStoreOptions, 'onFailure' | 'onRecovery'>,
  ) => Promise<OpenVersionStore>;
  readonly listen: (served: Served) => Promise<Listening>;
  readonly send: SendMessage;
  /** The addresses that a seed stands for; throws where its name is unknown. */
  readonly resolve: (seed: string) => Promise<readonly string[]>;
}

/** What the root machine holds between opening and closing. */
interface OpenNode extends StoreHandle {
  readonly store: OpenVersionStore;
  readonly cluster: Cluster;
}

export interface ComposedNode {
  /** To be started by the caller. */
  readonly root: Actor<typeof nodeMachine>;
  readonly inspector: Inspector;
}

/** Puts a node together: the machines, and around them what they need of the world. Nothing runs yet. */
export function composeNode(config: Config, surroundings: Surroundings): ComposedNode {
  const { clock, timers, random, logger } = surroundings;
  const inspector = new Inspector(clock);
  let cluster: Cluster | undefined;
  const status: NodeStatus = {
    nodeId: config.node_id,
    mode: () => root.getSnapshot().context.mode,
    isReady: () => root.getSnapshot().matches('running'),
    heldTombstones: () => cluster?.heldTombstones(),
    refusal: () => cluster?.members.refusal?.message,
  };

  const openNode = async (): Promise<OpenNode> => {
    const store = await surroundings.openStore({
      onFailure: (error) => root.send({ type: 'store.failed', message: error.message }),
      onRecovery: () => root.send({ type: 'store.recovered' }),
    });
    store.whenDigestsReady().then(
      () => root.send({ type: 'digests.summed' }),
      () => undefined,
    );
    const opened = await openCluster({
      config,
      store,
      clock,
      timers: timersOf(timers ?? systemTimers),
      random,
      logger,
      send: surroundings.send,
      resolve: surroundings.resolve,
      // Whoever tells may be an actor in the middle of a step: the others take theirs when it is over.
      tell: (fact) => queueMicrotask(() => root.send(fact)),
      onElder: (error) => root.send({ type: 'store.taken', error }),
      isWhole: () => status.mode() !== 'syncing',
    });
    cluster = opened;
    const close = async (): Promise<void> => {
      await opened.members.close();
      await store.close();
    };
    return { store, cluster: opened, close };
  };

  const listen = async ({ store, cluster }: OpenNode): Promise<HttpHandle> => {
    await cluster.twins.refuseStart();
    const listening = await surroundings.listen({ store, cluster, status, inspector });
    cluster.members.setAddress(listening.address);
    return listening;
  };

  const root: Actor<typeof nodeMachine> = createActor(
    nodeMachine.provide({
      actors: {
        openStore: fromPromise<StoreHandle>(openNode),
        listenHttp: fromPromise<HttpHandle, { store: StoreHandle | undefined }>(({ input }) =>
          listen(input.store as OpenNode),
        ),
      },
    }),
    {
      id: 'node',
      inspect: inspector.inspect,
      ...(timers === undefined ? {} : { clock: timers }),
      input: {
        // Until the mode-controller has decided, a node that may have to be bootstrapped takes no writes.
        mode: config.read_only ? 'read-only' : config.seed_nodes.length > 0 ? 'syncing' : 'normal',
        shutdownTimeoutMs: config.shutdown_timeout_ms,
        chance: () => random.next(),
        children: (node) => (node as OpenNode).cluster.actors(),
      },
    },
  );
  return { root, inspector };
}

/** The timers of the actors, for whoever is none. */
function timersOf(clock: ActorClock): Timers {
  return {
    after: (ms, task) => {
      const timer: unknown = clock.setTimeout(task, ms);
      return () => clock.clearTimeout(timer);
    },
  };
}

const systemTimers: ActorClock = {
  setTimeout: (task, ms) => setTimeout(task, ms),
  clearTimeout: (timer: NodeJS.Timeout) => clearTimeout(timer),
};
