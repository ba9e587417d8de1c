import type { HttpDeps, KvsApp } from '../context.ts';
import { allowOnly } from '../methods.ts';

/** `/health`: for people, and for whatever restarts or balances nodes. */
export function mountHealth(app: KvsApp, { status, members }: HttpDeps): void {
  app.get('/health', (c) => {
    const present = members.list().filter(({ state }) => state === 'alive' || state === 'suspect');
    const held = status.heldTombstones();
    const refusal = status.refusal();
    return c.json({
      status: status.isReady() ? 'ok' : 'unavailable',
      mode: status.mode(),
      member_count: present.length,
      node_id: status.nodeId,
      ...(held === undefined ? {} : { tombstones_held: held.count, tombstones_held_by: held.member }),
      ...(refusal === undefined ? {} : { refused: refusal }),
    });
  });
  app.get('/health/live', (c) => c.json({ status: 'ok' }));
  app.get('/health/ready', (c) =>
    status.isReady() ? c.json({ status: 'ok' }) : c.json({ status: 'unavailable' }, 503),
  );
  for (const path of ['/health', '/health/live', '/health/ready']) allowOnly(app, path, ['GET', 'HEAD']);
}
