import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/*
 * Builds the node into dist: main.js, and beside it what main.js loads later. The packages that it uses are in there:
 * to find, read and compile hundreds of small files takes as long as all else that a start does. Not the binding of
 * RocksDB, which finds its native part by where it stands.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'dist');

await rm(target, { recursive: true, force: true });

await build({
  absWorkingDir: root,
  entryPoints: [join(root, 'src/main.ts')],
  outdir: target,
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: true,
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'linked',
  external: ['rocksdb-native'],
  // Some of the packages are CommonJS, and ask for parts of Node.js in its way.
  banner: {
    js: `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);`,
  },
});
