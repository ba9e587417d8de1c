import { Validator } from '@seriousme/openapi-schema-validator';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { transition } from '../../src/http/api/debug.ts';
import { openApiText } from '../../src/http/api/document.ts';
import { codesOf } from '../../src/http/api/failures.ts';
import { jsonSchemaOf } from '../../src/http/api/json-schema.ts';
import { neededIn, type Operation, type Parameter } from '../../src/http/api/operation.ts';
import { operations } from '../../src/http/api/operations.ts';
import { watchData } from '../../src/http/api/watches.ts';
import type { KvsApp } from '../../src/http/context.ts';
import { PageFiles } from '../../src/http/page-files.ts';
import { problems } from '../../src/http/problem.ts';
import { DocumentedClient } from './documented.ts';
import { makeApp, startApp, type StartedApp } from './harness.ts';

interface Document {
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
  readonly components: {
    readonly schemas: { readonly Problem: { properties: { code: { enum: string[] } } } };
  };
}

const document = JSON.parse(openApiText()) as Document;

const read = (file: string) => readFile(new URL(`../../${file}`, import.meta.url), 'utf8');

describe('The OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(
      JSON.parse(openApiText()) as Record<string, unknown>,
    );
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
  });

  it('is served as docs/openapi.json holds it; where this fails, `npm run docs` writes it', async () => {
    const { app, close } = await makeApp();
    onTestFinished(close);
    const served = await app.request('/openapi.json');
    expect([served.status, served.headers.get('Content-Type')]).toEqual([200, 'application/json']);
    expect(await served.text()).toBe(await read('docs/openapi.json'));
    const tag = served.headers.get('ETag') ?? '';
    const known = await app.request('/openapi.json', { headers: { 'If-None-Match': tag } });
    expect([known.status, await known.text(), known.headers.get('ETag')]).toEqual([304, '', tag]);
    const packed = await app.request('/openapi.json', { headers: { 'Accept-Encoding': 'gzip' } });
    expect(packed.headers.get('Content-Encoding')).toBe('gzip');
    const refused = await app.request('/openapi.json', { headers: { 'Accept-Encoding': 'gzip;q=0' } });
    expect(refused.headers.get('Content-Encoding')).toBeNull();
  });

  it('has the version of the package', async () => {
    const { version } = JSON.parse(await read('package.json')) as { version: string };
    expect(document.info.version).toBe(version);
  });

  it('gives every operation an id of its own', () => {
    const ids = Object.values(document.paths).flatMap((item) =>
      Object.values(item).map(({ operationId }) => operationId),
    );
    expect(ids.length).toBeGreaterThan(operations.length);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
  });

  it('has every route of a node, and nothing that is no route', async () => {
    const { app, close } = await makeApp({ debugAccess: 'on' });
    onTestFinished(close);
    const routes = await realRoutes(app);
    expect(documentedRoutes(routes)).toEqual(routes);
    for (const [path, item] of Object.entries(document.paths)) {
      expect({ path, hasHead: 'head' in item }).toEqual({ path, hasHead: 'get' in item });
    }
  });

  it('has every parameter and every header that the code reads by its name', async () => {
    const known = new Set(
      operations.flatMap(({ parameters = [] }) => parameters).map(({ name }) => name.toLowerCase()),
    );
    const names = await namesRead();
    expect(names.size).toBeGreaterThan(20);
    expect([...names].filter((name) => !known.has(name) && !usualHeaders.has(name))).toEqual([]);
  });

  it('says of every failure when it happens, and names each that has an operation to be met at', () => {
    expect(document.components.schemas.Problem.properties.code.enum.toSorted()).toEqual(
      Object.keys(problems).toSorted(),
    );
    const named = new Set(operations.flatMap(({ failures }) => failures));
    expect([...named].toSorted()).toEqual(codesOf('named').toSorted());
  });

  it('names for each bound the limit of the code that it is', () => {
    const bounds = boundsIn(document);
    expect(bounds.length).toBeGreaterThan(50);
    for (const { at, value, limit } of bounds) {
      const known = limits[limit as keyof typeof limits] as number | undefined;
      const spelt = known === undefined ? [] : limit.includes('Ms') ? [known, known / 1_000] : [known];
      expect({ at, limit, values: spelt }).toEqual({ at, limit, values: expect.arrayContaining([value]) });
    }
  });
});

describe('What a node takes', () => {
  const bounded = operations.flatMap((operation) =>
    (operation.parameters ?? [])
      .filter((parameter) => parameter.in !== 'path' && samplesOf(parameter).bad.length > 0)
      .map((parameter) => ({ operation, parameter, id: operation.id, name: parameter.name })),
  );

  it.each(bounded)('is what is documented, and no more: $id, $name', async ({ operation, parameter }) => {
    const { server } = await startApp({ debugAccess: 'on' });
    const { good, bad } = samplesOf(parameter);
    expect(good.length).toBeGreaterThan(0);
    const refused: string[] = [];
    for (const sample of [...good, ...bad])
      if (await isRefused(server.port, operation, parameter, sample)) refused.push(sample);
    expect(refused).toEqual(bad);
  });
});

describe('What a node answers', () => {
  it('is what is documented, for every operation and every status', async () => {
    const { client, under } = await documentedNode();
    await askForValues(client);
    await askForRevisions(client);
    await askOfQuorum(client);
    await askForLists(client);
    await askForDrivers(client);
    await askForWatches(client, under);
    await askForBatches(client);
    await askForMembers(client);
    await askForHealth(client, under);
    await askForDebugging(client, under);
    await askForDocumentation(client);
    const documented = operations.flatMap(({ id, answers }) =>
      Object.keys(answers).map((status) => `${id} ${status}`),
    );
    expect(documented.filter((one) => !client.seen.has(one))).toEqual([]);
  });

  it('is a documented failure where it can not do what is asked', async () => {
    const { client, under } = await documentedNode();
    await client.ask('getValue', 404, { path: { path: 'none' } });
    await client.ask('getValue', 400, { path: { path: 'a//b' } });
    await client.ask('putValue', 400, { path: { path: 'a' }, body: '{', headers: json });
    await client.ask('putValue', 412, { path: { path: 'a' }, body: '1', headers: { 'If-Match': '*' } });
    await client.ask('putValue', 413, { path: { path: 'a' }, body: ' '.repeat(2_000) });
    await client.ask('putValue', 415, {
      path: { path: 'a' },
      body: '1',
      headers: { 'Content-Encoding': 'br' },
    });
    const again = { path: { path: 'a' }, headers: { 'Idempotency-Key': 'k' } };
    await client.ask('putValue', 201, { ...again, body: '1' });
    await client.ask('putValue', 422, { ...again, body: '2' });
    await client.ask('getValue', 400, { path: { path: 'a' }, headers: { 'If-Match': 'no tag' } });
    await client.ask('deleteValue', 404, { path: { path: 'none' } });
    const none = 'b3f0a6e4-3d53-4f8e-9d0a-6f1f0b7b7c11';
    await client.ask('listRevisions', 404, { path: { path: 'none' } });
    await client.ask('getRevision', 404, { path: { path: 'a' }, query: `revision=${none}` });
    await client.ask('restoreRevision', 404, { path: { path: 'a' }, query: `restore=${none}` });
    await client.ask('getValueOfQuorum', 404, { path: { path: 'none' } });
    await client.ask('listKeys', 400, { path: { prefix: 'a' }, query: 'limit=0' });
    await client.ask('waitForChange', 400, { path: { path: 'a' }, query: 'index=none' });
    await client.ask('batch', 415, { body: '{}' });
    await client.ask('joinCluster', 400, { body: '{' });
    await client.ask('joinCluster', 409, { body: JSON.stringify({ ...joining, id: 'node1' }) });
    await client.ask('forgetMember', 404, { body: '{"id":"none"}' });
    await client.ask('forgetMember', 409, { body: '{"id":"node1"}' });
    await client.ask('getActor', 404, { path: { id: 'none' } });
    await client.ask('getVersion', 404, { query: 'path=none' });
    await client.ask('getDocsAsset', 404, { path: { name: 'none' } });
    under.node.mode = 'read-only';
    for (const id of ['putValue', 'deleteValue']) await client.ask(id, 403, { path: { path: 'a' } });
    await client.ask('deleteKeys', 403, { path: { prefix: 'a' } });
    await client.ask('batch', 403);
    under.node.mode = 'syncing';
    await client.ask('putValue', 503, { path: { path: 'a' }, body: '1' });
    under.node.isReady = false;
    await client.ask('putValue', 503, { path: { path: 'a' }, body: '1' });
    expect(client.seen).toContain('putValue KVS_NOT_READY');
  });
});

interface DocumentedNode {
  readonly client: DocumentedClient;
  readonly under: StartedApp;
}

async function documentedNode(): Promise<DocumentedNode> {
  const folder = await mkdtemp(join(tmpdir(), 'kvs-docs-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const name of ['index.html', 'page-1.js', 'docs-1.js', 'docs-style-1.css', 'icon-1.svg'])
    await writeFile(join(folder, name), name);
  const link = { failures: 1, failingSince: 2, error: 'gone', roundTripMs: 1.5, waiting: 3, lagMs: 4 };
  const under = await startApp({
    debugAccess: 'on',
    page: new PageFiles(folder),
    metrics: { contentType: 'text/plain; version=0.0.4', text: () => Promise.resolve('kvs_up 1\n') },
    links: () => [{ ...link, id: 'node2', sentBytes: 5, receivedBytes: 6 }],
  });
  return { client: new DocumentedClient(under.server.port), under };
}

async function askForValues(client: DocumentedClient): Promise<void> {
  const profile = { path: { path: 'users/john/profile' } };
  const { uuid } = (await client.ask('putValue', 201, { ...profile, body: '{"a":1}', headers: json })) as {
    uuid: string;
  };
  await client.ask('putValue', 200, { ...profile, query: 'ttl=100', body: '{"a":2}', headers: json });
  await client.ask('getValue', 200, profile);
  await client.ask('putValue', 201, {
    path: { path: 'logo' },
    body: Buffer.from([0, 255]),
    headers: { 'Content-Type': 'image/png' },
  });
  await client.ask('getValue', 200, { path: { path: 'logo' } });
  await client.ask('getValue', 412, { ...profile, headers: { 'If-Match': `"${uuid}"` } });
  await client.ask('getValue', 304, { ...profile, headers: { 'If-None-Match': '*' } });
  await client.ask('deleteValue', 204, profile);
}

async function askForRevisions(client: DocumentedClient): Promise<void> {
  const key = { path: { path: 'r' } };
  await client.ask('putValue', 201, { ...key, body: '1', query: 'ttl=100' });
  await client.ask('putValue', 200, { ...key, body: '2' });
  const { revisions } = (await client.ask('listRevisions', 200, key)) as { revisions: { uuid: string }[] };
  const first = revisions[1]?.uuid ?? '';
  const asked = { ...key, query: `revision=${first}` };
  await client.ask('getRevision', 200, asked);
  await client.ask('getRevision', 304, { ...asked, headers: { 'If-None-Match': '*' } });
  const restored = (await client.ask('restoreRevision', 200, { ...key, query: `restore=${first}` })) as {
    uuid: string;
  };
  await client.ask('deleteValue', 204, key);
  await client.ask('restoreRevision', 201, { ...key, query: `restore=${restored.uuid}` });
}

async function askOfQuorum(client: DocumentedClient): Promise<void> {
  const key = { path: { path: 'q' } };
  await client.ask('putValue', 201, { ...key, body: '1' });
  await client.ask('getValueOfQuorum', 200, key);
  await client.ask('getValueOfQuorum', 304, { ...key, headers: { 'If-None-Match': '*' } });
}

async function askForLists(client: DocumentedClient): Promise<void> {
  await client.ask('putValue', 201, { path: { path: 'l/a/b' }, body: '1', query: 'ttl=100' });
  await client.ask('putValue', 201, {
    path: { path: 'l/c' },
    body: '2',
    headers: { 'Content-Type': 'text/plain' },
  });
  const lines = { Accept: 'application/x-ndjson' };
  for (const at of ['/kv/{prefix}/', '/kv/']) {
    const here = { at, path: { prefix: 'l' } };
    for (const query of ['', 'values', 'recursive', 'recursive&values', 'depth=2&values', 'limit=1']) {
      await client.ask('listKeys', 200, { ...here, query });
      await client.ask('listKeys', 200, { ...here, query, headers: lines });
    }
    await client.ask('countKeys', 200, here);
  }
  await client.ask('deleteKeys', 200, { path: { prefix: 'l' } });
}

async function askForDrivers(client: DocumentedClient): Promise<void> {
  await client.ask('putValue', 201, { path: { path: 'u/a/b' }, body: '1' });
  const path = { prefix: 'u' };
  expect(await client.ask('listUnstorageKeys', 200, { path })).toEqual(['a:b']);
  expect(await client.ask('clearUnstorageBase', 200, { path })).toEqual({ deleted: 1 });
}

async function askForWatches(client: DocumentedClient, { clock }: StartedApp): Promise<void> {
  const path = { path: 'w' };
  const poll = async (query: string) =>
    (await client.ask('waitForChange', 200, { path, query })) as {
      index: string;
      events: { event: string }[];
    };
  const { index } = await poll('timeout=0');
  const following = client.follow('watch', 3, { path, query: `last_event_id=${index}` });
  await client.ask('putValue', 201, { path, body: '1' });
  await client.ask('deleteValue', 204, { path });
  await client.ask('putValue', 201, {
    path,
    body: '1',
    query: 'ttl=1',
    headers: { 'Content-Type': 'text/plain' },
  });
  const kinds = async (after: string) =>
    (await poll(`timeout=1&index=${after}`)).events.map(({ event }) => event);
  expect(await kinds(index)).not.toEqual([]);
  expect(await kinds('0123456789ab-0.0-0')).toContain('reset');
  for (const { event, data } of await following) watchData[event as keyof typeof watchData].parse(data);
  const before = (await poll('timeout=0')).index;
  clock.ms += 2_000;
  expect(await kinds(before)).toEqual(['expire']);
}

async function askForBatches(client: DocumentedClient): Promise<void> {
  const lines = [
    { op: 'put', path: 'b', value: 1, ttl: 100 },
    { op: 'put', path: 'b', value: 1, ttl: 100 },
    { op: 'get', path: 'b' },
    { op: 'put', path: 'c', value_base64: 'AAEC' },
    { op: 'get', path: 'c' },
    { op: 'delete', path: 'c' },
    { op: 'get', path: 'c' },
    { op: 'no' },
  ];
  const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const results = (await client.ask('batch', 200, {
    body,
    headers: { 'Content-Type': 'application/x-ndjson' },
  })) as {
    status: number;
  }[];
  expect(new Set(results.map(({ status }) => status))).toEqual(new Set([200, 201, 204, 400, 404]));
}

async function askForMembers(client: DocumentedClient): Promise<void> {
  for (const at of ['/members', '/members/']) await client.ask('listMembers', 200, { at });
  await client.ask('joinCluster', 200, { body: JSON.stringify(joining) });
  await client.ask('leaveCluster', 204, { body: JSON.stringify({ id: 'node2', incarnation: 1 }) });
  await client.ask('forgetMember', 200, { body: '{"id":"node2"}' });
  await client.ask('callPeer', 200, { body: 'm', headers: { 'Content-Type': 'application/vnd.msgpack' } });
}

async function askForHealth(client: DocumentedClient, { node }: StartedApp): Promise<void> {
  node.held = { count: 1, member: 'node2' };
  node.refusal = 'The store was forgotten';
  await client.ask('getHealth', 200);
  await client.ask('getLive', 200);
  await client.ask('getReady', 200);
  node.isReady = false;
  await client.ask('getHealth', 200);
  await client.ask('getReady', 503);
  node.isReady = true;
}

async function askForDebugging(client: DocumentedClient, { inspector }: StartedApp): Promise<void> {
  inspector.emit('running');
  await client.ask('joinCluster', 200, { body: JSON.stringify({ ...joining, store_id: 's3' }) });
  await client.ask('listActors', 200);
  await client.ask('listActors', 200, { query: 'id=node&id=none' });
  await client.ask('getActor', 200, { path: { id: 'node' } });
  await client.ask('getCluster', 200);
  await client.ask('putValue', 201, { path: { path: 'd/e' }, body: '1' });
  await client.ask('listVersions', 200, { query: 'prefix=' });
  await client.ask('getVersion', 200, { query: 'path=d/e' });
  await client.ask('getStore', 200);
  await client.ask('findDebugPage', 308);
  await client.ask('getDebugPage', 200);
  await client.ask('getDebugPage', 304, { headers: { 'If-None-Match': client.tag } });
  const asset = { path: { name: 'page-1.js' } };
  await client.ask('getDebugAsset', 200, asset);
  await client.ask('getDebugAsset', 304, { ...asset, headers: { 'If-None-Match': client.tag } });
  const events = await client.follow('followTransitions', 1, { headers: { 'Last-Event-ID': '0' } });
  for (const { data } of events) transition.parse(data);
  expect(events.map(({ event }) => event)).toEqual(['transition']);
}

async function askForDocumentation(client: DocumentedClient): Promise<void> {
  await client.ask('getMetrics', 200);
  await client.ask('findDocs', 308);
  const asset = { path: { name: 'docs-1.js' } };
  for (const id of ['getOpenApi', 'getDocs', 'getDocsAsset']) {
    const asked = id === 'getDocsAsset' ? asset : {};
    await client.ask(id, 200, asked);
    await client.ask(id, 304, { ...asked, headers: { 'If-None-Match': client.tag } });
  }
}

/** Of HTTP itself: what is sent is said by the media types, and where from by the client's library. */
const usualHeaders = new Set([
  'content-length',
  'content-type',
  'content-encoding',
  'host',
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-real-ip',
]);

const readings = [
  /\bheader\(\s*c,\s*'([\w-]+)'/g,
  /(?:query|queryOf\(c\)|c\.req)\??\.(?:get|getAll|query|queries)\('([\w-]+)'/g,
  /\b(?:flag|integer|seconds|uuidIn)\([^';{]*'([\w-]+)'/g,
];

/** The names of parameters and headers that stand in the sources of the routes, in lower case. */
async function namesRead(): Promise<ReadonlySet<string>> {
  const files = await readdir(new URL('../../src/http/', import.meta.url), { recursive: true });
  const sources = await Promise.all(
    files
      .filter((file) => file.endsWith('.ts') && !file.startsWith('api/'))
      .map((file) => read(`src/http/${file}`)),
  );
  const found = sources.flatMap((source) => readings.flatMap((reading) => [...source.matchAll(reading)]));
  return new Set(found.map(([, name = '']) => name.toLowerCase()));
}

/** Every route that a handler answers, such as `GET /kv/*`; not what only says which methods are allowed. */
async function realRoutes(app: KvsApp): Promise<string[]> {
  const all = app.routes.filter(({ method }) => method !== 'ALL');
  for (const pattern of new Set(all.map(({ path }) => path))) {
    const options = await app.request(pattern.replace(/:\w+|\*/, 'x'), { method: 'OPTIONS' });
    const allowed = options.headers.get('Allow')?.split(', ') ?? [];
    expect({ pattern, head: allowed.includes('HEAD') }).toEqual({ pattern, head: allowed.includes('GET') });
  }
  // One handler answers OPTIONS, and every other method that is not allowed.
  const refusals = new Set(all.filter(({ method }) => method === 'OPTIONS').map(({ handler }) => handler));
  const real = all.filter(({ handler }) => !refusals.has(handler));
  return [...new Set(real.map(({ method, path }) => `${method} ${path}`))].toSorted();
}

/** The routes by which everything that is documented is answered. */
function documentedRoutes(routes: readonly string[]): string[] {
  const found = operations.flatMap(({ method, paths }) =>
    paths.map((path) => {
      const call = `${method.toUpperCase()} ${path.replace(/\{\w+\}/, 'x')}`;
      const matching = routes.filter((route) =>
        new RegExp(`^${route.replace(/:\w+/, '[^/]+').replace('*', '.*')}$`).test(call),
      );
      return matching.find((route) => route === call) ?? matching[0] ?? `no route: ${call}`;
    }),
  );
  return [...new Set(found)].toSorted();
}

interface FoundBound {
  readonly at: string;
  readonly value: number;
  readonly limit: string;
}

/** Every upper bound below a part of the document. */
function boundsIn(part: unknown, at = ''): readonly FoundBound[] {
  if (typeof part !== 'object' || part === null) return [];
  const fields = part as Readonly<Record<string, unknown>>;
  const own = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems'].flatMap((name) => {
    const value = fields[name];
    return typeof value === 'number'
      ? [{ at: `${at}/${name}`, value, limit: String(fields['x-limit']) }]
      : [];
  });
  return [...own, ...Object.entries(fields).flatMap(([name, inner]) => boundsIn(inner, `${at}/${name}`))];
}

interface Samples {
  readonly good: readonly string[];
  readonly bad: readonly string[];
}

/** What is just within the bounds of a parameter, and what is just beyond them. */
function samplesOf({ schema }: Parameter): Samples {
  const { type, minimum, maximum, maxLength, exclusiveMinimum, enum: known } = jsonSchemaOf(schema);
  if (Array.isArray(known)) return { good: known.map(String), bad: ['maybe'] };
  if (typeof maxLength === 'number')
    return { good: ['a'.repeat(maxLength)], bad: ['a'.repeat(maxLength + 1)] };
  if (type !== 'integer' && type !== 'number') return { good: [], bad: [] };
  const least = Number(exclusiveMinimum ?? minimum);
  return {
    good: [exclusiveMinimum === undefined ? String(least) : '0.001', String(maximum)],
    bad: [
      exclusiveMinimum === undefined ? String(least - 1) : String(least),
      String(Number(maximum) + 1),
      'x',
      ...(type === 'integer' ? ['1.5'] : []),
    ],
  };
}

/** True when a node refuses a request because of a parameter. */
async function isRefused(
  port: number,
  operation: Operation,
  { name, in: place }: Parameter,
  value: string,
): Promise<boolean> {
  const { method, paths, query } = operation;
  const path = (paths[0] ?? '').replace(/\{\w+\}/, 'x');
  // What a query must have beside the parameter that is tried is a uuid, where it has a form at all.
  const fixed =
    query === undefined || neededIn(query).includes(name) ? [] : [query.replace(/\{\w+\}/, randomUUID())];
  const asked = place === 'query' ? [...fixed, `${name}=${value}`] : fixed;
  const response = await fetch(`http://127.0.0.1:${port}${path}?${asked.join('&')}`, {
    // Nobody waits for the end of a stream then.
    method: method === 'get' ? 'HEAD' : method.toUpperCase(),
    headers: place === 'header' ? { [name]: value } : {},
    ...(operation.body === undefined ? {} : { body: '1' }),
  });
  if (method === 'get') return response.status === 400;
  return (await response.text()).includes('KVS_BAD_REQUEST');
}

const json = { 'Content-Type': 'application/json' };
const joining = { id: 'node2', address: '127.0.0.1:2', store_id: 's2', joined_timestamp: 5, incarnation: 1 };
