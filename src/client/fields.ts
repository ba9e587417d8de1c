import { fromBase64 } from './base64.ts';
import { badAnswer } from './kvs-client-error.ts';

/** An object of an answer, not checked yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** @throws KvsClientError KVS_BAD_ANSWER when it is no JSON */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw badAnswer(`The answer is not JSON: ${text.slice(0, 80)}`, 200, cause);
  }
}

/** @throws KvsClientError KVS_BAD_ANSWER when it is no object */
export function fieldsOf(parsed: unknown): Fields {
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Fields;
  throw badAnswer('The answer has no object where a node has one', 200);
}

export function arrayOf(parsed: unknown): readonly unknown[] {
  if (Array.isArray(parsed)) return parsed as readonly unknown[];
  throw badAnswer('The answer has no array where a node has one', 200);
}

export function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string') return value;
  throw badAnswer(`The answer has no text "${name}"`, 200);
}

export function number(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === 'number') return value;
  throw badAnswer(`The answer has no number "${name}"`, 200);
}

export function truth(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value === 'boolean') return value;
  throw badAnswer(`The answer has no boolean "${name}"`, 200);
}

/** A member that need not be there, under the name that the client gives it. */
export function optional<T, N extends string>(
  fields: Fields,
  name: string,
  read: (fields: Fields, name: string) => T,
  as: N,
): { readonly [K in N]?: T } {
  return (fields[name] === undefined ? {} : { [as]: read(fields, name) }) as { readonly [K in N]?: T };
}

/** The value of an entry: JSON as `value`, everything else as `data`; neither where there is none. */
export function valueOf(fields: Fields): { readonly value?: unknown; readonly data?: Uint8Array } {
  if ('value' in fields) return { value: fields['value'] };
  if (fields['value_base64'] === undefined) return {};
  try {
    return { data: fromBase64(text(fields, 'value_base64')) };
  } catch (cause) {
    throw badAnswer('The answer has a value in Base64 that is none', 200, cause);
  }
}
