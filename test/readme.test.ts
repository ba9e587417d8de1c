import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from './node-process.ts';
import { runNode } from './running-node.ts';
import { isWatch, printedBy } from './shell-line.ts';

const run = promisify(execFile);

/** The lines of a shell that the README shows under a heading. */
async function linesBelow(heading: string): Promise<string[]> {
  const text = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return /^```sh\n(.*?)^```$/ms.exec(section)?.[1]?.trim().split('\n') ?? [];
}

it('shows lines that work as they stand, one after the other', async () => {
  const { url } = await runNode();
  const lines = await linesBelow('Ask for more');
  expect(lines.length).toBeGreaterThan(8);
  for (const line of lines) {
    const stdout = await printedBy(line, url);
    const expected = isWatch(line) ? /^: connected/ : /^[{[](?!.*"status":4)/;
    expect({ line, stdout }).toEqual({ line, stdout: expect.stringMatching(expected) as string });
    const shown = /# ([{[].*[}\]])$/.exec(line)?.[1];
    if (shown !== undefined) expect(stdout.trim()).toBe(shown);
  }
});

it('shows commands that work as they stand, one after the other', { timeout: 180_000 }, async () => {
  const { url } = await runNode();
  const { path: cwd, remove } = await temporaryFolder();
  onTestFinished(remove);
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const env = { PATH: process.env['PATH'], KVS_URL: url };
  const lines = await linesBelow('From the shell');
  expect(lines.length).toBeGreaterThan(8);
  for (const line of lines) {
    // One that has no end is given one.
    const ending = line.startsWith('kvs watch') ? 'timeout --preserve-status -s INT 2 ' : '';
    const kvs = `kvs() { ${ending}node '${main}' "$@"; }; ${line}`;
    const { code, stdout, stderr } = await run('bash', ['--norc', '-c', kvs], { env, cwd }).then(
      (output) => ({ code: 0, ...output }),
      (error: unknown) => error as { code: number; stdout: string; stderr: string },
    );
    expect({ line, code, stderr }).toEqual({ line, code: ending === '' ? 0 : 130, stderr: '' });
    const shown = /# (\{.*\}|\d+ deleted)$/.exec(line)?.[1];
    if (shown !== undefined) expect(stdout.trim()).toBe(shown);
  }
});
