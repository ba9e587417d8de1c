import { METHODS } from 'node:http';
import { KvsError } from '../core/errors.ts';
import type { KvsApp, KvsContext } from './context.ts';
import { problemAnswer, send } from './answer.ts';

/**
 * Answers every method of a route but the allowed ones: OPTIONS with what is allowed, the others with 405. It stands
 * beside the handlers, not behind them: with a single handler for a request Hono needs no chain.
 *
 * @param handled methods beside the allowed ones that have a handler of their own
 */
export function allowOnly(
  app: KvsApp,
  path: string,
  allowed: readonly string[],
  handled: readonly string[] = [],
): void {
  const others = METHODS.filter((method) => !allowed.includes(method) && !handled.includes(method));
  app.on(others, path, (c: KvsContext) => {
    if (c.req.method !== 'OPTIONS') return refuseMethod(c, allowed);
    return send(c, { status: 204, headers: { Allow: allowed.join(', ') }, body: null });
  });
}

/** Answers with 405 and what is allowed. */
export function refuseMethod(c: KvsContext, allowed: readonly string[]): Response {
  const allow = allowed.join(', ');
  const detail = `${c.req.method} is not allowed here; allowed: ${allow}`;
  return send(c, problemAnswer(new KvsError('KVS_METHOD_NOT_ALLOWED', detail), { Allow: allow }));
}
