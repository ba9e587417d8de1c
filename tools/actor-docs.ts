import { mkdir, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { actorPages, pagesFolder } from './actor-pages.ts';

/** Writes the pages of the machines that are not as they should be, and names them. */
const root = fileURLToPath(new URL('..', import.meta.url));
await mkdir(pagesFolder(root), { recursive: true });
for (const { file, text, present } of await actorPages(root)) {
  if (text === present) continue;
  await writeFile(file, text);
  process.stdout.write(`${relative(root, file)}\n`);
}
