import { setMaxListeners } from 'node:events';
import { digestToHex } from '../../core/digest-tree.ts';
import { KvsError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { ActorSnapshot, ActorTransition } from '../../core/ports.ts';
import { header, type HttpDeps, type KvsApp, type KvsContext } from '../context.ts';
import { allowOnly } from '../methods.ts';
import { mountDebugCluster } from './debug-cluster.ts';
import { mountDebugKeys } from './debug-keys.ts';
import { mountDebugPage } from './debug-page.ts';

/** Between two comments that keep a quiet stream alive, ms. */
const heartbeatMs = 15_000;

/** `/debug`: every actor's state, and its transitions as they happen. */
export function mountDebug(app: KvsApp, deps: HttpDeps): void {
  let readers = 0;
  setMaxListeners(limits.debugReadersMax + 1, deps.closing);

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
    if (readers >= limits.debugReadersMax) {
      throw new KvsError(
        'KVS_OVERLOADED',
        `${limits.debugReadersMax} readers of /debug/events are there already`,
      );
    }
    readers++;
    const stream = eventStream(deps, lastEventId(c), () => readers--);
    return new Response(stream, {
      headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' },
    });
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

/**
 * Whoever is local is told by the socket, and the Host header must name this machine too: a page elsewhere whose name
 * was pointed at 127.0.0.1 (DNS rebinding) comes through the browser of somebody local.
 */
function assertAccess(c: KvsContext, access: HttpDeps['debugAccess']): void {
  if (access === 'on') return;
  if (access === 'off') throw new KvsError('KVS_ROUTE_NOT_FOUND', 'Debugging is switched off on this node');
  const peer = c.env?.incoming?.socket.remoteAddress ?? '';
  const host = header(c, 'host') ?? '';
  if (isLoopback(peer.replace(/^::ffff:/, '')) && isLoopback(host.replace(/:\d+$/, ''))) return;
  throw new KvsError(
    'KVS_FORBIDDEN',
    'Debugging is open to clients on this machine only; see the key "debug"',
  );
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || name === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** Undefined: from now on. */
function lastEventId(c: KvsContext): number | undefined {
  const text = header(c, 'last-event-id');
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new KvsError('KVS_BAD_REQUEST', 'Last-Event-ID must be a number');
  return Number(text);
}

/**
 * One server-sent event per transition. A reader that falls too far behind loses events, and is told how many with
 * a `gap` event before the next one it gets.
 */
function eventStream(
  deps: HttpDeps,
  after: number | undefined,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let dropped = 0;
  let end = (): void => undefined;

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const send = (text: string) => controller.enqueue(encoder.encode(text));
        const sendTransition = (transition: ActorTransition) => {
          if ((controller.desiredSize ?? 0) <= 0) {
            dropped++;
            return;
          }
          if (dropped > 0) send(`event: gap\ndata: ${JSON.stringify({ dropped })}\n\n`);
          dropped = 0;
          send(`id: ${transition.id}\nevent: transition\ndata: ${JSON.stringify(transition)}\n\n`);
        };

        send(': connected\n\n');
        if (after !== undefined) {
          const { transitions, gap } = deps.inspector.transitionsSince(after);
          if (gap) send('event: gap\ndata: {}\n\n');
          for (const transition of transitions) sendTransition(transition);
        }
        const unsubscribe = deps.inspector.subscribe(sendTransition);
        const heartbeat = setInterval(() => {
          if ((controller.desiredSize ?? 0) > 0) send(': still here\n\n');
        }, heartbeatMs);
        const close = () => {
          end();
          controller.close();
        };
        end = () => {
          end = () => undefined;
          unsubscribe();
          clearInterval(heartbeat);
          deps.closing.removeEventListener('abort', close);
          onEnd();
        };
        if (deps.closing.aborted) close();
        else deps.closing.addEventListener('abort', close);
      },
      cancel() {
        end();
      },
    },
    new CountQueuingStrategy({ highWaterMark: limits.debugEventsBufferedMax }),
  );
}
