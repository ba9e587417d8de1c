import * as z from 'zod';
import { forgetBody, joinBody, leaveBody } from '../member-bodies.ts';
import { peerContentType, peerPath } from '../peer/peer-endpoint.ts';
import type { Operation } from './operation.ts';
import { answer, count, shape, timestamp } from './shape.ts';

const publicMembers = {
  id: z.string(),
  address: z.string().meta({ description: 'Host and port by which other nodes reach it' }),
  last_seen: timestamp.meta({
    description: 'The last sign of life, by the clock of this node; ms since the epoch',
  }),
  joined_timestamp: timestamp,
  state: z.enum(['alive', 'suspect', 'dead', 'left']),
};

const member = shape('Member', 'A member of the cluster, as this node knows it.', answer(publicMembers));

const knownMember = shape(
  'KnownMember',
  'A member, as nodes tell each other of it.',
  answer({ ...publicMembers, store_id: z.string(), incarnation: count }),
);

const forgotten = shape('Forgotten', 'Who was forgotten.', answer({ forgotten: z.string() }));

/** Bodies that nodes and operators send about members. */
const bodies = {
  join: shape('Join', 'A node introduces itself.', joinBody),
  leave: shape('Leave', 'A node says goodbye.', leaveBody),
  forget: shape('Forget', 'Names a member.', forgetBody),
};

/** Who belongs to the cluster. */
export const memberOperations: readonly Operation[] = [
  {
    id: 'listMembers',
    ids: { '/members': 'listMembersWithoutSlash' },
    method: 'get',
    paths: ['/members/', '/members'],
    section: 'Members',
    title: 'List the members',
    text: 'This node first.',
    answers: {
      200: { text: 'All that are known.', content: [{ type: 'application/json', schema: z.array(member) }] },
    },
    failures: [],
    curl: 'curl http://localhost:8080/members/',
  },
  {
    id: 'forgetMember',
    method: 'post',
    paths: ['/members/forget'],
    section: 'Members',
    title: 'Forget a member that is gone for good',
    text: 'Until then the marks of deleted keys that it has not seen are kept. Its store is refused from then on.',
    body: {
      text: 'Who it is.',
      content: [{ type: 'application/json', schema: bodies.forget }],
      example: '{"id":"node3"}',
    },
    answers: {
      200: { text: 'It is forgotten.', content: [{ type: 'application/json', schema: forgotten }] },
    },
    failures: ['KVS_BAD_BODY', 'KVS_VALUE_TOO_LARGE', 'KVS_MEMBER_NOT_FOUND', 'KVS_MEMBER_ALIVE'],
    curl: `curl -X POST http://localhost:8080/members/forget -d '{"id":"node3"}'`,
  },
  {
    id: 'joinCluster',
    method: 'post',
    paths: ['/members/join'],
    section: 'Between nodes',
    title: 'A node introduces itself',
    text: 'It becomes a member, and learns of all others.',
    body: {
      text: 'Who it is.',
      content: [{ type: 'application/json', schema: bodies.join }],
      example:
        '{"id":"node2","address":"127.0.0.1:8082","store_id":"2f","joined_timestamp":1672531200000,"incarnation":1}',
    },
    answers: {
      200: {
        text: 'All members that are known.',
        content: [{ type: 'application/json', schema: z.array(knownMember) }],
      },
    },
    failures: ['KVS_BAD_BODY', 'KVS_VALUE_TOO_LARGE', 'KVS_DUPLICATE_ID', 'KVS_FORGOTTEN'],
    curl: `curl -X POST http://localhost:8080/members/join -d '{"id":"node2","address":"127.0.0.1:8082","store_id":"2f","joined_timestamp":1672531200000,"incarnation":1}'`,
    isInternal: true,
  },
  {
    id: 'leaveCluster',
    method: 'post',
    paths: ['/members/leave'],
    section: 'Between nodes',
    title: 'A node says goodbye',
    text: 'It has left, which is no failure.',
    body: {
      text: 'Who it is.',
      content: [{ type: 'application/json', schema: bodies.leave }],
      example: '{"id":"node2","incarnation":1}',
    },
    answers: { 204: { text: 'It is noted.' } },
    failures: ['KVS_BAD_BODY', 'KVS_VALUE_TOO_LARGE'],
    curl: `curl -X POST http://localhost:8080/members/leave -d '{"id":"node2","incarnation":1}'`,
    isInternal: true,
  },
  {
    id: 'callPeer',
    method: 'post',
    paths: [peerPath],
    section: 'Between nodes',
    title: 'A node asks another one',
    text: 'One message in MessagePack, answered with another one; a refusal stands in the reply.',
    body: {
      text: 'A message between nodes.',
      content: [{ type: peerContentType, schema: 'bytes' }],
      example: '',
    },
    answers: { 200: { text: 'The reply.', content: [{ type: peerContentType, schema: 'bytes' }] } },
    failures: ['KVS_BAD_BODY', 'KVS_VALUE_TOO_LARGE'],
    curl: `curl -X POST http://localhost:8080${peerPath} -H 'Content-Type: ${peerContentType}' --data-binary @message`,
    isInternal: true,
  },
];
