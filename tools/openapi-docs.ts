import { readFile, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openApiText } from '../src/http/api/document.ts';

/** Writes the OpenAPI document that nodes serve, where it is not as it should be, and names the file. */
const root = fileURLToPath(new URL('..', import.meta.url));
const file = fileURLToPath(new URL('../docs/openapi.json', import.meta.url));
const text = openApiText();
if ((await readFile(file, 'utf8').catch(() => undefined)) !== text) {
  await writeFile(file, text);
  process.stdout.write(`${relative(root, file)}\n`);
}
