import type * as z from 'zod';
import { KvsError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Member } from '../../core/membership.ts';
import type { BodyReader } from '../body.ts';
import type { HttpDeps, KvsApp, KvsContext } from '../context.ts';
import { forgetBody, joinBody, leaveBody } from '../member-bodies.ts';
import { allowOnly } from '../methods.ts';

/** `/members`: who is there, and the handshakes between nodes. */
export function mountMembers(app: KvsApp, { members, clock }: HttpDeps, bodies: BodyReader): void {
  for (const path of ['/members', '/members/']) {
    app.get(path, (c) => c.json(members.list().map(publicMember)));
    allowOnly(app, path, ['GET', 'HEAD']);
  }

  app.post('/members/join', async (c) => {
    const body = await parseBody(c, bodies, joinBody);
    const known = await members.join({
      id: body.id,
      address: body.address,
      storeId: body.store_id,
      joinedTimestamp: body.joined_timestamp,
      incarnation: body.incarnation,
      state: 'alive',
      lastSeen: clock.now(),
    });
    return c.json(
      known.map((member) => ({
        ...publicMember(member),
        store_id: member.storeId,
        incarnation: member.incarnation,
      })),
    );
  });

  app.post('/members/leave', async (c) => {
    const body = await parseBody(c, bodies, leaveBody);
    await members.leave(body.id, body.incarnation);
    return c.body(null, 204);
  });

  app.post('/members/forget', async (c) => {
    const body = await parseBody(c, bodies, forgetBody);
    await members.forget(body.id);
    return c.json({ forgotten: body.id });
  });

  for (const path of ['/members/join', '/members/leave', '/members/forget']) allowOnly(app, path, ['POST']);
}

function publicMember(member: Member): Record<string, unknown> {
  return {
    id: member.id,
    address: member.address,
    last_seen: member.lastSeen,
    joined_timestamp: member.joinedTimestamp,
    state: member.state,
  };
}

async function parseBody<T>(c: KvsContext, bodies: BodyReader, schema: z.ZodType<T>): Promise<T> {
  const bytes = await bodies.read(c, limits.handshakeBytesMax);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString());
  } catch (cause) {
    throw new KvsError('KVS_BAD_BODY', 'The body is not valid JSON', { cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new KvsError(
    'KVS_BAD_REQUEST',
    `${field === '' ? 'The body' : field}: ${issue?.message ?? 'not as expected'}`,
  );
}
