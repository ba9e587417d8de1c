import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/*
 * Builds the client into dist: client.js, one file that imports nothing and runs wherever there is fetch; and its types
 * into dist/client.
 */
const root = fileURLToPath(new URL('..', import.meta.url));

await build({
  absWorkingDir: root,
  entryPoints: [join(root, 'src/client/client.ts')],
  outfile: join(root, 'dist/client.js'),
  bundle: true,
  platform: 'neutral',
  format: 'esm',
  target: 'es2022',
  sourcemap: true,
});

const compiler = join(root, 'node_modules/typescript/bin/tsc');
const { status } = spawnSync(
  process.execPath,
  [compiler, '-p', join(root, 'src/client/tsconfig.build.json')],
  {
    stdio: 'inherit',
  },
);
if (status !== 0) throw new Error('The types of the client were not built');
