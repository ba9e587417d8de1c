import { KvsError } from '../../core/errors.ts';
import type { HttpDeps, KvsApp } from '../context.ts';
import { allowOnly } from '../methods.ts';

/** `/metrics`: the node in numbers, for Prometheus. */
export function mountMetrics(app: KvsApp, { metrics }: Pick<HttpDeps, 'metrics'>): void {
  app.get('/metrics', async (c) => {
    if (metrics === undefined) {
      throw new KvsError(
        'KVS_ROUTE_NOT_FOUND',
        'Metrics are switched off on this node; see the key "metrics"',
      );
    }
    return c.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType });
  });
  allowOnly(app, '/metrics', ['GET', 'HEAD']);
}
