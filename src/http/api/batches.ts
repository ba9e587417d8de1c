import * as z from 'zod';
import { limits } from '../../core/limits.ts';
import type { Operation } from './operation.ts';
import {
  answer,
  bound,
  contentType,
  count,
  expiresAt,
  path,
  shape,
  timestamp,
  uuid,
  valueMembers,
} from './shape.ts';
import { writeFailures } from './values.ts';

const ttl = z
  .number()
  .gt(0)
  .max(limits.ttlMsMax / 1_000)
  .optional()
  .meta({ description: 'Seconds until the value ends', ...bound('ttlMsMax') });

/** What a line of a batch may be. `parseLine` reads it in one pass with its value; a test holds that the two agree. */
export const batchLine = shape(
  'BatchLine',
  'One request of a batch.',
  z.union([
    z.strictObject({
      op: z.literal('put'),
      path,
      value: z.unknown().meta({ description: 'JSON, kept as it stands here' }),
      content_type: contentType
        .optional()
        .meta({ description: 'A JSON type; `application/json` unless given' }),
      ttl,
    }),
    z.strictObject({
      op: z.literal('put'),
      path,
      value_base64: z.base64(),
      content_type: contentType
        .optional()
        .meta({ description: 'Any type; `application/octet-stream` unless given' }),
      ttl,
    }),
    z.strictObject({ op: z.literal('get'), path }),
    z.strictObject({ op: z.literal('delete'), path }),
  ]),
);

const line = z.int().min(1).meta({ description: 'The number of the line in the request' });

const batchResult = shape(
  'BatchResult',
  'What came of one line: a put, a get, a delete, or a failure.',
  z.union([
    answer({
      line,
      status: z.union([z.literal(200), z.literal(201)]),
      uuid,
      timestamp,
      expires_at: expiresAt,
    }),
    answer({
      line,
      status: z.literal(200),
      uuid,
      timestamp,
      content_type: contentType,
      expires_at: expiresAt,
      ...valueMembers,
    }),
    answer({ line, status: z.literal(204) }),
    answer({ line, status: count, code: z.string(), detail: z.string() }),
  ]),
);

/** Many requests in one. */
export const batchOperations: readonly Operation[] = [
  {
    id: 'batch',
    method: 'post',
    paths: ['/kv/'],
    section: 'Batches',
    title: 'Read and write many keys',
    text: 'A JSON object on each line, and a result on a line for each, in the same order, while the request still goes. Each line is a request by itself: this is no transaction. Lines with the same path are carried out in order.',
    body: {
      text: 'Any number of lines, each at most `max_value_bytes` in Base64 and 8 KiB long. Also as `application/ndjson` or `application/jsonl`.',
      content: [{ type: 'application/x-ndjson', schema: batchLine, isLines: true }],
      example: '{"op":"put","path":"a","value":1}\n{"op":"get","path":"a"}\n',
    },
    answers: {
      200: {
        text: 'A result for each line. A node that takes no writes refuses the whole batch.',
        content: [{ type: 'application/x-ndjson', schema: batchResult, isLines: true }],
      },
    },
    failures: ['KVS_UNSUPPORTED_TYPE', 'KVS_ENCODING_NOT_SUPPORTED', ...writeFailures],
    curl: `echo '{"op":"put","path":"a","value":1}' | curl http://localhost:8080/kv/ -H 'Content-Type: application/x-ndjson' -d @-`,
  },
];
