import { KvsError } from '../../core/errors.ts';
import type { HttpDeps, KvsApp, KvsContext } from '../context.ts';
import { allowOnly } from '../methods.ts';
import { sendFile } from '../send-file.ts';

/** `/debug/`: the page, as it was built. */
export function mountDebugPage(app: KvsApp, { page }: HttpDeps): void {
  app.get('/debug', (c) => c.redirect('debug/', 308));
  app.get('/debug/', (c) => answer(c, 'index.html'));
  app.get('/debug/assets/:name', (c) => answer(c, c.req.param('name')));
  for (const path of ['/debug', '/debug/', '/debug/assets/:name']) allowOnly(app, path, ['GET', 'HEAD']);

  async function answer(c: KvsContext, name: string): Promise<Response> {
    const file = await page.get(name);
    if (file === undefined) throw missing(name);
    return sendFile(c, file);
  }
}

function missing(name: string): KvsError {
  const detail =
    name === 'index.html' ? 'The page was not built; `npm run build` does' : 'There is no such file';
  return new KvsError('KVS_ROUTE_NOT_FOUND', detail);
}
