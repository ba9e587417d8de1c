import { KvsError } from '../../core/errors.ts';
import { send } from '../answer.ts';
import { header, type HttpDeps, type KvsApp, type KvsContext } from '../context.ts';
import { allowOnly } from '../methods.ts';
import type { PageFile } from '../page-files.ts';

/** Nothing comes from elsewhere, nothing is inline, nobody frames it, and nothing is sent anywhere but to this node. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const secondsOfYear = 31_536_000;

/** `/debug/`: the page, as it was built. */
export function mountDebugPage(app: KvsApp, { page }: HttpDeps): void {
  app.get('/debug', (c) => c.redirect('debug/', 308));
  app.get('/debug/', (c) => answer(c, 'index.html'));
  app.get('/debug/assets/:name', (c) => answer(c, c.req.param('name')));
  for (const path of ['/debug', '/debug/', '/debug/assets/:name']) allowOnly(app, path, ['GET', 'HEAD']);

  async function answer(c: KvsContext, name: string): Promise<Response> {
    const file = await page.get(name);
    if (file === undefined) throw missing(name);
    const isZipped = /\bgzip\b/.test(header(c, 'accept-encoding') ?? '');
    const headers = headersOf(file, isZipped);
    const known = header(c, 'if-none-match')?.split(/\s*,\s*/) ?? [];
    if (known.includes(headers['ETag'] ?? '')) return send(c, { status: 304, headers, body: null });
    const body = isZipped ? file.zipped : file.bytes;
    return send(c, { status: 200, headers: { ...headers, 'Content-Length': String(body.length) }, body });
  }
}

function headersOf(file: PageFile, isZipped: boolean): Record<string, string> {
  return {
    'Content-Type': file.contentType,
    // What is named by its content never changes; what names it is asked for each time.
    'Cache-Control': file.name === 'index.html' ? 'no-cache' : `max-age=${secondsOfYear}, immutable`,
    ETag: `"${file.hash}${isZipped ? '-gzip' : ''}"`,
    Vary: 'Accept-Encoding',
    ...(isZipped ? { 'Content-Encoding': 'gzip' } : {}),
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
  };
}

function missing(name: string): KvsError {
  const detail =
    name === 'index.html' ? 'The page was not built; `npm run build` does' : 'There is no such file';
  return new KvsError('KVS_ROUTE_NOT_FOUND', detail);
}
