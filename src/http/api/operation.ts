import type * as z from 'zod';
import type { KvsErrorCode } from '../../core/errors.ts';

/** Where an operation stands on the page, and its tag in the document. */
export const sections = {
  Values: 'Reading and writing one key.',
  Lists: 'What is below a path.',
  Watches: 'What happens to keys, as it happens.',
  Drivers: "For unstorage's driver `http`, which asks in its own way.",
  Batches: 'Many reads and writes in one request.',
  Revisions: 'Earlier versions of a value.',
  Members: 'Who belongs to the cluster.',
  Health: 'For whatever restarts or balances nodes.',
  Debugging:
    'What a node does, and why. Open to clients on the same machine only, unless the key `debug` says otherwise.',
  Metrics: 'For Prometheus.',
  Documentation: 'This description of the interface.',
  'Between nodes': 'What nodes ask each other. It may change with any version.',
} as const;

export type Section = keyof typeof sections;

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly text: string;
  readonly schema: z.ZodType;
  /** What the page begins with. */
  readonly example?: string;
}

/** How a body looks, by its media type. `bytes`: as they are; `lines`: each line of the body is such a value. */
export interface Content {
  readonly type: string;
  readonly schema: z.ZodType | 'bytes';
  readonly isLines?: boolean;
}

export interface Answer {
  readonly text: string;
  readonly headers?: readonly HeaderName[];
  readonly content?: readonly Content[];
}

/** Headers of answers that mean more than HTTP says of them by itself. */
export const headers = {
  ETag: 'The version that is answered or was written: its uuid in double quotes. With `-gzip` behind it: the value in gzip.',
  'Last-Modified': 'When the version was written, in whole seconds.',
  'KVS-Timestamp': 'When the version was written, ms since the epoch.',
  'KVS-Expires-At': 'When the value ends, ms since the epoch; only of a value that ends.',
  'KVS-TTL': 'The seconds that are left until then, rounded up.',
  'X-TTL': 'The same as `KVS-TTL`.',
  'Content-Encoding': '`gzip`, where the client takes it and the value is kept so.',
  Vary: 'What of the request decided on the form of the answer.',
  Location: 'Where it is.',
  'Cache-Control': 'For how long it may be kept.',
  'Retry-After': 'Seconds after which to try again.',
} as const;

export type HeaderName = keyof typeof headers;

/**
 * One thing that can be asked for. Several may share a method and a path, and differ in `query`: in OpenAPI they are
 * one operation.
 */
export interface Operation {
  readonly id: string;
  readonly method: 'get' | 'put' | 'post' | 'delete';
  /** All that it is found under; what stands in braces is a parameter. */
  readonly paths: readonly string[];
  /** Its ids at other paths than the first one. */
  readonly ids?: Readonly<Record<string, string>>;
  /** What must stand in the query, such as `watch=wait` or `revision={revision}`. */
  readonly query?: string;
  readonly section: Section;
  readonly title: string;
  readonly text: string;
  readonly parameters?: readonly Parameter[];
  readonly body?: { readonly text: string; readonly content: readonly Content[]; readonly example: string };
  readonly answers: Readonly<Record<number, Answer>>;
  /** What it may fail with, beside what any request may fail with. */
  readonly failures: readonly KvsErrorCode[];
  /** What asks for it in a shell, of a node on this machine. */
  readonly curl: string;
  /** True where nobody should ask for it by hand. */
  readonly isInternal?: boolean;
}

/** The parameters of the query that an operation can't do without. */
export function neededIn(query: string | undefined): readonly string[] {
  return query === undefined ? [] : query.split('&').map((part) => part.split('=', 1)[0] ?? '');
}
