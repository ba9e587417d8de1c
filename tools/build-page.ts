import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { Chart } from '../src/page/model/chart.ts';
import { chartsIn } from './charts.ts';

/*
 * Builds the page into dist/page: index.html, and what it names under names that change with the content. The charts
 * of the machines are laid out here, and are part of the script. What `/docs` needs is beside them: the node writes that
 * page itself.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src/page');
const target = join(root, 'dist/page');

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: {
    page: join(source, 'main.tsx'),
    style: join(source, 'style.css'),
    docs: join(source, 'docs.ts'),
    // Beside `docs.js` there is no place for another `docs`.
    'docs-style': join(source, 'docs.css'),
  },
  outdir: target,
  entryNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  metafile: true,
  plugins: [chartsPlugin(await chartsIn(root))],
});

const built = Object.keys(metafile.outputs).map((file) => basename(file));
const icon = await readFile(join(source, 'icon.svg'));
const iconName = `icon-${createHash('sha256').update(icon).digest('hex').slice(0, 8)}.svg`;
await writeFile(join(target, iconName), icon);
const html = await readFile(join(source, 'index.html'), 'utf8');
await writeFile(
  join(target, 'index.html'),
  html
    .replace('page.js', nameOf(built, /^page-.*\.js$/))
    .replace('style.css', nameOf(built, /^style-.*\.css$/))
    .replace('icon.svg', iconName),
);

/** The module `charts` of the page. */
function chartsPlugin(charts: readonly Chart[]): Plugin {
  return {
    name: 'charts',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^charts$/ }, ({ path }) => ({ path, namespace: 'charts' }));
      onLoad({ filter: /./, namespace: 'charts' }, () => ({
        contents: JSON.stringify(charts),
        loader: 'json',
      }));
    },
  };
}

function nameOf(names: readonly string[], pattern: RegExp): string {
  const found = names.find((name) => pattern.test(name));
  if (found === undefined) throw new Error(`Nothing was built that is named like ${String(pattern)}`);
  return found;
}
