import { METHODS } from 'node:http';
import { KvsError } from '../core/errors.ts';
import type { KvsApp, KvsContext } from './context.ts';
import { problemAnswer, send } from './answer.ts';

/**
 * Answers every method of a route but the allowed ones: OPTIONS with what is allowed, the others with 405. It stands
 * beside the handlers, not behind them: with a single handler for a request Hono needs no chain.
 */
export function allowOnly(app: KvsApp, path: string, allowed: readonly string[]): void {
  const allow = allowed.join(', ');
  const others = METHODS.filter((method) => !allowed.includes(method));
  app.on(others, path, (c: KvsContext) => {
    if (c.req.method === 'OPTIONS') return send(c, { status: 204, headers: { Allow: allow }, body: null });
    const detail = `${c.req.method} is not allowed here; allowed: ${allow}`;
    return send(c, problemAnswer(new KvsError('KVS_METHOD_NOT_ALLOWED', detail), { Allow: allow }));
  });
}
