import * as z from 'zod';
import type { Operation } from './operation.ts';
import { answer, count, shape } from './shape.ts';

/** In which a node may be. */
export const mode = z.enum(['normal', 'read-only', 'syncing']);

const health = shape(
  'Health',
  'How a node is.',
  answer({
    status: z.enum(['ok', 'unavailable']),
    mode,
    member_count: count.meta({ description: 'Members that are alive or suspected, this node included' }),
    node_id: z.string(),
    tombstones_held: count
      .optional()
      .meta({ description: 'Marks of deleted keys that a member which has not seen them holds back' }),
    tombstones_held_by: z.string().optional().meta({ description: 'That member' }),
    refused: z.string().optional().meta({ description: "Why the cluster won't have this node" }),
  }),
);

const ready = shape(
  'Ready',
  'Whether a node takes requests.',
  answer({ status: z.enum(['ok', 'unavailable']) }),
);

/** For people, and for whatever restarts or balances nodes. */
export const healthOperations: readonly Operation[] = [
  {
    id: 'getHealth',
    method: 'get',
    paths: ['/health'],
    section: 'Health',
    title: 'How the node is',
    text: 'Always a 200; `status` says whether it takes requests.',
    answers: { 200: { text: 'How it is.', content: [{ type: 'application/json', schema: health }] } },
    failures: [],
    curl: 'curl http://localhost:8080/health',
  },
  {
    id: 'getLive',
    method: 'get',
    paths: ['/health/live'],
    section: 'Health',
    title: 'Whether the process serves',
    text: 'For what restarts it.',
    answers: { 200: { text: 'It does.', content: [{ type: 'application/json', schema: ready }] } },
    failures: [],
    curl: 'curl http://localhost:8080/health/live',
  },
  {
    id: 'getReady',
    method: 'get',
    paths: ['/health/ready'],
    section: 'Health',
    title: 'Whether the node takes requests',
    text: 'For what balances requests.',
    answers: {
      200: { text: 'It does.', content: [{ type: 'application/json', schema: ready }] },
      503: { text: 'It starts or stops.', content: [{ type: 'application/json', schema: ready }] },
    },
    failures: [],
    curl: 'curl http://localhost:8080/health/ready',
  },
];
