import * as z from 'zod';
import type { Operation } from './operation.ts';
import {
  accept,
  after,
  counted,
  cursor as cursorParameter,
  depth,
  limit,
  prefix,
  recursive,
  reverse,
  withValues,
} from './parameters.ts';
import {
  answer,
  contentType,
  count,
  cursor,
  expiresAt,
  path,
  shape,
  timestamp,
  uuid,
  valueMembers,
} from './shape.ts';
import { writeFailures } from './values.ts';

const paths = ['/kv/{prefix}/', '/kv/'];

const bytes = count.meta({ description: 'Of the value as it was sent' });

const listedPrefix = z
  .string()
  .meta({ description: 'What was asked for; empty, or with a slash at its end' });

const listedKey = shape(
  'ListedKey',
  'A key of a list of all levels.',
  answer({ path, uuid, timestamp, content_type: contentType, bytes, expires_at: expiresAt, ...valueMembers }),
);

const listedChild = shape(
  'ListedChild',
  'What stands below a prefix: a key, a directory, or both. A directory alone has no version.',
  answer({
    name: z.string().meta({ description: 'The last segment of the path' }),
    path,
    has_children: z.boolean().meta({ description: 'True where there are keys below it' }),
    uuid: uuid.optional(),
    timestamp: timestamp.optional(),
    content_type: contentType.optional(),
    bytes: bytes.optional(),
    expires_at: expiresAt,
    ...valueMembers,
  }),
);

const childrenPage = shape(
  'Children',
  'A page of what stands below a prefix.',
  answer({ prefix: listedPrefix, children: z.array(listedChild), next: cursor }),
);

const keysPage = shape(
  'Keys',
  'A page of all keys below a prefix.',
  answer({ prefix: listedPrefix, keys: z.array(listedKey), next: cursor }),
);

const keyCount = shape(
  'KeyCount',
  'How many keys are below a prefix.',
  answer({ prefix: listedPrefix, count }),
);

const deletedCount = shape('DeletedCount', 'How many keys were deleted.', answer({ deleted: count }));

/** What deletes all keys below a path answers so. */
export const deletedAnswers: Operation['answers'] = {
  200: {
    text: 'How many were there.',
    headers: ['Vary'],
    content: [{ type: 'application/json', schema: deletedCount }],
  },
};

/** What is below a path. */
export const listOperations: readonly Operation[] = [
  {
    id: 'listKeys',
    ids: { '/kv/': 'listAllKeys' },
    method: 'get',
    paths,
    section: 'Lists',
    title: 'List what is below a path',
    text: 'In the order of the paths, byte by byte; in pages, or with `Accept: application/x-ndjson` as a stream of lines without end. A prefix that has nothing below it is an empty list.',
    parameters: [prefix, recursive, depth, withValues, reverse, limit, cursorParameter, after, accept],
    answers: {
      200: {
        text: 'A page. With `values` it has at most 1 MiB of values, unless the first one alone is larger.',
        headers: ['Vary'],
        content: [
          { type: 'application/json', schema: z.union([childrenPage, keysPage]) },
          { type: 'application/x-ndjson', schema: z.union([listedChild, listedKey]), isLines: true },
        ],
      },
    },
    failures: ['KVS_BAD_PATH'],
    curl: `curl 'http://localhost:8080/kv/users/?limit=10&values'`,
  },
  {
    id: 'countKeys',
    method: 'get',
    paths,
    query: 'count',
    section: 'Lists',
    title: 'Count the keys below a path',
    text: 'At any depth.',
    parameters: [prefix, counted],
    answers: {
      200: {
        text: 'How many there are.',
        headers: ['Vary'],
        content: [{ type: 'application/json', schema: keyCount }],
      },
    },
    failures: ['KVS_BAD_PATH'],
    curl: `curl 'http://localhost:8080/kv/users/?count'`,
  },
  {
    id: 'deleteKeys',
    ids: { '/kv/': 'deleteAllKeys' },
    method: 'delete',
    paths,
    query: 'recursive',
    section: 'Lists',
    title: 'Delete all keys below a path',
    text: 'At any depth, in batches of 1,000, each of which is durable when the next one begins; together they are not atomic.',
    parameters: [prefix, recursive],
    answers: deletedAnswers,
    failures: ['KVS_BAD_PATH', ...writeFailures],
    curl: `curl -X DELETE 'http://localhost:8080/kv/users/?recursive'`,
  },
];
