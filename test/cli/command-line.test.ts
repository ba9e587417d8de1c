import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { helpOf } from '../../src/cli/help.ts';
import { commandNames } from '../../src/cli/invocation.ts';
import { temporaryFolder } from '../node-process.ts';
import { commandGuide } from './command-guide.ts';
import { kvs, KvsProcess, main } from './kvs-process.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvs-line-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('docs/cli.md says what the table of commands says (vitest run test/cli/command-line.test.ts -u writes it anew)', async () => {
  await expect(await commandGuide()).toMatchFileSnapshot('../../docs/cli.md');
});

describe('kvs', () => {
  it('starts a node with kvs start CONFIG, as with kvs CONFIG', async () => {
    const config = join(folder, 'node.yaml');
    await writeFile(config, `node_id: a\nport: 0\ndata_dir: ${join(folder, 'data')}\n`);
    for (const args of [['start', config], [config]]) {
      const node = new KvsProcess(args, { url: 'http://127.0.0.1:1' });
      await node.written('out', /The node answers/);
      node.child.kill('SIGTERM');
      expect(await node.ended()).toMatchObject({ code: 0, err: '' });
    }
  });

  it('starts a node in a folder of its own when nothing else is said', async () => {
    const { path, remove } = await temporaryFolder();
    const node = new KvsProcess([], { cwd: path, env: { KVS_PORT: '0' } });
    await node.written('out', /The node answers/);
    node.child.kill('SIGTERM');
    expect(await node.ended()).toMatchObject({ code: 0, err: '' });
    expect(await readdir(path)).toContain('config.yaml');
    await remove();
  });

  it('tells of a word that is neither a command nor a file, and which command it may have been', async () => {
    expect(await kvs(['lsit', 'users/'])).toMatchObject({
      code: 2,
      out: '',
      err: 'kvs: "lsit" is neither a command (list?) nor a file (kvs --help tells more)\n',
    });
  });

  it.each([
    [['get'], 'PATH is missing (kvs get --help tells more)'],
    [['get', 'a', 'b'], '"b" is one argument too many (kvs get --help tells more)'],
    [
      ['health', '--timeout', 'soon'],
      '--timeout is a time above 0, such as 30, 0.5, 15m, 12h or 7d, not "soon"',
    ],
    [
      ['health', '--url', 'ftp://a'],
      '--url is the URL of a node, such as http://127.0.0.1:8080, not "ftp://a"',
    ],
    [['list', '--limit', '0'], '--limit is a whole number of 1 and more, not "0"'],
    [['list', '-r', '--depth', '2'], '--recursive lists all levels; it does not go with --depth'],
    [['get', 'a', '--consistency', 'most'], '--consistency is local or quorum, not "most"'],
    [['completion', 'tcsh'], 'SHELL is bash or zsh or fish, not "tcsh"'],
  ])('refuses %j with one line and exit code 2', async (args, line) => {
    expect(await kvs(args)).toMatchObject({ code: 2, out: '', err: `kvs: KVS_USAGE: ${line}\n` });
  });

  it('shows every command, and every exit code, with --help', async () => {
    const { code, out, err } = await kvs(['--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const name of commandNames) expect(out).toContain(`\n  kvs ${name}`);
    for (const exit of Object.values(exitCodes)) expect(out).toMatch(new RegExp(`^ {2}${exit} +\\S`, 'm'));
  });

  it('shows what a command takes with --help, and does nothing else', async () => {
    const { code, out, err } = await kvs(['put', 'a', '1', '--help'], { url: 'http://127.0.0.1:1' });
    expect({ code, err, out }).toEqual({ code: 0, err: '', out: `${helpOf(commands.put)}\n` });
  });
});

describe('The help of a command', () => {
  it.each(commandNames)('has the options and examples of kvs %s, on lines that fit', (name) => {
    const help = helpOf(commands[name]);
    const { options, examples } = commands[name];
    for (const option of Object.keys(options))
      expect(help).toMatch(new RegExp(`^ +(?:-\\w, )?--${option}\\b`, 'm'));
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(help).toContain(`\n  ${example}`);
    expect(help.split('\n').filter((line) => line.length > 110)).toEqual([]);
  });
});

/** The sources of what a file of dist loads at once, and of all that this loads; as its source maps name them. */
async function sourcesOf(file: string, seen = new Set<string>()): Promise<string[]> {
  if (seen.has(file)) return [];
  seen.add(file);
  const text = await readFile(file, 'utf8');
  const map = JSON.parse(await readFile(`${file}.map`, 'utf8')) as { readonly sources: readonly string[] };
  const imports = [...text.matchAll(/\b(?:from|import) ?"(\.\/[^"]+)"/g)].map(([, path = '']) => path);
  const loaded = await Promise.all(imports.map((path) => sourcesOf(join(dirname(file), path), seen)));
  return [...map.sources.map((source) => source.replace('../', '')), ...loaded.flat()];
}

it('loads neither the store nor the configuration for a command, and no command for a node', async () => {
  const dist = dirname(main);
  const chunk = async (prefix: RegExp): Promise<string[]> => {
    const names = (await readdir(dist)).filter((name) => prefix.test(name) && name.endsWith('.js'));
    return sourcesOf(join(dist, names[0] ?? ''));
  };
  const [start, command, node] = [
    await sourcesOf(main),
    await chunk(/^run-\w{8}\./),
    await chunk(/^run-node-/),
  ];
  const among = (sources: readonly string[], wanted: RegExp) =>
    sources.filter((source) => wanted.test(source));
  expect(start).toContain('src/cli/invocation.ts');
  expect(among(start, /^(?:src\/cli\/(?:run|commands)|src\/run-node|node_modules)/)).toEqual([]);
  expect(command).toContain('src/cli/commands/get.ts');
  expect(among(command, /^(?:src\/(?:store|actors|http|peers|config|node)|node_modules)/)).toEqual([]);
  expect(node).toContain('src/load-config.ts');
  expect(among(node, /^src\/(?:cli\/commands|client|store)/)).toEqual([]);
});
