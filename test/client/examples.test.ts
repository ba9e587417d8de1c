import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runNode } from '../running-node.ts';
import { makeProject, root, run } from './package-project.ts';

/** The programs of a page, one after the other: what one begins, the next goes on with. */
async function programsOf(page: string): Promise<string[]> {
  const text = await readFile(join(root, page), 'utf8');
  return [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, program]) => program ?? '');
}

/** What the lines of a program say that they print. */
function shown(program: string): string[] {
  return [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text ?? '');
}

it.each(['docs/client.md', 'README.md'])('The programs of %s print what they say', async (page) => {
  const { url } = await runNode();
  const programs = await programsOf(page);
  const source = programs.join('\n').replaceAll(/'http:\/\/localhost:\d+'/g, `'${url}'`);
  const folder = await makeProject({ 'program.mjs': source });
  const { stdout } = await run(process.execPath, [join(folder, 'program.mjs')]);
  const printed = stdout.trimEnd().split('\n');
  const expected = programs.flatMap(shown);
  expect(expected.length).toBeGreaterThan(0);
  expect(printed.filter((line) => expected.includes(line))).toEqual(expected);
});
