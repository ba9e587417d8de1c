import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const project = fileURLToPath(new URL('..', import.meta.url));

const restrictedImport = 'eslint(no-restricted-imports)';
const restrictedGlobal = 'eslint(no-restricted-globals)';
const restrictedProperty = 'eslint(no-restricted-properties)';

/** Imports from one module, in the form in which they would be written. */
const from = (module: string): string => `import { a } from '${module}';\nexport const b = a;\n`;
const typesFrom = (module: string): string => `import type { A } from '${module}';\nexport type B = A;\n`;
const use = (expression: string): string => `export const a = () => ${expression};\n`;

const machine = 'src/actors/gossiper/gossiper.machine.ts';
const helper = 'src/actors/gossiper/peers.ts';
const effect = 'src/actors/effects/collect.actor.ts';
const rootMachine = 'src/actors/node/node.machine.ts';

/** File, source, and the rule that must report it. */
const offending: readonly (readonly [string, string, string])[] = [
  // core stands on nothing.
  ...[
    'node:fs',
    'fs',
    'zod',
    'xstate',
    '@hono/node-server',
    '../store/level.ts',
    '../config.ts',
    './deep/a.ts',
  ].map((module) => ['src/core/version.ts', from(module), restrictedImport] as const),
  ['src/core/version.ts', typesFrom('../store/level.ts'), restrictedImport],
  ['src/core/version.ts', `export * from '../store/level.ts';\n`, restrictedImport],
  ['src/core/version.ts', `export const a = import('node:fs');\n`, restrictedImport],
  // What nodes say to each other stands on core and the codec.
  ...[
    'node:fs',
    'xstate',
    'hono',
    'undici',
    '../store/level.ts',
    '../http/app.ts',
    '../actors/inspector.ts',
  ].map((module) => ['src/peers/exchange.ts', from(module), restrictedImport] as const),
  ['src/peers/exchange.ts', use('Date.now()'), restrictedGlobal],
  ['src/peers/exchange.ts', use('Math.random()'), restrictedProperty],
  // The store stands on core and the database.
  ...[
    'zod',
    'xstate',
    'hono',
    'rocksdb-native',
    'yaml',
    '../http/app.ts',
    '../actors/inspector.ts',
    '../config.ts',
    '../node.ts',
  ].map((module) => ['src/store/version-store.ts', from(module), restrictedImport] as const),
  ['src/store/wal-sync.ts', from('rocksdb-native'), restrictedImport],
  ['src/store/rocksdb-level.ts', from('xstate'), restrictedImport],
  // What nodes say to each other stands on core alone.
  ...['node:fs', 'undici', 'xstate', '../store/level.ts', '../http/app.ts', '../actors/inspector.ts'].map(
    (module) => ['src/peers/wire.ts', from(module), restrictedImport] as const,
  ),
  // Machines know core, their own folder, and what others tell.
  ...[
    'node:fs',
    'zod',
    '../../store/level.ts',
    '../../http/app.ts',
    '../../config.ts',
    '../../node.ts',
    '../syncer/syncer.machine.ts',
    '../syncer/plan.ts',
    '../effects/collect.actor.ts',
  ].map((module) => [machine, from(module), restrictedImport] as const),
  [machine, from('../syncer/syncer.events.ts'), restrictedImport],
  [machine, typesFrom('../syncer/syncer.machine.ts'), restrictedImport],
  [rootMachine, from('../../store/level.ts'), restrictedImport],
  [rootMachine, from('../effects/collect.actor.ts'), restrictedImport],
  ...[
    'node:fs',
    'undici',
    '../../store/level.ts',
    '../syncer/syncer.machine.ts',
    '../syncer/syncer.events.ts',
  ].map((module) => [effect, from(module), restrictedImport] as const),
  [helper, from('xstate'), restrictedImport],
  [helper, from('node:os'), restrictedImport],
  ['src/actors/inspector.ts', from('../config.ts'), restrictedImport],
  // http speaks to ports.
  ...[
    'xstate',
    'abstract-level',
    'rocksdb-native',
    'yaml',
    '../store/level.ts',
    '../actors/inspector.ts',
    '../config.ts',
    '../node.ts',
  ].map((module) => ['src/http/app.ts', from(module), restrictedImport] as const),
  ...['xstate', '../../store/level.ts', '../../actors/inspector.ts', '../../config.ts'].map(
    (module) => ['src/http/routes/kv.ts', from(module), restrictedImport] as const,
  ),
  // Commands speak to nodes through the client, and know nothing of how one is made.
  ...['zod', 'yaml', 'undici', '../node.ts', '../config.ts', '../http/app.ts', '../store/level.ts'].map(
    (module) => ['src/cli/run.ts', from(module), restrictedImport] as const,
  ),
  ...['hono', '../../run-node.ts', '../../http/value.ts', '../../actors/inspector.ts'].map(
    (module) => ['src/cli/commands/get.ts', from(module), restrictedImport] as const,
  ),
  // Metrics stand beside the node, and know by types what they measure.
  ...['xstate', 'hono', 'node:fs', '../store/level.ts', '../http/app.ts', '../cluster.ts'].map(
    (module) => ['src/metrics/meters.ts', from(module), restrictedImport] as const,
  ),
  ...['src/node.ts', 'src/http/app.ts', 'src/peers/wire.ts', machine].map(
    (file) => [file, from('prom-client'), restrictedImport] as const,
  ),
  // The page runs in a browser, and knows of the node what it answers.
  ...['node:fs', 'hono', 'xstate', 'react', '../core/limits.ts', '../node.ts', '../http/app.ts'].map(
    (module) => ['src/page/live.ts', from(module), restrictedImport] as const,
  ),
  ...['xstate', '../../core/limits.ts', '../../node.ts', '../../http/app.ts'].map(
    (module) => ['src/page/views/overview.tsx', from(module), restrictedImport] as const,
  ),
  ...['preact', '@preact/signals', '../live.ts', '../../core/limits.ts'].map(
    (module) => ['src/page/model/timeline.ts', from(module), restrictedImport] as const,
  ),
  // The client runs wherever there is fetch, and knows nothing of the node.
  ...[
    'node:fs',
    'undici',
    'zod',
    '../core/backoff.ts',
    '../http/query.ts',
    '../page/feed.ts',
    './deep/a.ts',
  ].map((module) => ['src/client/kvs-client.ts', from(module), restrictedImport] as const),
  ['src/client/types.ts', typesFrom('../core/ports.ts'), restrictedImport],
  ...[
    'process.pid',
    `Buffer.from('a')`,
    'globalThis.process.pid',
    'setImmediate(() => 1)',
    'document.title',
  ].map((expression) => ['src/client/kvs-client.ts', use(expression), restrictedGlobal] as const),
  // Drivers know abstract-level, and of the client its types.
  ...[
    'node:fs',
    'keyv',
    'unstorage',
    '../client/kvs-client.ts',
    '../core/limits.ts',
    '../store/key-range.ts',
  ].map((module) => ['src/drivers/key-walk.ts', from(module), restrictedImport] as const),
  ['src/drivers/key-walk.ts', typesFrom('../store/level.ts'), restrictedImport],
  ...[`Buffer.from('a')`, 'process.pid'].map(
    (expression) => ['src/drivers/key-walk.ts', use(expression), restrictedGlobal] as const,
  ),
  // Nobody but the one class knows the binding.
  ['src/node.ts', from('rocksdb-native'), restrictedImport],
  // Time, randomness and the outside arrive through ports.
  ...['src/core/hybrid-clock.ts', 'src/peers/wire.ts', machine, helper, effect].flatMap((file) => [
    ...[
      'Date.now()',
      'new Date()',
      'globalThis.Date.now()',
      'setTimeout(() => 1, 1)',
      'setInterval(() => 1, 1)',
      'setImmediate(() => 1)',
      'queueMicrotask(() => 1)',
      `fetch('http://a')`,
      `globalThis.fetch('http://a')`,
      'process.hrtime()',
      'performance.now()',
      'crypto.randomUUID()',
    ].map((expression) => [file, use(expression), restrictedGlobal] as const),
    ...['Math.random()', `Math['random']()`, 'AbortSignal.timeout(1)'].map(
      (expression) => [file, use(expression), restrictedProperty] as const,
    ),
    [file, `const { random } = Math;\nexport const a = random;\n`, restrictedProperty] as const,
  ]),
];

const harmless: readonly (readonly [string, string])[] = [
  ['src/core/version.ts', from('./limits.ts')],
  [
    'src/core/hybrid-clock.ts',
    `export type A = Date;\nexport const a = (date: Date): number => Math.max(date.getTime(), 1);\n`,
  ],
  ...['abstract-level', 'lru-cache', 'node:fs', 'node:fs/promises', '../core/version.ts', './level.ts'].map(
    (module) => ['src/store/version-store.ts', from(module)] as const,
  ),
  ['src/store/rocksdb-level.ts', from('rocksdb-native')],
  ...['xstate', '../../core/limits.ts', './peers.ts', './gossiper.events.ts'].map(
    (module) => [machine, from(module)] as const,
  ),
  [machine, typesFrom('../syncer/syncer.events.ts')],
  [machine, `import { type A } from '../syncer/syncer.events.ts';\nexport type B = A;\n`],
  [rootMachine, from('../syncer/syncer.machine.ts')],
  [rootMachine, typesFrom('../syncer/syncer.events.ts')],
  [effect, from('xstate')],
  [effect, typesFrom('../../core/ports.ts')],
  [helper, from('../../core/limits.ts')],
  [helper, typesFrom('xstate')],
  ['src/actors/inspector.ts', typesFrom('xstate')],
  ['src/actors/inspector.ts', from('../core/limits.ts')],
  ...[
    'hono',
    'hono/body-limit',
    '@hono/node-server',
    'zod',
    'undici',
    'node:http',
    'node:fs/promises',
    '../core/ports.ts',
    './problem.ts',
    './routes/kv.ts',
  ].map((module) => ['src/http/app.ts', from(module)] as const),
  ...['hono', 'zod', '../../core/ports.ts', '../problem.ts', '../batch/batch.ts', './health.ts'].map(
    (module) => ['src/http/routes/kv.ts', from(module)] as const,
  ),
  ...['node:fs', '../client/kvs-client.ts', '../core/limits.ts', './commands/get.ts'].map(
    (module) => ['src/cli/run.ts', from(module)] as const,
  ),
  ...['node:fs/promises', '../../client/types.ts', '../../core/limits.ts', '../output.ts'].map(
    (module) => ['src/cli/commands/get.ts', from(module)] as const,
  ),
  ['src/run-node.ts', from('./cli/exit-codes.ts')],
  ...['prom-client', '../core/ports.ts', './histogram.ts'].map(
    (module) => ['src/metrics/meters.ts', from(module)] as const,
  ),
  ...['../cluster.ts', '../http/server.ts', '../core/ports.ts'].map(
    (module) => ['src/metrics/meters.ts', typesFrom(module)] as const,
  ),
  ...['./store/level.ts', './actors/inspector.ts', './http/app.ts', 'yaml', 'node:os'].map(
    (module) => ['src/node.ts', from(module)] as const,
  ),
  ['src/node.ts', use('[Date.now(), Math.random()]')],
  ...[
    'preact',
    '@preact/signals',
    '../client/event-parser.ts',
    './ask.ts',
    './model/chart.ts',
    './views/keys.tsx',
  ].map((module) => ['src/page/live.ts', from(module)] as const),
  ...['preact/hooks', 'uplot', '../live.ts', '../model/chart.ts', '../parts/icon.tsx'].map(
    (module) => ['src/page/views/overview.tsx', from(module)] as const,
  ),
  ['src/client/kvs-client.ts', from('./requester.ts')],
  ['src/drivers/kvs-level.ts', from('abstract-level')],
  ['src/drivers/kvs-level.ts', from('./key-walk.ts')],
  ['src/drivers/kvs-level.ts', typesFrom('../client/kvs-client.ts')],
  [
    'src/client/kvs-client.ts',
    use(`[fetch('http://a'), Date.now(), crypto.getRandomValues(new Uint8Array(1))]`),
  ],
  ['src/page/live.ts', typesFrom('../core/ports.ts')],
  ['src/page/views/overview.tsx', typesFrom('../../core/ports.ts')],
  ['src/page/model/answers.ts', typesFrom('../../core/ports.ts')],
  ['src/page/model/answers.ts', from('./state-value.ts')],
];

let folder = '';
/** The rules that reported a sample, by the name of its folder. */
const reports = new Map<string, Set<string>>();

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvs-floors-'));
  for (const [index, [file, source]] of offending.entries()) write(`offending-${index}`, file, source);
  for (const [index, [file, source]] of harmless.entries()) write(`harmless-${index}`, file, source);
  write('cycle', 'src/core/a.ts', from('./b.ts'));
  write('cycle', 'src/core/b.ts', from('./a.ts'));
  lint();
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('The linter reports', () => {
  it.each(offending.map(([file, source, rule], index) => ({ file, line: firstLine(source), rule, index })))(
    '$line in $file',
    ({ rule, index }) => {
      expect([...(reports.get(`offending-${index}`) ?? [])]).toContain(rule);
    },
  );

  it('modules that import each other', () => {
    expect([...(reports.get('cycle') ?? [])]).toContain('import(no-cycle)');
  });
});

describe('The linter allows', () => {
  it.each(harmless.map(([file, source], index) => ({ file, line: firstLine(source), index })))(
    '$line in $file',
    ({ index }) => {
      expect([...(reports.get(`harmless-${index}`) ?? [])]).toEqual([]);
    },
  );
});

/** Puts a sample in its place in a project of its own, with this project's rules. */
function write(sample: string, file: string, source: string): void {
  const path = join(folder, sample, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, source);
  copyFileSync(join(project, '.oxlintrc.json'), join(folder, sample, '.oxlintrc.json'));
}

function lint(): void {
  const oxlint = join(project, 'node_modules/oxlint/bin/oxlint');
  const { stdout } = spawnSync(process.execPath, [oxlint, '--format', 'json', '--quiet', '.'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 64 * 1_024 * 1_024,
  });
  const { diagnostics, number_of_files: files } = JSON.parse(stdout) as {
    diagnostics: { code: string; filename: string }[];
    number_of_files: number;
  };
  expect(files).toBe(offending.length + harmless.length + 2);
  for (const { code, filename } of diagnostics) {
    const sample = filename.split('/', 1)[0] ?? '';
    reports.set(sample, (reports.get(sample) ?? new Set()).add(code));
  }
}

function firstLine(source: string): string {
  return source.split('\n', 1)[0] ?? '';
}
