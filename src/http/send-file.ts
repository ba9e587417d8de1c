import { prefersGzip } from './accept-encoding.ts';
import { send } from './answer.ts';
import { header, type KvsContext } from './context.ts';
import type { PageFile } from './page-files.ts';

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

/** Answers with a file, packed for whoever takes that; or 304 to whoever has it. */
export function sendFile(c: KvsContext, file: PageFile): Response {
  const isZipped = prefersGzip(header(c, 'accept-encoding'));
  const headers = headersOf(file, isZipped);
  // Compared weakly (RFC 9110, section 13.1.2): a proxy that packs an answer makes its tag a weak one.
  const known =
    header(c, 'if-none-match')
      ?.split(/\s*,\s*/)
      .map((tag) => tag.replace(/^W\//, '')) ?? [];
  if (known.includes('*') || known.includes(headers['ETag'] ?? ''))
    return send(c, { status: 304, headers, body: null });
  const body = isZipped ? file.zipped : file.bytes;
  return send(c, { status: 200, headers: { ...headers, 'Content-Length': String(body.length) }, body });
}

function headersOf(file: PageFile, isZipped: boolean): Record<string, string> {
  return {
    'Content-Type': file.contentType,
    // What is named by its content never changes; what names it is asked for each time.
    'Cache-Control': file.name.includes('-') ? `max-age=${secondsOfYear}, immutable` : 'no-cache',
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
