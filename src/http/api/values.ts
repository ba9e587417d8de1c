import type { KvsErrorCode } from '../../core/errors.ts';
import type { Answer, Content, HeaderName, Operation } from './operation.ts';
import {
  acceptEncoding,
  idempotencyKey,
  ifMatch,
  ifNoneMatch,
  keyPath,
  ttl,
  lenient,
  ttlHeader,
  ttlHeaderOfDrivers,
} from './parameters.ts';
import { anyJson, written } from './shape.ts';

const paths = ['/kv/{path}'];

const valueHeaders: readonly HeaderName[] = [
  'ETag',
  'Last-Modified',
  'KVS-Timestamp',
  'KVS-Expires-At',
  'KVS-TTL',
  'X-TTL',
  'Content-Encoding',
  'Vary',
];

const anyValue: readonly Content[] = [
  { type: 'application/json', schema: anyJson },
  { type: '*/*', schema: 'bytes' },
];

/** What answers with a value answers so. */
export const valueAnswer: Answer = {
  text: 'The value as it was sent, with the content type that it was sent with.',
  headers: valueHeaders,
  content: anyValue,
};

export const notModifiedAnswer: Answer = {
  text: 'The client has this version already.',
  headers: ['ETag', 'Vary'],
};

/** What keeps a value answers so. */
export const writtenAnswers: Readonly<Record<number, Answer>> = {
  200: {
    text: 'It is kept, in the place of another value.',
    headers: ['ETag'],
    content: [{ type: 'application/json', schema: written }],
  },
  201: {
    text: 'It is kept, where there was none.',
    headers: ['ETag'],
    content: [{ type: 'application/json', schema: written }],
  },
};

/** What every write of a client may fail with. */
export const writeFailures: readonly KvsErrorCode[] = [
  'KVS_READ_ONLY',
  'KVS_SYNCING',
  'KVS_NOT_READY',
  'KVS_STORAGE_FULL',
  'KVS_STORAGE_FAILED',
];

export const valueOperations: readonly Operation[] = [
  {
    id: 'getValue',
    method: 'get',
    paths,
    section: 'Values',
    title: 'Read a value',
    text: 'What this node holds, without asking any other.',
    parameters: [keyPath, ifNoneMatch, ifMatch, acceptEncoding],
    answers: { 200: valueAnswer, 304: notModifiedAnswer },
    failures: ['KVS_BAD_PATH', 'KVS_KEY_NOT_FOUND', 'KVS_PRECONDITION_FAILED'],
    curl: 'curl http://localhost:8080/kv/users/john/profile',
  },
  {
    id: 'putValue',
    method: 'put',
    paths,
    section: 'Values',
    title: 'Write a value',
    text: 'Answered when it is durable; see the key `durability`. A `2xx` means that it is kept, `KVS_STORAGE_FULL` and `KVS_OVERLOADED` that it is not. After a `KVS_STORAGE_FAILED`, or without an answer, it may be either: with an `Idempotency-Key` it can be sent again.',
    parameters: [keyPath, ttl, ttlHeader, ttlHeaderOfDrivers, ifMatch, ifNoneMatch, idempotencyKey],
    body: {
      text: 'At most `max_value_bytes`. `application/json`, any `+json` type, no type at all and what `curl -d` sends must be JSON in UTF-8, and its bytes are kept as they are; any other type is kept unseen.',
      content: anyValue,
      example: '{"name":"John Doe","age":30}',
    },
    answers: writtenAnswers,
    failures: [
      'KVS_BAD_PATH',
      'KVS_BAD_BODY',
      'KVS_VALUE_TOO_LARGE',
      'KVS_ENCODING_NOT_SUPPORTED',
      'KVS_PRECONDITION_FAILED',
      'KVS_IDEMPOTENCY_MISMATCH',
      ...writeFailures,
    ],
    curl: `curl -X PUT http://localhost:8080/kv/users/john/profile -d '{"name":"John Doe","age":30}'`,
  },
  {
    id: 'deleteValue',
    method: 'delete',
    paths,
    section: 'Values',
    title: 'Delete a value',
    text: 'Answered when it is durable. It stays deleted: no node that was away brings it back.',
    parameters: [keyPath, ifMatch, ifNoneMatch, lenient],
    answers: { 204: { text: 'It is deleted.' } },
    failures: ['KVS_BAD_PATH', 'KVS_KEY_NOT_FOUND', 'KVS_PRECONDITION_FAILED', ...writeFailures],
    curl: 'curl -X DELETE http://localhost:8080/kv/users/john/profile',
  },
];
