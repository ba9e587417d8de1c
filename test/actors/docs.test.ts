import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, describe, it, onTestFinished } from 'vitest';
import { actorPages, marker, pagesFolder } from '../../tools/actor-pages.ts';
import { temporaryFolder } from '../node-process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('The pages of the machines', () => {
  it('are there for each machine and for nothing else', async () => {
    const expected = (await actorPages(root)).map(({ file }) => basename(file));
    expect(expected).toContain('node.md');
    expect((await readdir(pagesFolder(root))).toSorted()).toEqual(expected.toSorted());
  });

  it('say what the machines are; where this fails, `npm run docs` writes them', async () => {
    for (const { text, present } of await actorPages(root)) expect(present).toBe(text);
  });

  it('keep what was written by hand when the machine changes', async () => {
    const project = await temporaryFolder();
    onTestFinished(project.remove);
    await symlink(join(root, 'src'), join(project.path, 'src'));
    await mkdir(pagesFolder(project.path), { recursive: true });
    const before = `# collector\n\nWhat it was.\n\n${marker}\n\n## Reasons\n\nMine.\n`;
    await writeFile(join(pagesFolder(project.path), 'collector.md'), before);
    const pages = await actorPages(project.path);
    const text = pages.find(({ present }) => present === before)?.text;
    expect(text).toMatch(/^# collector\n[^]*```mermaid\nstateDiagram-v2\n[^]*\n## Reasons\n\nMine\.\n$/);
    expect(text).not.toContain('What it was');
    expect(pages.filter(({ present }) => present === undefined)).toHaveLength(pages.length - 1);
  });
});
