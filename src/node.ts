import { isIPv6 } from 'node:net';
import { fileURLToPath } from 'node:url';
import { toPromise } from 'xstate';
import { composeNode, type Listening, type Served } from './compose-node.ts';
import type { Config } from './config.ts';
import { KvsError } from './core/errors.ts';
import type { Logger } from './core/ports.ts';
import { createApp } from './http/app.ts';
import { PageFiles } from './http/page-files.ts';
import { PeerClient } from './http/peer/peer-client.ts';
import { hostInUrl } from './host-in-url.ts';
import { listen } from './http/server.ts';
import { Meters } from './metrics/meters.ts';
import { nodeMetrics } from './metrics/node-metrics.ts';
import type { SendMessage } from './peers/wire-transport.ts';
import { SeedResolver } from './seed-resolver.ts';
import { GzipPacker } from './store/gzip-packer.ts';
import type { Level } from './store/level.ts';
import type { LogTail } from './store/log-tail.ts';
import { RocksdbLevel } from './store/rocksdb-level.ts';
import { openVersionStore, type OpenVersionStore, type VersionStoreOptions } from './store/version-store.ts';
import { bootId, systemClock, systemRandom } from './system.ts';

const hourMs = 3_600_000;
const heartbeatMsMax = 15_000;
/** From the sources and from what is built of them, the same. */
const pageFolder = fileURLToPath(new URL('../dist/page/', import.meta.url));

export interface RunningNode {
  /** Where it answers, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Drains and stops; settles when everything is closed. */
  stop(): Promise<void>;
  /** Settles when the node has stopped, with the error when it did not stop in order. */
  readonly stopped: Promise<{ readonly failure?: Error }>;
}

/**
 * Composes a node of real parts and starts it; settles when it answers.
 *
 * @throws KvsError KVS_STORE_LOCKED, KVS_STORE_UNUSABLE, KVS_ADDRESS_UNAVAILABLE, having closed what was open
 */
export async function startNode(config: Config, { logger }: { logger: Logger }): Promise<RunningNode> {
  const peers = new PeerClient();
  const seeds = new SeedResolver();
  const meters = config.metrics === 'on' ? new Meters() : undefined;
  const onSync = (seconds: number) => meters?.syncTimes.observe(seconds);
  const onTailCut = ({ path, bytes }: LogTail): void =>
    logger.warn('A log ended in what the engine never writes: it is cut off', { path, bytes });
  const level = new RocksdbLevel<Uint8Array, Uint8Array>(config.data_dir, { onSync, onTailCut });
  const send: SendMessage = (address, message, { deadlineMs }) =>
    peers.send(address, message, { deadlineMs });
  const { root } = composeNode(config, {
    clock: systemClock,
    random: systemRandom,
    logger,
    openStore: (listeners) => openStoreOf(level, config, logger, listeners),
    listen: (served) => listenOn(config, served, { logger, level, meters }),
    send: meters?.peers.calling(send) ?? send,
    resolve: (seed) => seeds.resolve(seed),
  });
  meters?.eventLoop.start();
  root.start();

  const ended = toPromise(root).then(async ({ failure }) => {
    meters?.eventLoop.stop();
    await peers.close();
    return failure === undefined ? {} : { failure: asError(failure) };
  });
  const url = await new Promise<string>((resolve, reject) => {
    const subscription = root.subscribe(({ context, value }) => {
      if (value === 'running' && context.http !== undefined) {
        subscription.unsubscribe();
        resolve(context.http.url);
      }
    });
    void ended.then(({ failure }) => reject(failure ?? new Error('The node stopped before it was started')));
  });
  logger.info('The node answers', { url, node: config.node_id, data: config.data_dir });
  return {
    url,
    stopped: ended,
    stop: async () => {
      logger.info('The node stops');
      root.send({ type: 'stop' });
      await ended;
      logger.info('The node has stopped');
    },
  };
}

/** What is known of a node beside what it serves. */
interface Watching {
  readonly logger: Logger;
  readonly level: RocksdbLevel<Uint8Array, Uint8Array>;
  /** Undefined: metrics are switched off. */
  readonly meters: Meters | undefined;
}

async function listenOn(
  config: Config,
  { store, cluster, status, inspector }: Served,
  { logger, level, meters }: Watching,
): Promise<Listening> {
  const closing = new AbortController();
  const answer = (message: Uint8Array) => cluster.service.answer(message);
  const app = createApp({
    store,
    storeView: store,
    events: store,
    quorum: cluster.quorum,
    members: cluster.members,
    peers: { answer: meters?.peers.answering(answer) ?? answer },
    links: () => cluster.links(),
    page: new PageFiles(pageFolder),
    status,
    inspector,
    metrics:
      meters && nodeMetrics({ meters, store, engine: level, cluster, status, inspector, clock: systemClock }),
    clock: systemClock,
    logger,
    maxValueBytes: config.max_value_bytes,
    requestTimeoutMs: config.request_timeout_ms,
    debugAccess: config.debug,
    heartbeatMs: Math.min(heartbeatMsMax, config.request_timeout_ms / 2),
    closing: closing.signal,
  });
  const server = await listen(app, {
    host: config.bind_address,
    port: config.port,
    requestTimeoutMs: config.request_timeout_ms,
    headerTimeoutMs: config.header_timeout_ms,
    keepAliveTimeoutMs: config.keep_alive_timeout_ms,
    connectionsMax: config.connections_max,
    maxValueBytes: config.max_value_bytes,
    logger,
    onAnswered: meters && ((answered) => meters.http.note(answered)),
  }).catch((cause: unknown) => {
    throw addressError(config, cause);
  });
  return {
    url: `http://${hostInUrl(server.host)}:${server.port}`,
    address: advertisedAddress(config, server.port),
    close: async (graceMs) => {
      closing.abort();
      await server.close(graceMs);
    },
  };
}

async function openStoreOf(
  level: RocksdbLevel<Uint8Array, Uint8Array>,
  config: Config,
  logger: Logger,
  listeners: Pick<VersionStoreOptions, 'onFailure' | 'onRecovery'>,
): Promise<OpenVersionStore> {
  try {
    return await openVersionStore({
      level: level as unknown as Level,
      nodeId: config.node_id,
      durable: config.durability === 'sync',
      clock: systemClock,
      random: systemRandom,
      logger,
      tombstoneRetentionMs: config.tombstone_retention_hours * hourMs,
      revisionsKept: config.revisions_kept,
      maxClockDriftMs: config.max_clock_drift_ms,
      packer: config.compress_min_bytes === 0 ? undefined : new GzipPacker(config.compress_min_bytes),
      cacheBytes: config.cache_bytes,
      bootId: bootId(),
      ...listeners,
    });
  } catch (error) {
    throw storeError(error);
  }
}

/** What abstract-level wraps is what the user can act on. */
function storeError(error: unknown): KvsError {
  if (error instanceof KvsError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : asError(error);
  if (cause instanceof KvsError) return cause;
  const isLocked = (cause as { code?: unknown }).code === 'LEVEL_LOCKED';
  return new KvsError(isLocked ? 'KVS_STORE_LOCKED' : 'KVS_STORE_UNUSABLE', cause.message, { cause });
}

function addressError(config: Config, cause: unknown): KvsError {
  const reasons: Record<string, string> = {
    EADDRINUSE: 'another program listens there',
    EADDRNOTAVAIL: 'this machine does not have the address',
    EACCES: 'this user may not open the port',
    ENOTFOUND: 'the name is unknown',
  };
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  const place = `${config.bind_address}:${config.port}`;
  return new KvsError(
    'KVS_ADDRESS_UNAVAILABLE',
    `Can't listen on ${place}: ${reasons[code] ?? asError(cause).message}`,
    {
      cause,
    },
  );
}

function advertisedAddress(config: Config, port: number): string {
  const given = config.advertise_address;
  if (given === '') return `${hostInUrl(config.bind_address)}:${port}`;
  return isIPv6(given) || !/:\d+$/.test(given) ? `${hostInUrl(given)}:${port}` : given;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
