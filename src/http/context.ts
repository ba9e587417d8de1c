import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import type {
  ActorInspector,
  Clock,
  LinkView,
  Logger,
  Members,
  NodeStatus,
  Quorum,
  VersionStore,
} from '../core/ports.ts';
import type { PageFiles } from './page-files.ts';

/** Everything that the routes need; nothing of it is made here. */
export interface HttpDeps {
  readonly store: Pick<VersionStore, 'peek' | 'get' | 'write'>;
  /** What lists, histories and /debug read of it. */
  readonly storeView: Pick<
    VersionStore,
    | 'storeId'
    | 'sequence'
    | 'digestsReady'
    | 'rootDigest'
    | 'stats'
    | 'list'
    | 'count'
    | 'revisions'
    | 'revision'
  >;
  /** What watches read. */
  readonly events: Pick<VersionStore, 'storeId' | 'sequence' | 'onCommit' | 'eventsAfter' | 'nextDeathAfter'>;
  /** Reads of which a majority vouches. */
  readonly quorum: Quorum;
  readonly members: Members;
  /** How it goes between this node and the others, for /debug/cluster. */
  readonly links: () => readonly LinkView[];
  /** The page under /debug/. */
  readonly page: PageFiles;
  /** Answers what peers ask; both are messages as bytes. */
  readonly peers: { answer(message: Uint8Array): Promise<Uint8Array> };
  readonly status: NodeStatus;
  readonly inspector: ActorInspector;
  /** What /metrics answers; undefined: it is switched off. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> } | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The largest value, bytes. */
  readonly maxValueBytes: number;
  /** How long a line of a batch may take to come, ms; other requests must come whole within it. */
  readonly requestTimeoutMs: number;
  /** Who may read /debug: nobody, loopback clients, or everybody. */
  readonly debugAccess: 'off' | 'local' | 'on';
  /** How often a stream that has nothing to say says that it is there: below the server's time-out, ms. */
  readonly heartbeatMs: number;
  /** Aborted when the server begins to close: streams that would never end then end. */
  readonly closing: AbortSignal;
}

/** On a real socket the request carries Node's own objects; through `app.request()` it does not. */
export interface KvsEnv {
  Bindings: Partial<HttpBindings>;
}

export type KvsApp = Hono<KvsEnv>;
export type KvsContext = Context<KvsEnv>;

/**
 * The path of a request, still percent-encoded and exactly as the client sent it: `URL` would resolve `..` and
 * `%2e%2e` before anybody could refuse them.
 */
export function rawPath(request: Request, env: Partial<HttpBindings> | undefined): string {
  return pathOfTarget(env?.incoming?.url ?? request.url);
}

/** The path in a request line, which may hold a whole URL. */
export function pathOfTarget(target: string): string {
  const start = target.startsWith('/') ? 0 : target.indexOf('/', target.indexOf('://') + 3);
  const end = target.indexOf('?');
  return target.slice(start, end < 0 ? undefined : end);
}

/** A header of a request; `name` in lower case. */
export function header(c: KvsContext, name: string): string | undefined {
  const incoming = c.env?.incoming;
  if (incoming === undefined) return c.req.header(name);
  const value = incoming.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
