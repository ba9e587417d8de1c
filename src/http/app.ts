import { Hono } from 'hono';
import { KvsError } from '../core/errors.ts';
import { problemAnswer, send } from './answer.ts';
import { BodyReader } from './body.ts';
import { rawPath, type HttpDeps, type KvsApp, type KvsEnv } from './context.ts';
import { mountDocumentation } from './routes/documentation.ts';
import { mountDebug } from './routes/debug.ts';
import { mountBatch } from './routes/kv-batch.ts';
import { mountHealth } from './routes/health.ts';
import { mountKv } from './routes/kv.ts';
import { mountMembers } from './routes/members.ts';
import { mountMetrics } from './routes/metrics.ts';
import { mountPeer } from './routes/peer.ts';

/** Every route of a node. Each failure becomes a problem; what is not ours to explain is logged and kept back. */
export function createApp(deps: HttpDeps): KvsApp {
  const app: KvsApp = new Hono<KvsEnv>({
    getPath: (request, options) => rawPath(request, options?.env),
  });
  const bodies = new BodyReader();
  mountBatch(app, deps, bodies);
  mountKv(app, deps, bodies);
  mountHealth(app, deps);
  mountMembers(app, deps, bodies);
  mountPeer(app, deps, bodies);
  mountDebug(app, deps);
  mountMetrics(app, deps);
  mountDocumentation(app, deps);
  app.notFound((c) => send(c, problemAnswer(new KvsError('KVS_ROUTE_NOT_FOUND', 'There is no such route'))));
  app.onError((error, c) => {
    if (error instanceof KvsError) return send(c, problemAnswer(error));
    deps.logger.error('A request failed unexpectedly', { method: c.req.method, error });
    const detail = 'Something went wrong here; the log of the node says what';
    return send(c, problemAnswer(new KvsError('KVS_INTERNAL', detail)));
  });
  return app;
}
