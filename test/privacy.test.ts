import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import type { RunningNode } from '../src/node.ts';
import { waitFor } from './cluster/wait-for.ts';
import { temporaryFolder } from './node-process.ts';
import { addressOf, runNode } from './running-node.ts';

const tool = fileURLToPath(new URL('../tools/make-conflict.ts', import.meta.url));

/** Stands in every value here, in a content type and in what clients send beside, and nowhere else. */
const secret = 'geheim-4711';
/** Stands in every key here but that of the conflict. */
const keyName = 'schluessel-0815';

async function textOf(url: string): Promise<string> {
  const answer = await fetch(url);
  expect(answer.status).toBe(200);
  return answer.text();
}

/** All that a node tells of itself to those who look inside, but for the stream. */
async function insideOf({ url }: RunningNode): Promise<Map<string, string>> {
  const actors = JSON.parse(await textOf(`${url}/debug/actors`)) as { id: string }[];
  const places = ['/debug/actors', '/debug/store', '/metrics', '/health', '/members'];
  const paths = places.concat(actors.map(({ id }) => `/debug/actors/${encodeURIComponent(id)}`));
  return new Map(await Promise.all(paths.map(async (path) => [path, await textOf(url + path)] as const)));
}

async function readEvents({ url }: RunningNode): Promise<{ received: () => string; stop: () => void }> {
  const ending = new AbortController();
  const answer = await fetch(`${url}/debug/events`, {
    signal: ending.signal,
    headers: { 'Last-Event-ID': 'earlier-1' },
  });
  let text = '';
  const read = async () => {
    for await (const chunk of answer.body ?? []) text += Buffer.from(chunk as Uint8Array).toString();
  };
  const reading = read().catch(() => undefined);
  return { received: () => text, stop: () => (ending.abort(), void reading) };
}

/** Does with values all that a client can do, rightly and wrongly. */
async function useValues({ url }: RunningNode): Promise<void> {
  const send = (method: string, body?: string, contentType = 'application/json') =>
    fetch(`${url}/kv/${keyName}/a?token=${secret}`, {
      method,
      headers: { 'Content-Type': contentType, Authorization: `Bearer ${secret}` },
      ...(body === undefined ? {} : { body }),
    });
  const statuses = [
    await send('PUT', JSON.stringify({ secret })),
    await send('PUT', `{"${secret}": `),
    await send('PUT', secret, `text/plain; name=${secret}`),
    await send('GET'),
    await send('PROPFIND'),
    await send('PUT', JSON.stringify({ secret: 'x'.repeat(2_000_000) + secret })),
    await fetch(`${url}/kv/${keyName}/../${secret}`, { method: 'DELETE' }),
    await fetch(`${url}/${secret}`),
  ];
  expect(statuses.map(({ status }) => status)).toEqual([201, 400, 200, 200, 405, 413, 404, 404]);
  await Promise.all(statuses.map((answer) => answer.text()));
}

it('No value is found by looking inside a node, and no key but those that were voted on', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const data = ['1', '2'].map((number) => join(folder.path, `${secret}-${number}`));
  // The values of these versions name their folders.
  await promisify(execFile)(process.execPath, ['--import', import.meta.resolve('tsx'), tool, ...data]);
  const first = await runNode({ node_id: 'node1', data_dir: data[0] });
  const readers = [await readEvents(first)];
  const second = await runNode({ node_id: 'node2', data_dir: data[1], seed_nodes: [addressOf(first)] });
  readers.push(await readEvents(second));
  const nodes = [first, second];
  onTestFinished(() => readers.forEach(({ stop }) => stop()));
  const decisions = () =>
    Promise.all(nodes.map(({ url }) => textOf(`${url}/debug/actors/conflict-resolver`)));
  await waitFor(
    { what: 'a decision of one of them' },
    async () => (await decisions()).some((text) => text.includes('test/conflict')),
    30_000,
  );
  await useValues(first);
  await waitFor(
    { what: 'the value at both nodes' },
    async () =>
      (await Promise.all(nodes.map(({ url }) => fetch(`${url}/kv/${keyName}/a`)))).every(({ ok }) => ok),
    30_000,
  );

  const texts = (await Promise.all(nodes.map(insideOf))).flatMap((inside) => [...inside]);
  const placesOf = (word: string) =>
    new Set(texts.filter(([, text]) => text.includes(word)).map(([path]) => path));
  expect([placesOf(secret), placesOf(keyName)]).toEqual([new Set(), new Set()]);
  expect(placesOf('test/conflict')).toEqual(new Set(['/debug/actors', '/debug/actors/conflict-resolver']));
  for (const { received } of readers) {
    expect(received()).toContain('"actor":"replicator');
    expect(received()).not.toMatch(new RegExp(`${secret}|${keyName}|test/conflict`));
  }
});
