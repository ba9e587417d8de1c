import { readdir, readFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format, resolveConfig } from 'prettier';
import type { AnyStateMachine } from 'xstate';
import { statechart, type InnerTransition } from './statechart.ts';

/** What stands above it is made from the machine; what stands below is kept. */
export const marker = '<!-- Written by hand from here on. -->';

const machineSuffix = '.machine.ts';

export interface ActorPage {
  /** Absolute. */
  readonly file: string;
  /** What the page should hold. */
  readonly text: string;
  /** What it holds; undefined when it does not exist. */
  readonly present: string | undefined;
}

/** A page for each machine below `src/actors` of the project in `root`. */
export async function actorPages(root: string): Promise<ActorPage[]> {
  return Promise.all((await sourcesIn(root)).map((source) => pageOf(root, source)));
}

export interface DocumentedMachine {
  readonly machine: AnyStateMachine;
  /** What its docstring says. */
  readonly docstring: string;
}

/** Each machine below `src/actors` of the project in `root`. */
export async function machinesIn(root: string): Promise<DocumentedMachine[]> {
  return Promise.all(
    (await sourcesIn(root)).map(async (source) => {
      const { exported, machine } = await machineIn(source);
      return { machine, docstring: docstringOf(exported, await readFile(source, 'utf8')) };
    }),
  );
}

async function sourcesIn(root: string): Promise<string[]> {
  const actors = join(root, 'src/actors');
  const files = (await readdir(actors, { recursive: true })).filter((file) => file.endsWith(machineSuffix));
  return files.toSorted().map((file) => join(actors, file));
}

/** The folder of the pages, in the project in `root`. */
export function pagesFolder(root: string): string {
  return join(root, 'docs/actors');
}

async function pageOf(root: string, source: string): Promise<ActorPage> {
  const name = basename(source, machineSuffix);
  const file = join(pagesFolder(root), `${name}.md`);
  const present = await readFile(file, 'utf8').catch(() => undefined);
  const { exported, machine } = await machineIn(source);
  const { diagram, inner } = statechart(machine);
  const parts = [
    `# ${name}`,
    `<!-- Made by \`npm run docs\` from ${relative(root, source)}, down to the next such line. -->`,
    `\`\`\`mermaid\n${diagram}\n\`\`\``,
    docstringOf(exported, await readFile(source, 'utf8')),
    innerTable(inner),
    marker + handWritten(present),
  ];
  const text = parts.filter((part) => part !== '').join('\n\n');
  return { file, text: await format(text, { ...(await resolveConfig(file)), parser: 'markdown' }), present };
}

async function machineIn(source: string): Promise<{ exported: string; machine: AnyStateMachine }> {
  const module = (await import(pathToFileURL(source).href)) as Record<string, unknown>;
  const found = Object.entries(module).filter(([, value]) => isMachine(value));
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error(`${source} must export one machine`);
  return { exported: first[0], machine: first[1] as AnyStateMachine };
}

function isMachine(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'root' in value && 'definition' in value;
}

/** The text of the comment that stands before an export. */
function docstringOf(exported: string, source: string): string {
  const before = source.slice(0, source.indexOf(`export const ${exported} `)).trimEnd();
  if (!before.endsWith('*/')) throw new Error(`${exported} has no docstring`);
  const comment = before.slice(before.lastIndexOf('/**') + 3, -2);
  return comment.replace(/^[^\S\n]*\* ?/gm, '').trim();
}

function innerTable(inner: readonly InnerTransition[]): string {
  if (inner.length === 0) return '';
  const rows = inner.map(({ state, event, actions }) => {
    const where = state === '' ? 'any' : `\`${state}\``;
    const does = actions.length === 0 ? 'nothing' : actions.map((name) => `\`${name}\``).join(', ');
    return `| ${where} | \`${event.replaceAll('|', '\\|')}\` | ${does} |`;
  });
  return [
    'What is taken without a change of state:',
    '',
    '| in | on | does |',
    '| --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function handWritten(present: string | undefined): string {
  const at = present?.indexOf(marker) ?? -1;
  return present === undefined || at < 0 ? '\n' : present.slice(at + marker.length);
}
