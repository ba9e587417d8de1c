import * as z from 'zod';
import type { Operation, Parameter } from './operation.ts';
import {
  acceptEncoding,
  flagSchema,
  ifMatch,
  ifNoneMatch,
  keyPath,
  ttl,
  ttlHeader,
  ttlHeaderOfDrivers,
} from './parameters.ts';
import { answer, contentType, count, expiresAt, path, shape, timestamp, uuid } from './shape.ts';
import { notModifiedAnswer, valueAnswer, writeFailures, writtenAnswers } from './values.ts';

const paths = ['/kv/{path}'];

const revisions: Parameter = {
  name: 'revisions',
  in: 'query',
  text: 'The versions of the key that are kept, instead of the value.',
  schema: flagSchema,
};

const revision: Parameter = {
  name: 'revision',
  in: 'query',
  text: 'The uuid of the version to be read.',
  schema: z.guid(),
};

const restore: Parameter = {
  name: 'restore',
  in: 'query',
  text: 'The uuid of the version whose value is to be written anew.',
  schema: z.guid(),
};

const revisionList = shape(
  'Revisions',
  'The versions of a key that are kept, the newest first.',
  answer({
    path,
    revisions: z.array(
      answer({
        uuid,
        timestamp,
        content_type: contentType,
        bytes: count.meta({ description: 'Of the value as it was sent' }),
        deleted: z.boolean(),
        current: z.boolean().meta({ description: 'True for the version that the key has now' }),
        origin: z.string().meta({ description: 'The node that wrote it' }),
        expires_at: expiresAt,
      }),
    ),
  }),
);

const someUuid = '3a365a57-d4ab-4cc3-8456-ed3e6221228a';

/** Earlier versions of a value. */
export const revisionOperations: readonly Operation[] = [
  {
    id: 'listRevisions',
    method: 'get',
    paths,
    query: 'revisions',
    section: 'Revisions',
    title: 'List the versions of a key',
    text: 'The newest first. The key `revisions_kept` says how many there may be.',
    parameters: [keyPath, revisions],
    answers: {
      200: {
        text: 'The versions that are kept.',
        content: [{ type: 'application/json', schema: revisionList }],
      },
    },
    failures: ['KVS_BAD_PATH', 'KVS_KEY_NOT_FOUND'],
    curl: `curl 'http://localhost:8080/kv/users/john/profile?revisions'`,
  },
  {
    id: 'getRevision',
    method: 'get',
    paths,
    query: 'revision={revision}',
    section: 'Revisions',
    title: 'Read an earlier version',
    text: 'As a value is read otherwise.',
    parameters: [keyPath, revision, ifNoneMatch, ifMatch, acceptEncoding],
    answers: { 200: valueAnswer, 304: notModifiedAnswer },
    failures: ['KVS_BAD_PATH', 'KVS_REVISION_NOT_FOUND', 'KVS_PRECONDITION_FAILED'],
    curl: `curl 'http://localhost:8080/kv/users/john/profile?revision=${someUuid}'`,
  },
  {
    id: 'restoreRevision',
    method: 'post',
    paths,
    query: 'restore={restore}',
    section: 'Revisions',
    title: 'Write the value of an earlier version anew',
    text: 'The key gets a new version with the value of that one, which expires when that one would have, unless a time to live is given.',
    parameters: [keyPath, restore, ttl, ttlHeader, ttlHeaderOfDrivers, ifMatch, ifNoneMatch],
    answers: writtenAnswers,
    failures: ['KVS_BAD_PATH', 'KVS_REVISION_NOT_FOUND', 'KVS_PRECONDITION_FAILED', ...writeFailures],
    curl: `curl -X POST 'http://localhost:8080/kv/users/john/profile?restore=${someUuid}'`,
  },
];
