import * as z from 'zod';
import { limits } from '../../core/limits.ts';

/** Every shape that has a name of its own in the document. */
export const shapes = z.registry<{ readonly id: string }>();

/** What each of them stands for, by its name. */
export const shapeTexts = new Map<string, string>();

/** Names a schema; `text` says what it stands for. */
export function shape<T extends z.ZodType>(id: string, text: string, schema: T): T {
  shapes.add(schema, { id });
  shapeTexts.set(id, text);
  return schema;
}

const answered = new WeakSet<object>();

/**
 * An object that a node answers. The node sends nothing but these members, and tests refuse any other; to clients the
 * document says that there may be more one day.
 */
export function answer<T extends z.core.$ZodLooseShape>(
  members: T,
): z.ZodObject<z.core.util.Writeable<T>, z.core.$strict> {
  const schema = z.strictObject(members);
  answered.add(schema);
  return schema;
}

export function isAnswer(schema: object): boolean {
  return answered.has(schema);
}

export type LimitName = keyof typeof limits;

/**
 * What the document says beside a bound: the name of the limit that it is. The number is that of the limit, or in
 * seconds where the limit is in ms.
 */
export function bound(limit: LimitName): { readonly 'x-limit': LimitName } {
  return { 'x-limit': limit };
}

export const count = z.int().min(0);

export const uuid = z.guid().meta({ description: 'Names a version of a value, at all nodes.' });

export const timestamp = z
  .int()
  .min(0)
  .max(limits.timestampMsMax)
  .meta({ description: 'ms since the epoch', ...bound('timestampMsMax') });

export const expiresAt = timestamp.optional();

export const path = z
  .string()
  .min(1)
  .max(limits.pathBytesMax)
  .meta({ description: 'The path of a key as it is, not percent-encoded', ...bound('pathBytesMax') });

export const contentType = z.string().max(limits.contentTypeBytesMax).meta(bound('contentTypeBytesMax'));

export const cursor = z
  .string()
  .nullable()
  .meta({ description: 'The cursor of the next page; null at the end' });

/** What carries a value in JSON: one of the two. */
export const valueMembers = {
  value: z.unknown().optional().meta({ description: 'A value whose content type is JSON, as it was sent' }),
  value_base64: z.base64().optional().meta({ description: 'A value of any other content type' }),
};

export const anyJson = shape('Value', 'A value: any JSON.', z.unknown());

export const written = shape(
  'Written',
  'A value that is kept.',
  answer({ uuid, timestamp, expires_at: expiresAt }),
);
