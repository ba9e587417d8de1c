import * as z from 'zod';
import { limits } from '../../core/limits.ts';
import type { Parameter } from './operation.ts';
import { bound } from './shape.ts';

const path = z.string().min(1).max(limits.pathBytesMax).meta(bound('pathBytesMax'));
const tags = z.string().min(1);

/** True where it stands there without a value. */
export const flagSchema = z.enum(['', 'true', '1', 'false', '0']);

export const keyPath: Parameter = {
  name: 'path',
  in: 'path',
  text: 'One or more segments between slashes, each percent-encoded; the slashes between them as they are, for a `%2F` is refused. Once decoded: no empty segment, no `.` or `..`, no control character, no segment that is a single `:`.',
  schema: path,
  example: 'users/john/profile',
};

export const prefix: Parameter = {
  name: 'prefix',
  in: 'path',
  text: 'A path, under the same rules. Everything below it is meant; `/kv/` alone means all keys.',
  schema: path,
  example: 'users',
};

export const ifMatch: Parameter = {
  name: 'If-Match',
  in: 'header',
  text: 'ETags, or `*` for any version: 412 unless the key has such a version.',
  schema: tags,
};

export const ifNoneMatch: Parameter = {
  name: 'If-None-Match',
  in: 'header',
  text: 'ETags, or `*` for any version: where the key has such a version, a read is a 304 and a write a 412.',
  schema: tags,
};

export const acceptEncoding: Parameter = {
  name: 'Accept-Encoding',
  in: 'header',
  text: 'With `gzip`, a value that is kept in gzip comes as it is kept.',
  schema: z.string(),
};

export const ttl: Parameter = {
  name: 'ttl',
  in: 'query',
  text: 'Seconds until the value ends, at every node; whole or decimal.',
  schema: z
    .number()
    .gt(0)
    .max(limits.ttlMsMax / 1_000)
    .meta(bound('ttlMsMax')),
};

export const ttlHeader: Parameter = { ...ttl, name: 'KVS-TTL', in: 'header', text: 'The same as `ttl`.' };

export const ttlHeaderOfDrivers: Parameter = { ...ttlHeader, name: 'X-TTL' };

export const lenient: Parameter = {
  name: 'Prefer',
  in: 'header',
  text: 'With `handling=lenient` (RFC 7240) a key that is not there is deleted all the same: 204.',
  schema: z.string(),
};

export const idempotencyKey: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  text: 'Visible characters of ASCII, and never the same twice: what is sent again with it is done once, and gets its first answer.',
  schema: z.string().min(1).max(limits.idempotencyKeyBytesMax).meta(bound('idempotencyKeyBytesMax')),
};

export const depth: Parameter = {
  name: 'depth',
  in: 'query',
  text: 'How many levels are listed; 1 unless given.',
  schema: z.int().min(1).max(limits.pathBytesMax).meta(bound('pathBytesMax')),
};

export const recursive: Parameter = {
  name: 'recursive',
  in: 'query',
  text: 'All levels, and the keys alone. It does not go with `depth`.',
  schema: flagSchema,
};

export const withValues: Parameter = {
  name: 'values',
  in: 'query',
  text: 'Each key comes with its value.',
  schema: flagSchema,
};

export const reverse: Parameter = {
  name: 'reverse',
  in: 'query',
  text: 'In descending order.',
  schema: flagSchema,
};

export const limit: Parameter = {
  name: 'limit',
  in: 'query',
  text: 'Entries of a page; 100 unless given. A stream of lines has no such bound, and ends there if one is given.',
  schema: z.int().min(1).max(limits.listedKeysMax).meta(bound('listedKeysMax')),
};

export const cursor: Parameter = {
  name: 'cursor',
  in: 'query',
  text: '`next` of the page before.',
  schema: z.string().min(1),
};

export const after: Parameter = {
  name: 'after',
  in: 'query',
  text: 'A path of the same rules below the prefix, whether or not there is such a key: the list begins behind it. It does not go with `cursor`.',
  schema: z.string().min(1),
};

export const accept: Parameter = {
  name: 'Accept',
  in: 'header',
  text: 'With `application/x-ndjson` the list is a stream of lines.',
  schema: z.string(),
};

export const counted: Parameter = {
  name: 'count',
  in: 'query',
  text: 'How many keys there are, and nothing else.',
  schema: flagSchema,
};

export const watched: Parameter = {
  name: 'watch',
  in: 'query',
  text: 'What happens from now on, as a stream of events; `wait` for a single answer.',
  schema: z.enum([...flagSchema.options, 'wait']),
};

export const lastEventId: Parameter = {
  name: 'Last-Event-ID',
  in: 'header',
  text: 'The id of the last event that was read: the stream goes on behind it.',
  schema: z.string().min(1),
};

export const lastEventIdQuery: Parameter = {
  ...lastEventId,
  name: 'last_event_id',
  in: 'query',
  text: 'The same as `Last-Event-ID`, for those who can send no header.',
};

export const index: Parameter = {
  name: 'index',
  in: 'query',
  text: 'The `index` of the answer before: what came after it is answered.',
  schema: z.string().min(1),
};

export const watchTimeout: Parameter = {
  name: 'timeout',
  in: 'query',
  text: 'Seconds that a long poll waits; 30 unless given. 0 answers what is there.',
  schema: z.number().min(0).max(limits.watchTimeoutSecondsMax).meta(bound('watchTimeoutSecondsMax')),
  example: '1',
};
