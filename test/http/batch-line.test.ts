import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { batchLine } from '../../src/http/api/batches.ts';
import { parseLine, type BatchRequest } from '../../src/http/batch/batch-line.ts';
import { lineOf } from '../../src/http/batch/line.ts';
import { FixedClock } from '../store/harness.ts';

const numRuns = 2_000;
const secondsMax = limits.ttlMsMax / 1_000;
const context = { maxValueBytes: 1_024, clock: new FixedClock() };

/** Their bytes are JSON: no schema can say whether those in Base64 are, nor which types mean JSON. */
const good = fc.constantFrom<Record<string, unknown>>(
  { op: 'put', path: 'a', value: 1 },
  { op: 'put', path: 'a/b', value: null, content_type: 'application/problem+json', ttl: 1 },
  { op: 'put', path: 'a', value_base64: 'MQ==' },
  { op: 'put', path: 'a', value_base64: 'IDE=', ttl: 0.001 },
  { op: 'get', path: 'a' },
  { op: 'delete', path: 'a' },
);

const members: Readonly<Record<string, readonly unknown[]>> = {
  op: ['put', 'get', 'delete', 'patch', 1, undefined],
  path: ['a', 'x'.repeat(limits.pathBytesMax), 'x'.repeat(limits.pathBytesMax + 1), '', 5, null, undefined],
  value: [1, null, 'text', { a: [1] }, undefined],
  value_base64: ['IDE=', 'MQ==', 'MQ=', 'M-_=', 7, undefined],
  content_type: [
    'application/json',
    ' application/json ',
    'x'.repeat(limits.contentTypeBytesMax + 1),
    `${'application/json'.padEnd(limits.contentTypeBytesMax)} `,
    8,
    undefined,
  ],
  ttl: [0.001, 1, secondsMax, secondsMax + 1, 0, -1, '1', null, undefined],
  more: [1, undefined],
};
const change = fc
  .constantFrom(...Object.entries(members))
  .chain(([name, values]) => fc.constantFrom(...values).map((value) => ({ [name]: value })));

/** Lines as they may be, changed in up to two members; undefined takes one away. */
const lines = fc
  .tuple(good, fc.array(change, { maxLength: 2 }))
  .map(([line, changes]) => JSON.stringify(Object.assign({}, line, ...changes)));

describe('A line of a batch', () => {
  it('is taken exactly when the documented schema takes it', () => {
    let taken = 0;
    fc.assert(
      fc.property(lines, (line) => {
        const isTaken = takes(line);
        if (isTaken) taken++;
        expect({ line, isTaken: batchLine.safeParse(JSON.parse(line)).success }).toEqual({ line, isTaken });
      }),
      { numRuns },
    );
    expect(taken / numRuns).toBeGreaterThan(0.2);
    expect(taken / numRuns).toBeLessThan(0.8);
  });

  it('has the bytes of its value as they stand there, in memory of their own', () => {
    const texts = fc.oneof(
      fc.jsonValue().map((value) => JSON.stringify(value)),
      fc.constantFrom(
        '12345678901234567890',
        '1.0',
        '[ 1 ,\t{"value": 2}]',
        '"\\u00fc"',
        '"ü"',
        '{"😀":"\\\\"}',
      ),
    );
    fc.assert(
      // A line may be in ASCII, or its value, or none of them.
      fc.property(texts, fc.constantFrom('a', 'ü'), (text, key) => {
        const bytes = Buffer.from(`{"op":"put","value":7, "value" : ${text} ,"path":"${key}"}`);
        const request = parse(bytes);
        bytes.fill(0);
        if (request.kind !== 'put') throw new Error('It is a put');
        expect([request.path, Buffer.from(request.data).toString()]).toEqual([key, text]);
        expect(request.data.buffer.byteLength).toBe(request.data.length);
      }),
    );
  });

  it('leaves nothing in memory of what came with it when it is refused', () => {
    const bad = Buffer.from('{"op":"get","path":"a"} and more');
    expect(failureOf(bad)).toMatchObject({ code: 'KVS_BAD_BODY' });
    expect(failureOf(bad)?.cause).toBeUndefined();
    const type = `${' '.repeat(limits.contentTypeBytesMax)}text/plain`;
    const padded = JSON.stringify({ op: 'put', path: 'a', value_base64: '', content_type: type });
    expect(failureOf(Buffer.from(padded))).toMatchObject({ code: 'KVS_BAD_REQUEST' });
  });
});

function parse(bytes: Buffer): BatchRequest {
  const line = lineOf(bytes);
  if (line === undefined) throw new Error('It is UTF-8');
  return parseLine(line, context);
}

function takes(line: string): boolean {
  return failureOf(Buffer.from(line)) === undefined;
}

function failureOf(bytes: Buffer): Error | undefined {
  try {
    parse(bytes);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
