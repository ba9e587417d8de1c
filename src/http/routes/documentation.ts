import { KvsError } from '../../core/errors.ts';
import type { HttpDeps, KvsApp } from '../context.ts';
import { allowOnly } from '../methods.ts';
import { pageFile, type PageFile, type PageFiles } from '../page-files.ts';
import { sendFile } from '../send-file.ts';

/** `/openapi.json` and `/docs`: what a node can be asked for. Both are made when somebody asks for the first time. */
export function mountDocumentation(app: KvsApp, { page }: Pick<HttpDeps, 'page'>): void {
  let document: Promise<PageFile> | undefined;
  let docs: Promise<PageFile> | undefined;

  app.get('/openapi.json', async (c) => sendFile(c, await (document ??= documentFile())));
  app.get('/docs', async (c) => sendFile(c, await (docs ??= docsFile(page))));
  app.get('/docs/', (c) => c.redirect('../docs', 308));
  app.get('/docs/:name', async (c) => {
    const name = c.req.param('name');
    const file = /^(?:docs|icon)-/.test(name) ? await page.get(name) : undefined;
    if (file === undefined) throw new KvsError('KVS_ROUTE_NOT_FOUND', 'There is no such file');
    return sendFile(c, file);
  });
  for (const path of ['/openapi.json', '/docs', '/docs/', '/docs/:name'])
    allowOnly(app, path, ['GET', 'HEAD']);
}

// Most nodes are never asked for these, and start without what makes them.
async function documentFile(): Promise<PageFile> {
  const { openApiText } = await import('../api/document.ts');
  return pageFile('openapi.json', 'application/json', Buffer.from(openApiText()));
}

async function docsFile(page: PageFiles): Promise<PageFile> {
  const { docsPage } = await import('../api/page.ts');
  const text = docsPage({
    script: await page.nameOf('docs', '.js'),
    style: await page.nameOf('docs', '.css'),
    icon: await page.nameOf('icon', '.svg'),
  });
  return pageFile('docs.html', 'text/html; charset=utf-8', Buffer.from(text));
}
