import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/*
 * Builds the drivers into dist: keyv.js and level.js, each one file; and their types into dist/drivers. They are given a
 * client, so they hold none. What extends abstract-level finds the package of whoever uses it.
 */
const root = fileURLToPath(new URL('..', import.meta.url));

await build({
  absWorkingDir: root,
  entryPoints: {
    keyv: join(root, 'src/drivers/keyv-store.ts'),
    level: join(root, 'src/drivers/kvs-level.ts'),
  },
  outdir: join(root, 'dist'),
  bundle: true,
  platform: 'neutral',
  format: 'esm',
  target: 'es2022',
  sourcemap: true,
  external: ['abstract-level'],
});

const compiler = join(root, 'node_modules/typescript/bin/tsc');
const { status } = spawnSync(
  process.execPath,
  [compiler, '-p', join(root, 'src/drivers/tsconfig.build.json')],
  { stdio: 'inherit' },
);
if (status !== 0) throw new Error('The types of the drivers were not built');
