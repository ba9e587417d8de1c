import { beforeEach, describe, expect, it } from 'vitest';
import { rawRequest, startApp, type StartedApp } from './harness.ts';

let under: StartedApp;
beforeEach(async () => {
  under = await startApp();
});

type Answer = Awaited<ReturnType<typeof rawRequest>>;

const put = (path: string, body: string, ...headers: string[]) =>
  rawRequest(under.server.port, `PUT /kv/${path}`, [`Content-Length: ${body.length}`, ...headers], body);
const ask = (method: string, path: string, ...headers: string[]) =>
  rawRequest(under.server.port, `${method} /kv/${path}`, headers);
const tagOf = (answer: Answer) => /^ETag: ("[^"]+")$/m.exec(answer.head)?.[1];
const value = async (path: string) => (await ask('GET', path)).body;

const unknown = '"00000000-0000-4000-8000-00000000ffff"';

describe('a PUT with If-Match', () => {
  it('replaces the version that it names, alone or in a list, and no other one', async () => {
    const first = tagOf(await put('k', '1'));
    const second = await put('k', '2', `If-Match: ${unknown} ,, ${first}`);
    expect(second.status).toBe(200);
    const refused = await put('k', '3', `If-Match: ${first}`);
    expect(refused).toMatchObject({ status: 412, code: 'KVS_PRECONDITION_FAILED' });
    expect(tagOf(refused)).toBe(tagOf(second));
    expect(await value('k')).toBe('2');
  });

  it('finds a key that is not there to have no version, not even any', async () => {
    for (const tags of ['*', unknown]) {
      const refused = await put('none', '1', `If-Match: ${tags}`);
      expect(refused).toMatchObject({ status: 412, code: 'KVS_PRECONDITION_FAILED' });
      expect(tagOf(refused)).toBeUndefined();
    }
    expect((await ask('GET', 'none')).status).toBe(404);
    await put('k', '1');
    expect((await put('k', '2', 'If-Match: *')).status).toBe(200);
  });

  it('is never matched by a weak tag', async () => {
    const tag = tagOf(await put('k', '1'));
    expect((await put('k', '2', `If-Match: W/${tag}`)).status).toBe(412);
    expect((await put('k', '2', `If-Match: W/${tag}, ${tag}`)).status).toBe(200);
  });

  it('takes several headers for one list', async () => {
    const tag = tagOf(await put('k', '1'));
    expect((await put('k', '2', `If-Match: ${unknown}`, `If-Match: ${tag}`)).status).toBe(200);
  });
});

describe('a PUT with If-None-Match', () => {
  it('creates a key once, however many try at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => put('k', String(i), 'If-None-Match: *')),
    );
    const won = answers.filter(({ status }) => status === 201);
    expect(won.length).toBe(1);
    const lost = answers.filter(({ status }) => status === 412);
    expect(lost.length).toBe(19);
    const [winner] = won;
    expect(new Set(lost.map(tagOf))).toEqual(new Set([winner && tagOf(winner)]));
    expect(await value('k')).toBe(String(answers.findIndex(({ status }) => status === 201)));
  });

  it('does not replace a version that it names, weakly or strongly', async () => {
    const tag = tagOf(await put('k', '1'));
    expect((await put('k', '2', `If-None-Match: ${tag}`)).status).toBe(412);
    expect((await put('k', '2', `If-None-Match: W/${tag}`)).status).toBe(412);
    expect((await put('k', '2', `If-None-Match: ${unknown}`)).status).toBe(200);
  });

  it('creates anew what was deleted', async () => {
    await put('k', '1');
    await ask('DELETE', 'k');
    expect((await put('k', '2', 'If-None-Match: *')).status).toBe(201);
  });
});

it('lets one of many writers that read the same version replace it', async () => {
  const tag = tagOf(await put('k', '0'));
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => put('k', String(i + 1), `If-Match: ${tag}`)),
  );
  expect(answers.filter(({ status }) => status === 200).length).toBe(1);
  expect(answers.filter(({ status }) => status === 412).length).toBe(19);
});

it('deletes only what the condition allows, and says 404 where there is nothing', async () => {
  const tag = tagOf(await put('k', '1'));
  const refused = await ask('DELETE', 'k', `If-Match: ${unknown}`);
  expect(refused).toMatchObject({ status: 412, code: 'KVS_PRECONDITION_FAILED' });
  expect(tagOf(refused)).toBe(tag);
  expect((await ask('DELETE', 'k', 'If-None-Match: *')).status).toBe(412);
  expect((await ask('DELETE', 'k', `If-Match: ${tag}`)).status).toBe(204);
  expect((await ask('DELETE', 'k', `If-Match: ${tag}`)).status).toBe(404);
});

describe.each(['GET', 'HEAD'])('a %s', (method) => {
  it('answers 304 without a body when the client has the version already', async () => {
    const tag = tagOf(await put('k', '1'));
    for (const header of [
      `If-None-Match: ${tag}`,
      `if-none-match: ${unknown}, W/${tag}`,
      'If-None-Match: *',
    ]) {
      const answer = await ask(method, 'k', header);
      expect([answer.status, tagOf(answer), answer.body]).toEqual([304, tag, '']);
    }
    expect((await ask(method, 'k', `If-None-Match: ${unknown}`)).status).toBe(200);
    expect((await ask(method, 'none', 'If-None-Match: *')).status).toBe(404);
  });

  it('answers 412 when the key has another version than the one asked for', async () => {
    const tag = tagOf(await put('k', '1'));
    expect((await ask(method, 'k', `IF-MATCH: ${tag}`)).status).toBe(200);
    const refused = await ask(method, 'k', `If-Match: ${unknown}`, `If-None-Match: ${tag}`);
    expect([refused.status, tagOf(refused)]).toEqual([412, tag]);
    expect((await ask(method, 'none', 'If-Match: *')).status).toBe(404);
  });
});

it('answers 304 through the app alone too', async () => {
  const created = await under.app.request('/kv/k', { method: 'PUT', body: Buffer.from('1') });
  const tag = created.headers.get('ETag') ?? '';
  const answer = await under.app.request('/kv/k', { headers: { 'If-None-Match': tag } });
  expect([answer.status, await answer.text()]).toEqual([304, '']);
});

it.each(['', 'x', '"', '"a" "b"', '"a",b', '*, "a"', 'w/"a"', '"a", *', 'W/ "a"'])(
  'refuses a condition that is no list of tags: %s',
  async (tags) => {
    await put('k', '1');
    for (const name of ['If-Match', 'If-None-Match']) {
      const header = `${name}: ${tags}`;
      const answers = [
        await put('k', '2', header),
        await ask('DELETE', 'k', header),
        await ask('GET', 'k', header),
      ];
      for (const answer of answers) expect(answer).toMatchObject({ status: 400, code: 'KVS_BAD_REQUEST' });
    }
    expect(await value('k')).toBe('1');
  },
);
