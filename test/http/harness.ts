import { once } from 'node:events';
import { ManualTimers } from '../manual-timers.ts';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ActorInspector, ActorTransition, HeldTombstones, Mode } from '../../src/core/ports.ts';
import { createApp } from '../../src/http/app.ts';
import type { HttpDeps, KvsApp } from '../../src/http/context.ts';
import { listen, type HttpServer, type ListenOptions } from '../../src/http/server.ts';
import { PageFiles } from '../../src/http/page-files.ts';
import { MemberTable } from '../../src/peers/member-table.ts';
import type { OpenVersionStore } from '../../src/store/version-store.ts';
import { FixedClock, memoryLevel, openTestStore, RecordingLogger } from '../store/harness.ts';

/** An inspector over transitions that a test makes. */
export class ScriptedInspector implements ActorInspector {
  readonly #transitions: ActorTransition[] = [];
  readonly listeners = new Set<(transition: ActorTransition) => void>();
  /** How many of the last ones it remembers. */
  remembered = Infinity;

  emit(to: string): void {
    const id = this.#transitions.length + 1;
    const transition = { id, at: id, actor: 'node', event: `to.${to}`, from: null, to };
    this.#transitions.push(transition);
    for (const listener of this.listeners) listener(transition);
  }

  actors() {
    const node = {
      id: 'node',
      machine: 'node',
      state: 'running',
      status: 'active',
      context: {},
      since: 1,
      restarts: 0,
    } as const;
    return [node];
  }

  actor(id: string) {
    const [node] = this.actors();
    return id === 'node' && node !== undefined
      ? { ...node, definition: {}, transitions: this.#transitions }
      : undefined;
  }

  transitionsSince(afterId: number) {
    const oldest = Math.max(this.#transitions.length - this.remembered, 0) + 1;
    return {
      transitions: this.#transitions.filter(({ id }) => id > afterId && id >= oldest),
      gap: afterId + 1 < oldest || afterId > this.#transitions.length,
    };
  }

  subscribe(listener: (transition: ActorTransition) => void) {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
}

export interface HttpUnderTest {
  readonly app: KvsApp;
  readonly store: OpenVersionStore;
  readonly clock: FixedClock;
  readonly logger: RecordingLogger;
  readonly inspector: ScriptedInspector;
  readonly node: {
    mode: Mode;
    isReady: boolean;
    held: HeldTombstones | undefined;
    refusal: string | undefined;
  };
  readonly closing: AbortController;
  close(): Promise<void>;
}

export async function makeApp(overrides: Partial<HttpDeps> = {}): Promise<HttpUnderTest> {
  const clock = new FixedClock();
  const logger = new RecordingLogger();
  const inspector = new ScriptedInspector();
  const closing = new AbortController();
  const node: HttpUnderTest['node'] = {
    mode: 'normal',
    isReady: true,
    held: undefined,
    refusal: undefined,
  };
  const { store } = await openTestStore(memoryLevel(), { clock });
  const app = createApp({
    store,
    storeView: store,
    events: store,
    quorum: { read: (path) => store.get(path) },
    members: new MemberTable({
      self: { id: 'node1', address: '127.0.0.1:1', storeId: store.storeId, joinedTimestamp: 1 },
      clock,
      timers: new ManualTimers(),
      logger,
      saved: undefined,
      forgetAfterMs: 0,
      save: async () => undefined,
    }),
    status: {
      nodeId: 'node1',
      mode: () => node.mode,
      isReady: () => node.isReady,
      heldTombstones: () => node.held,
      refusal: () => node.refusal,
    },
    links: () => [],
    page: new PageFiles(join(tmpdir(), 'no-page-here')),
    peers: { answer: async (message) => message },
    inspector,
    metrics: undefined,
    clock,
    logger,
    maxValueBytes: 1024,
    requestTimeoutMs: 10_000,
    debugAccess: 'local',
    heartbeatMs: 15_000,
    closing: closing.signal,
    ...overrides,
  });
  return { app, store, clock, logger, inspector, node, closing, close: () => store.close() };
}

export async function serve(app: KvsApp, overrides: Partial<ListenOptions> = {}): Promise<HttpServer> {
  return listen(app, {
    host: '127.0.0.1',
    port: 0,
    requestTimeoutMs: 10_000,
    headerTimeoutMs: 10_000,
    keepAliveTimeoutMs: 10_000,
    connectionsMax: 100,
    maxValueBytes: 1024,
    logger: new RecordingLogger(),
    ...overrides,
  });
}

export interface StartedApp extends HttpUnderTest {
  readonly server: HttpServer;
}

/** An app behind a server of its own, until the test is finished. */
export async function startApp(
  deps: Partial<HttpDeps> = {},
  options: Partial<ListenOptions> = {},
): Promise<StartedApp> {
  const under = await makeApp(deps);
  onTestFinished(under.close);
  const server = await serve(under.app, options);
  onTestFinished(() => server.close(0));
  return { ...under, server };
}

/** A connection of text, until the test is finished. */
export async function openSocket(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('utf8');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Sends bytes as they are, and settles with all that comes back until the connection ends. */
export async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let received = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => (received += chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
}

/** One request line with `Connection: close`; settles with the status and the body. */
export async function rawRequest(
  port: number,
  line: string | Buffer,
  headers: readonly string[] = [],
  body = '',
): Promise<{ status: number; head: string; body: string; code?: string }> {
  const rest = ['Host: 127.0.0.1', 'Connection: close', ...headers, '', body].join('\r\n');
  const start = typeof line === 'string' ? Buffer.from(line) : line;
  const received = await exchange(port, Buffer.concat([start, Buffer.from(` HTTP/1.1\r\n${rest}`)]));
  const headEnd = received.indexOf('\r\n\r\n');
  const answer = { head: received.slice(0, headEnd), body: received.slice(headEnd + 4) };
  const code = /"code":"(\w+)"/.exec(answer.body)?.[1];
  return { status: Number(received.slice(9, 12)), ...answer, ...(code === undefined ? {} : { code }) };
}
