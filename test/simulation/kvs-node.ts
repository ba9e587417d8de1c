import { composeNode, type ComposedNode, type Served } from '../../src/compose-node.ts';
import type { Config } from '../../src/config.ts';
import { KvsError } from '../../src/core/errors.ts';
import type { Logger } from '../../src/core/ports.ts';
import type { SendMessage } from '../../src/peers/wire-transport.ts';
import type { Level } from '../../src/store/level.ts';
import { openVersionStore, type OpenVersionStore } from '../../src/store/version-store.ts';
import { NetworkError, type Endpoint } from './lib/endpoint.ts';
import type { NodeContext, NodeProgram } from './lib/simulated-node.ts';

const hourMs = 3_600_000;

/** A seed by which each node means itself. */
export const ownAlias = 'myself:80';

/** A run of a node's process, from when it serves. */
export interface RunningKvs extends Served {
  readonly name: string;
  readonly level: Level;
  readonly node: ComposedNode;
}

/** What a test puts in place of a part, to plant a bug. */
export interface Planted {
  readonly store?: (store: OpenVersionStore, context: NodeContext) => OpenVersionStore;
  readonly send?: (send: SendMessage, context: NodeContext) => SendMessage;
}

export interface KvsNodeOptions {
  readonly config: Config;
  /** Told of each run of the process as soon as its machines are made, and when it serves. */
  readonly onCompose?: (name: string, node: ComposedNode) => void;
  readonly onServe: (running: RunningKvs) => void;
  readonly onLog?: ((name: string, level: string, message: string, fields: object) => void) | undefined;
  /** In [0, 1]: how often a start fails because the port is taken, and because the store can't be opened. */
  readonly startFailures?: { readonly listen: number; readonly open: number } | undefined;
  readonly planted?: Planted;
}

/** The real node in a simulated world: real machines, real store, real messages; simulated time, network and disk. */
export function kvsNode(options: KvsNodeOptions): NodeProgram {
  return async (context: NodeContext) => {
    const { name, clock, random, level, endpoint, defer } = context;
    const { config, planted = {}, startFailures = { listen: 0, open: 0 } } = options;
    const logger = simulatedLogger(name, options.onLog);
    const plainSend: SendMessage = (address, message, { name: kind, deadlineMs }) =>
      send(endpoint, address, message, kind, deadlineMs);
    const node = composeNode(config, {
      clock,
      timers: clock,
      random,
      logger,
      openStore: async (listeners) => {
        if (random.chance(startFailures.open)) throw new KvsError('KVS_STORE_UNUSABLE', 'simulated');
        const store = await openVersionStore({
          ...listeners,
          level,
          clock,
          random,
          logger,
          defer,
          nodeId: config.node_id,
          durable: config.durability === 'sync',
          tombstoneRetentionMs: config.tombstone_retention_hours * hourMs,
          revisionsKept: config.revisions_kept,
          maxClockDriftMs: config.max_clock_drift_ms,
          cacheBytes: config.cache_bytes,
          bootId: 'simulated',
        });
        return planted.store?.(store, context) ?? store;
      },
      listen: async (served) => {
        if (random.chance(startFailures.listen)) {
          throw new KvsError('KVS_ADDRESS_UNAVAILABLE', 'simulated');
        }
        endpoint.serve((message) => served.cluster.service.answer(message));
        options.onServe({ ...served, name, level, node });
        return { url: `http://${name}`, address: name, close: async () => undefined };
      },
      send: planted.send?.(plainSend, context) ?? plainSend,
      resolve: async (seed) => [seed === ownAlias ? name : seed],
    });
    options.onCompose?.(name, node);
    const ended = new Promise<void>((resolve) => node.root.subscribe({ complete: resolve }));
    node.root.start();
    return async () => {
      node.root.send({ type: 'stop' });
      await ended;
    };
  };
}

async function send(
  endpoint: Endpoint,
  address: string,
  message: Uint8Array,
  kind: string,
  deadlineMs: number,
): Promise<Uint8Array> {
  // Its own machine says at once that a port is not open.
  if (address === endpoint.address && !endpoint.isServing) {
    throw new KvsError('KVS_PEER_UNREACHABLE', `Nobody listens on ${address}`);
  }
  try {
    return await endpoint.call(address, message, { kind, deadlineMs });
  } catch (cause) {
    const isFailed = cause instanceof NetworkError && cause.code === 'failed';
    throw new KvsError(isFailed ? 'KVS_PEER_FAILED' : 'KVS_PEER_UNREACHABLE', String(cause), { cause });
  }
}

function simulatedLogger(name: string, onLog: KvsNodeOptions['onLog']): Logger {
  const at =
    (level: string) =>
    (message: string, fields: object = {}): void =>
      onLog?.(name, level, message, fields);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
