import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from '../node-process.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const run = promisify(execFile);

/** A folder with these files that has this package installed, until the test is finished. */
export async function makeProject(files: Readonly<Record<string, string>>): Promise<string> {
  const { path, remove } = await temporaryFolder();
  onTestFinished(remove);
  await mkdir(join(path, 'node_modules'));
  await symlink(root, join(path, 'node_modules/kvs'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return path;
}
