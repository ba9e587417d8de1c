import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { runNode } from './running-node.ts';
import { isWatch, printedBy } from './shell-line.ts';

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
