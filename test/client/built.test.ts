import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runNode } from '../running-node.ts';
import { makeProject, root, run } from './package-project.ts';
import { deadUrl } from './scripted-server.ts';

/** Does everything once, and says what came of it. */
const program = `
import { KvsClient, KvsClientError } from 'kvs/client';

const [url, dead] = process.argv.slice(2);
// No platform but browsers hides that a request was never sent.
const { created } = await new KvsClient([dead, url], { retries: 0 }).put('first', 1);
const client = new KvsClient([dead, url], { retries: 1 });
const watch = client.watch('k/');
await watch.open();
await client.put('k/ü ?#%', { n: 1 });
const results = [];
async function* operations() {
  for (let i = 0; i < 1_000; i++) yield { op: 'put', path: 'k/' + i, value: i };
}
for await (const { line, status } of client.batch(operations())) results.push([line, status]);
const told = [];
for await (const { path } of watch) if (told.push(path) === 1_001) break;
const listed = [];
for await (const { path } of client.list('k')) listed.push(path);
const missing = await client.get('nothing');
const failure = await client.get('a//b').catch((error) => error);
console.log(JSON.stringify({
  created,
  value: (await client.get('k/ü ?#%')).value,
  results: [results.length, results.every(([line, status], i) => line === i + 1 && status === 201)],
  told: told.length,
  listed: listed.length,
  isMissing: missing === undefined,
  failure: [failure instanceof KvsClientError, failure.code],
}));
`;
/** Each line that is to be refused has a mark: one that is not refused is an error as well. */
const consumer = `
import { KvsClient, KvsClientError, type Entry, type Operation, type Watch, type WatchEvent, type Written } from 'kvs/client';

interface User { readonly name: string }
const { signal } = new AbortController();
const client = new KvsClient(['http://a'], { timeoutMs: 1, headers: { a: 'b' }, fetch, retries: undefined });
const user: Entry<User> | undefined = await client.get<User>('a', { consistency: 'quorum', signal });
export const name: string | undefined = user?.value.name;
const written: Written = await client.put('a', { name: 'John' } satisfies User, { ttlSeconds: 1, ifMatch: user?.uuid });
export const expiresAt: number | undefined = written.expiresAt;
await client.putBytes('a', new Uint8Array(1), { contentType: 'image/png' });
const watch: Watch = client.watch('a/', { after: await client.watch('a/').open(), signal });
const of = (event: WatchEvent): string => (event.event === 'reset' ? event.reason : event.path);
for await (const event of watch) of(event);
for await (const { path, bytes } of client.list('a', { values: true })) export_(path, bytes);
const operations: Operation[] = [{ op: 'put', path: 'a', value: 1 }, { op: 'put', path: 'a', data: new Uint8Array(1) }];
for await (const { line, status, code } of client.batch(operations)) export_(line, status, code);
try { await client.forget('a'); } catch (error) { if (error instanceof KvsClientError) export_(error.code, error.retryAfterSeconds); }
function export_(...values: unknown[]): void { void values; }

// @ts-expect-error a value may not be there
user.value;
// @ts-expect-error unknown until it is looked at
(await client.get('a'))?.value.name;
// @ts-expect-error no such option
await client.put('a', 1, { ttl: 1 });
// @ts-expect-error neither value nor data
operations.push({ op: 'put', path: 'a' });
// @ts-expect-error a reset has no path
for await (const event of watch) event.path;
// @ts-expect-error no such mode
await client.get('a', { consistency: 'strong' });
`;
const said = {
  created: true,
  value: { n: 1 },
  results: [1_000, true],
  told: 1_001,
  listed: 1_001,
  isMissing: true,
  failure: [true, 'KVS_BAD_PATH'],
};

/** Why the program can't be run under it here; undefined when it can. */
async function missing(runtime: string): Promise<string | undefined> {
  try {
    await run(runtime, ['--version']);
    return undefined;
  } catch {
    return `${runtime} is not installed`;
  }
}

const runtimes = await Promise.all(
  [
    { name: 'Node.js', command: process.execPath, args: [] },
    { name: 'Deno', command: 'deno', args: ['run', '--allow-net', '--node-modules-dir=manual'] },
    { name: 'Bun', command: 'bun', args: ['run'] },
  ].map(async (runtime) => ({ ...runtime, missing: await missing(runtime.command) })),
);
// A skipped test says nothing by itself.
for (const { name, missing } of runtimes) {
  if (missing !== undefined) process.stderr.write(`Skipped: the client under ${name}. ${missing}\n`);
}

describe('The client as it is built', () => {
  it('is one file that imports nothing', async () => {
    const text = await readFile(join(root, 'dist/client.js'), 'utf8');
    expect(text).not.toMatch(/^import\b|\bimport\(|\brequire\(|node:/m);
    expect(text).toMatch(/^export \{\s*KvsClient,\s*KvsClientError\s*\};$/m);
  });

  for (const { name, command, args, missing } of runtimes) {
    it.skipIf(missing !== undefined)(
      `does all that it should under ${name}, and lets the process end`,
      async () => {
        const { url } = await runNode();
        const folder = await makeProject({ 'program.mjs': program });
        const { stdout } = await run(command, [...args, join(folder, 'program.mjs'), url, await deadUrl()], {
          cwd: folder,
        });
        expect(JSON.parse(stdout)).toEqual(said);
      },
    );
  }

  it.each([
    ['bundler', 'preserve'],
    ['nodenext', 'nodenext'],
  ])(
    'has types for a program that knows only browsers, found in the way of %s',
    async (moduleResolution, module) => {
      const compilerOptions = {
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
        noEmit: true,
        target: 'es2022',
        lib: ['es2022', 'dom', 'dom.asynciterable'],
        types: [],
        module,
        moduleResolution,
      };
      const folder = await makeProject({
        'package.json': '{"type":"module"}',
        'tsconfig.json': JSON.stringify({ compilerOptions, files: ['consumer.ts'] }),
        'consumer.ts': consumer,
      });
      const compiler = join(root, 'node_modules/typescript/bin/tsc');
      const compiled = run(process.execPath, [compiler, '-p', folder]).catch(
        (error: { stdout: string }) => error,
      );
      expect((await compiled).stdout).toBe('');
    },
  );
});
