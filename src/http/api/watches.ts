import * as z from 'zod';
import type { Operation } from './operation.ts';
import {
  index,
  keyPath,
  lastEventId,
  lastEventIdQuery,
  prefix,
  watched,
  watchTimeout,
} from './parameters.ts';
import { answer, contentType, expiresAt, path, shape, timestamp, uuid, valueMembers } from './shape.ts';

const paths = ['/kv/{path}', '/kv/{prefix}/', '/kv/'];

/** What happened, by the name of the event; in a stream these are its data. */
export const watchData = {
  put: answer({ path, uuid, timestamp, content_type: contentType, expires_at: expiresAt, ...valueMembers }),
  delete: answer({ path, uuid, timestamp }),
  expire: answer({ path, uuid, timestamp, expires_at: timestamp }),
  reset: answer({ reason: z.string() }),
};

const watchEvent = shape(
  'WatchEvent',
  'What happened to a key. `reset`: what happened before is not known; list anew.',
  z.discriminatedUnion('event', [
    answer({ event: z.literal('put'), ...watchData.put.shape }),
    answer({ event: z.literal('delete'), ...watchData.delete.shape }),
    answer({ event: z.literal('expire'), ...watchData.expire.shape }),
    answer({ event: z.literal('reset'), ...watchData.reset.shape }),
  ]),
);

const watchAnswer = shape(
  'WatchAnswer',
  'What happened after an index.',
  answer({
    index: z.string().meta({ description: 'Goes into the `index` of the next request' }),
    events: z.array(watchEvent),
  }),
);

/** What happens to keys. */
export const watchOperations: readonly Operation[] = [
  {
    id: 'watch',
    method: 'get',
    paths,
    query: 'watch',
    section: 'Watches',
    title: 'Watch a key, or all keys below a path',
    text: 'Server-sent events, from now on or from `Last-Event-ID` on; the ids hold over restarts of the node. The stream ends when the node stops.',
    parameters: [keyPath, prefix, watched, lastEventId, lastEventIdQuery],
    answers: {
      200: {
        text: 'Events named `put`, `delete`, `expire` and `reset`. The data of each is a `WatchEvent` without its `event`, in JSON.',
        headers: ['Cache-Control'],
        content: [{ type: 'text/event-stream', schema: z.string() }],
      },
    },
    failures: ['KVS_BAD_PATH'],
    curl: `curl -N 'http://localhost:8080/kv/users/?watch'`,
  },
  {
    id: 'waitForChange',
    method: 'get',
    paths,
    query: 'watch=wait',
    section: 'Watches',
    title: 'Wait for a change',
    text: 'The same by long poll: one answer as soon as something has happened after `index`, or without events when the time is over.',
    parameters: [keyPath, prefix, watched, index, watchTimeout],
    answers: {
      200: {
        text: 'What happened. White space may stand before it: it keeps the connection alive.',
        headers: ['Cache-Control'],
        content: [{ type: 'application/json', schema: watchAnswer }],
      },
    },
    failures: ['KVS_BAD_PATH'],
    curl: `curl 'http://localhost:8080/kv/users/?watch=wait&timeout=1'`,
  },
];
