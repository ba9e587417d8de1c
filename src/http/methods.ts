import { KvsError } from '../core/errors.ts';
import type { KvsContext } from './context.ts';
import { problemResponse } from './problem.ts';

/** Answers every other method of a route: what is allowed, and a 405 unless that is what was asked. */
export function allowOnly(...methods: string[]): (c: KvsContext) => Response {
  const allow = methods.join(', ');
  return (c) => {
    if (c.req.method === 'OPTIONS') return new Response(null, { status: 204, headers: { Allow: allow } });
    const error = new KvsError(
      'KVS_METHOD_NOT_ALLOWED',
      `${c.req.method} is not allowed here; allowed: ${allow}`,
    );
    return problemResponse(error, { Allow: allow });
  };
}
