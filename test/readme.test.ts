import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { runNode } from './running-node.ts';

const run = promisify(execFile);

/** The lines of a shell that the README shows under a heading. */
async function linesBelow(heading: string): Promise<string[]> {
  const text = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return /^```sh\n(.*?)^```$/ms.exec(section)?.[1]?.trim().split('\n') ?? [];
}

/** A watch has no end: it is listened to until it has begun. */
async function begin(command: string): Promise<string> {
  const shell = spawn('bash', ['-c', `exec ${command}`], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [text] = (await once(shell.stdout, 'data')) as [Buffer];
  shell.kill();
  await once(shell, 'exit');
  return text.toString();
}

it('shows lines that work as they stand, one after the other', async () => {
  const { url } = await runNode();
  const lines = await linesBelow('Ask for more');
  expect(lines.length).toBeGreaterThan(8);
  for (const line of lines) {
    const here = line.replaceAll('localhost:8080', url.slice('http://'.length));
    if (line.startsWith('curl -N')) {
      expect(await begin(here)).toMatch(/^: connected/);
      continue;
    }
    const { stdout } = await run('bash', ['-c', here]);
    expect({ line, stdout }).toEqual({
      line,
      stdout: expect.stringMatching(/^[{[](?!.*"status":4)/) as string,
    });
    const shown = /# ([{[].*[}\]])$/.exec(line)?.[1];
    if (shown !== undefined) expect(stdout.trim()).toBe(shown);
  }
});
