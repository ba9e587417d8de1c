import * as z from 'zod';
import type { KvsErrorCode } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { fileHeaders, knownAnswer } from './files.ts';
import { mode } from './health.ts';
import type { Operation, Parameter } from './operation.ts';
import { lastEventId } from './parameters.ts';
import { answer, bound, contentType, count, cursor, path, shape, timestamp, uuid } from './shape.ts';

const failures: readonly KvsErrorCode[] = ['KVS_FORBIDDEN'];

const actorMembers = {
  id: z.string(),
  machine: z.string().meta({ description: 'Actors of one kind share it' }),
  state: z.unknown().meta({ description: "XState's state value; null for an effect without states" }),
  status: z.enum(['active', 'done', 'error', 'stopped']),
  context: z.unknown().meta({ description: 'What is meant to be seen of it' }),
  since: timestamp.meta({ description: 'When it entered its state, ms since the epoch' }),
  restarts: count,
  error: z.string().optional(),
};

const actor = shape('Actor', 'An actor and its state.', answer(actorMembers));

export const transition = shape(
  'Transition',
  'A step of an actor from a state to another one.',
  answer({
    id: count.meta({ description: 'Ascending, over all actors' }),
    at: timestamp,
    actor: z.string(),
    event: z.string(),
    from: z.unknown(),
    to: z.unknown(),
  }),
);

const actorDetail = shape(
  'ActorDetail',
  'An actor with its statechart and its last transitions.',
  answer({
    ...actorMembers,
    definition: z.unknown().meta({ description: "XState's definition of the machine; null for an effect" }),
    transitions: z.array(transition),
  }),
);

const link = answer({
  failures: count.meta({ description: 'Calls in a row without an answer' }),
  failing_since: timestamp.nullable(),
  error: z.string().nullable(),
  round_trip_ms: z.number().nullable(),
  waiting: count.meta({ description: 'Versions that wait to be pushed' }),
  lag_ms: z.number().meta({ description: 'The age of the oldest of them' }),
  sent_bytes: count,
  received_bytes: count,
});

const cluster = shape(
  'Cluster',
  'This node, its members, and how it goes with each of them.',
  answer({
    now: timestamp,
    node: answer({
      id: z.string(),
      mode,
      ready: z.boolean(),
      started_at: timestamp,
      refused: z.string().nullable(),
      tombstones_held: count,
      tombstones_held_by: z.string().nullable(),
    }),
    members: z.array(
      answer({
        id: z.string(),
        address: z.string(),
        state: z.enum(['alive', 'suspect', 'dead', 'left']),
        last_seen: timestamp,
        joined_timestamp: timestamp,
        incarnation: count,
        link: link.nullable().meta({ description: 'Null for this node itself' }),
      }),
    ),
  }),
);

const version = shape(
  'Version',
  'What is known of a version; not its value.',
  answer({
    uuid,
    timestamp,
    counter: z.int().min(0).max(limits.counterMax).meta(bound('counterMax')),
    origin: z.string(),
    origin_joined: timestamp,
    votes: z.int().min(0).max(limits.votesMax).meta(bound('votesMax')),
    state: z.enum(['live', 'deleted', 'expired']),
    expires_at: timestamp.nullable(),
    content_type: contentType,
    bytes: count.meta({ description: 'As it was sent' }),
    stored_bytes: count.meta({ description: 'As it is stored' }),
  }),
);

const keyLevel = shape(
  'KeyLevel',
  'What stands directly below a path, deleted keys included.',
  answer({
    prefix: z.string(),
    children: z
      .array(answer({ path, name: z.string(), has_children: z.boolean(), version: version.nullable() }))
      .max(limits.debugChildrenMax)
      .meta(bound('debugChildrenMax')),
    next: cursor,
  }),
);

const keyVersion = shape('KeyVersion', 'The version of a key.', answer({ path, version }));

const storeState = shape(
  'Store',
  'What the store holds. Two nodes hold the same exactly when their roots are equal.',
  answer({
    store_id: z.string(),
    sequence: count,
    digests_ready: z.boolean(),
    root: z.string(),
    cache_entries: count,
    cache_bytes: count,
    cache_hits: count,
    cache_misses: count,
    commits: count,
    commit_writes: count,
    local_writes: count,
    pending_writes: count,
    future_versions: count,
  }),
);

const actorId: Parameter = {
  name: 'id',
  in: 'path',
  text: 'Of an actor.',
  schema: z.string().min(1),
  example: 'mode-controller',
};

const actorIds: Parameter = {
  name: 'id',
  in: 'query',
  text: 'Only this actor; it may stand there several times.',
  schema: z.array(z.string()),
};

const keyPrefix: Parameter = {
  name: 'prefix',
  in: 'query',
  text: 'A path as it is; all keys without it.',
  schema: z.string().max(limits.pathBytesMax).meta(bound('pathBytesMax')),
};

const keyCursor: Parameter = {
  name: 'cursor',
  in: 'query',
  text: '`next` of the page before.',
  schema: z.string().min(1),
};

const keyPathQuery: Parameter = {
  name: 'path',
  in: 'query',
  text: 'The path of a key as it is.',
  schema: path,
  example: 'users/john/profile',
};

const assetName: Parameter = {
  name: 'name',
  in: 'path',
  text: 'As the page has it.',
  schema: z.string().min(1),
};

/** What a node does, and why. */
export const debugOperations: readonly Operation[] = [
  {
    id: 'listActors',
    method: 'get',
    paths: ['/debug/actors'],
    section: 'Debugging',
    title: 'Every actor and its state',
    text: 'Without their statecharts and transitions.',
    parameters: [actorIds],
    answers: {
      200: { text: 'The actors.', content: [{ type: 'application/json', schema: z.array(actor) }] },
    },
    failures,
    curl: 'curl http://localhost:8080/debug/actors',
  },
  {
    id: 'getActor',
    method: 'get',
    paths: ['/debug/actors/{id}'],
    section: 'Debugging',
    title: 'An actor with its statechart and its last transitions',
    text: 'The definition is that of XState.',
    parameters: [actorId],
    answers: { 200: { text: 'The actor.', content: [{ type: 'application/json', schema: actorDetail }] } },
    failures: [...failures, 'KVS_ACTOR_NOT_FOUND'],
    curl: 'curl http://localhost:8080/debug/actors/mode-controller',
  },
  {
    id: 'followTransitions',
    method: 'get',
    paths: ['/debug/events'],
    section: 'Debugging',
    title: 'Every transition as it happens',
    text: 'Server-sent events. `Last-Event-ID: 0` asks for all that are remembered.',
    parameters: [lastEventId],
    answers: {
      200: {
        text: 'Events `transition`, each with a `Transition` in JSON; where some are missing, `gap` with `{"dropped": n}`, or null where nobody can count them.',
        headers: ['Cache-Control'],
        content: [{ type: 'text/event-stream', schema: z.string() }],
      },
    },
    failures,
    curl: 'curl -N http://localhost:8080/debug/events',
  },
  {
    id: 'getCluster',
    method: 'get',
    paths: ['/debug/cluster'],
    section: 'Debugging',
    title: 'The node, its members and their links',
    text: 'How it goes with each of them.',
    answers: { 200: { text: 'The cluster.', content: [{ type: 'application/json', schema: cluster }] } },
    failures,
    curl: 'curl http://localhost:8080/debug/cluster',
  },
  {
    id: 'listVersions',
    method: 'get',
    paths: ['/debug/keys'],
    section: 'Debugging',
    title: 'The keys with their versions, a level at a time',
    text: 'Deleted and expired ones included; values are not shown.',
    parameters: [keyPrefix, keyCursor],
    answers: { 200: { text: 'A page.', content: [{ type: 'application/json', schema: keyLevel }] } },
    failures: [...failures, 'KVS_BAD_PATH'],
    curl: 'curl http://localhost:8080/debug/keys',
  },
  {
    id: 'getVersion',
    method: 'get',
    paths: ['/debug/keys/version'],
    query: 'path={path}',
    section: 'Debugging',
    title: 'The version of one key',
    text: 'Who wrote it and when, and how it was voted on.',
    parameters: [keyPathQuery],
    answers: { 200: { text: 'The version.', content: [{ type: 'application/json', schema: keyVersion }] } },
    failures: [...failures, 'KVS_BAD_PATH', 'KVS_KEY_NOT_FOUND'],
    curl: `curl 'http://localhost:8080/debug/keys/version?path=users/john/profile'`,
  },
  {
    id: 'getStore',
    method: 'get',
    paths: ['/debug/store'],
    section: 'Debugging',
    title: 'What the store holds',
    text: 'Its root digest, by which two nodes can be compared, and counters.',
    answers: { 200: { text: 'The store.', content: [{ type: 'application/json', schema: storeState }] } },
    failures,
    curl: 'curl http://localhost:8080/debug/store',
  },
  {
    id: 'getDebugPage',
    method: 'get',
    paths: ['/debug/'],
    section: 'Debugging',
    title: 'The page that shows all of this',
    text: 'To be opened in a browser.',
    answers: {
      200: {
        text: 'The page.',
        headers: fileHeaders,
        content: [{ type: 'text/html', schema: z.string() }],
      },
      304: knownAnswer,
    },
    failures,
    curl: 'curl http://localhost:8080/debug/',
  },
  {
    id: 'findDebugPage',
    method: 'get',
    paths: ['/debug'],
    section: 'Debugging',
    title: 'Where that page is',
    text: 'For those who leave out the slash.',
    answers: { 308: { text: 'It is there.', headers: ['Location'] } },
    failures,
    curl: 'curl -L http://localhost:8080/debug',
  },
  {
    id: 'getDebugAsset',
    method: 'get',
    paths: ['/debug/assets/{name}'],
    section: 'Debugging',
    title: 'A part of that page',
    text: 'Its name changes with its content.',
    parameters: [assetName],
    answers: {
      200: {
        text: 'The file.',
        headers: fileHeaders,
        content: [{ type: '*/*', schema: 'bytes' }],
      },
      304: knownAnswer,
    },
    failures,
    curl: 'curl http://localhost:8080/debug/assets/NAME',
    isInternal: true,
  },
];
