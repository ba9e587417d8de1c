import { beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { rawRequest, startApp, type StartedApp } from './harness.ts';

let under: StartedApp;
beforeEach(async () => {
  under = await startApp();
});

const put = (path: string, body: string, ...headers: string[]) =>
  rawRequest(under.server.port, `PUT /kv/${path}`, [`Content-Length: ${body.length}`, ...headers], body);
const once = (path: string, body: string, key: string, ...headers: string[]) =>
  put(path, body, `Idempotency-Key: ${key}`, ...headers);
const value = async (path: string) => (await rawRequest(under.server.port, `GET /kv/${path}`)).body;
const answerOf = ({ status, head, body }: Awaited<ReturnType<typeof put>>) => [
  status,
  body,
  /^ETag: .*$/m.exec(head)?.[0],
];

describe('a PUT that is sent again with its Idempotency-Key', () => {
  it('gets the first answer and writes nothing', async () => {
    const first = await once('k', '1', '"8e03978e-40d5-43dd-bc93-6894a57f9324"');
    expect(first.status).toBe(201);
    const { sequence } = under.store;
    under.clock.ms += 1_000;
    const again = await once('k', '1', '"8e03978e-40d5-43dd-bc93-6894a57f9324"');
    expect(answerOf(again)).toEqual(answerOf(first));
    expect(under.store.sequence).toBe(sequence);
  });

  it('does not undo what others have written, or deleted, since', async () => {
    await put('k', '0');
    const first = await once('k', '1', 'a');
    expect(first.status).toBe(200);
    await put('k', '2');
    expect(answerOf(await once('k', '1', 'a'))).toEqual(answerOf(first));
    expect(await value('k')).toBe('2');
    await rawRequest(under.server.port, 'DELETE /kv/k');
    expect(answerOf(await once('k', '1', 'a'))).toEqual(answerOf(first));
    expect((await rawRequest(under.server.port, 'GET /kv/k')).status).toBe(404);
  });

  it('writes once, however many are on their way at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => once('k', '1', 'a')));
    expect(new Set(answers.map((answer) => JSON.stringify(answerOf(answer)))).size).toBe(1);
    expect(under.store.stats().localWrites).toBe(1);
  });

  it('is not asked for its condition again', async () => {
    const first = await once('k', '1', 'a', 'If-None-Match: *');
    expect(answerOf(await once('k', '1', 'a', 'If-None-Match: *'))).toEqual(answerOf(first));
    expect((await once('k', '1', 'b', 'If-None-Match: *')).status).toBe(412);
    await rawRequest(under.server.port, 'DELETE /kv/k');
    // What wrote nothing is not remembered.
    expect((await once('k', '1', 'b', 'If-None-Match: *')).status).toBe(201);
  });

  it('is refused when it brings something else', async () => {
    await once('k', '1', 'a');
    for (const again of [await once('k', '2', 'a'), await once('k', '1', 'a', 'Content-Type: text/plain')]) {
      expect(again).toMatchObject({ status: 422, code: 'KVS_IDEMPOTENCY_MISMATCH' });
    }
    expect(await value('k')).toBe('1');
  });

  it('is refused while the node takes no writes', async () => {
    await once('k', '1', 'a');
    under.node.mode = 'read-only';
    expect(await once('k', '1', 'a')).toMatchObject({ status: 403 });
  });
});

it('belongs to one path: the same key for another one is another write', async () => {
  await once('k', '1', 'a');
  expect((await once('l', '2', 'a')).status).toBe(201);
  expect((await once('k', '1', 'b')).status).toBe(200);
});

it.each([
  ['empty', ''],
  ['not ASCII', 'ü'],
  ['too long', 'x'.repeat(limits.idempotencyKeyBytesMax + 1)],
])('refuses an Idempotency-Key that is %s', async (_, key) => {
  expect(await once('k', '1', key)).toMatchObject({ status: 400, code: 'KVS_BAD_REQUEST' });
  expect((await once('k', '1', 'x'.repeat(limits.idempotencyKeyBytesMax))).status).toBe(201);
});
