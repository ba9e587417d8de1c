import { digestToHex } from '../../core/digest-tree.ts';
import { KvsError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { ActorSnapshot } from '../../core/ports.ts';
import { header, type HttpDeps, type KvsApp, type KvsContext } from '../context.ts';
import { allowOnly } from '../methods.ts';
import { TransitionFeed } from '../transition-feed.ts';
import { mountDebugCluster } from './debug-cluster.ts';
import { mountDebugKeys } from './debug-keys.ts';
import { mountDebugPage } from './debug-page.ts';

/** `/debug`: every actor's state, and its transitions as they happen. */
export function mountDebug(app: KvsApp, deps: HttpDeps): void {
  const { inspector, closing, heartbeatMs } = deps;
  const feed = new TransitionFeed({ inspector, closing, heartbeatMs });

  app.use('/debug/*', async (c, next) => {
    assertAccess(c, deps.debugAccess);
    await next();
  });
  app.get('/debug/actors', (c) => {
    const ids = c.req.queries('id');
    return c.json(ids === undefined ? deps.inspector.actors() : snapshotsOf(deps, ids));
  });
  app.get('/debug/actors/:id', (c) => {
    const actor = deps.inspector.actor(c.req.param('id'));
    if (actor === undefined) throw new KvsError('KVS_ACTOR_NOT_FOUND', 'There is no such actor');
    return c.json(actor);
  });
  app.get('/debug/store', (c) => c.json(storeState(deps)));
  app.get('/debug/events', (c) => {
    const headers = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' };
    // Nobody would ever read, or end, the stream of a HEAD.
    if (c.req.method === 'HEAD') return c.body(null, 200, headers);
    const stream = feed.open(header(c, 'last-event-id'), () => c.env?.outgoing?.destroy());
    return c.body(stream, 200, headers);
  });
  mountDebugCluster(app, deps);
  mountDebugKeys(app, deps);
  mountDebugPage(app, deps);
  for (const path of ['/debug/actors', '/debug/actors/:id', '/debug/store', '/debug/events'])
    allowOnly(app, path, ['GET', 'HEAD']);
}

/** Of each of these actors that there is, without its definition and its transitions. */
function snapshotsOf({ inspector }: HttpDeps, ids: readonly string[]): ActorSnapshot[] {
  return ids.slice(0, limits.pageItemsMax).flatMap((id) => {
    const actor = inspector.actor(id);
    if (actor === undefined) return [];
    const { definition: _, transitions: __, ...snapshot } = actor;
    return [snapshot];
  });
}

/** Two nodes hold the same exactly when their roots are equal. */
function storeState({ storeView: store }: HttpDeps): Record<string, unknown> {
  return {
    store_id: store.storeId,
    sequence: store.sequence,
    digests_ready: store.digestsReady,
    root: digestToHex(store.rootDigest()),
    ...Object.fromEntries(
      Object.entries(store.stats()).map(([name, count]) => [snakeCase(name), count as number]),
    ),
  };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function assertAccess(c: KvsContext, access: HttpDeps['debugAccess']): void {
  if (access === 'on') return;
  if (access === 'off') throw new KvsError('KVS_ROUTE_NOT_FOUND', 'Debugging is switched off on this node');
  if (isLocal(c)) return;
  throw new KvsError(
    'KVS_FORBIDDEN',
    'Debugging is open to clients on this machine only; see the key "debug"',
  );
}

/** What proxies add to a request that they pass on. */
const proxyHeaders = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

/**
 * The socket alone tells where a request comes from; no header makes anybody local. Two make them foreign. The Host
 * header must name this machine: a page elsewhere whose name was pointed at 127.0.0.1 (DNS rebinding) comes through the
 * browser of somebody local. And what a proxy on this machine passes on comes from somebody behind it.
 */
function isLocal(c: KvsContext): boolean {
  const peer = c.env?.incoming?.socket.remoteAddress ?? '';
  const host = header(c, 'host') ?? '';
  return (
    isLoopback(peer.replace(/^::ffff:/, '')) &&
    isLoopback(host.replace(/:\d+$/, '').toLowerCase()) &&
    proxyHeaders.every((name) => header(c, name) === undefined)
  );
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || name === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(name);
}
