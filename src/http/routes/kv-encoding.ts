import { KvsError } from '../../core/errors.ts';
import type { Version } from '../../core/version.ts';
import { send } from '../answer.ts';
import { header, type KvsContext } from '../context.ts';
import { tagHeadersOf, takesGzip } from '../entity-tag.ts';
import { plainValue } from '../plain-value.ts';

/**
 * Answers with a value that is stored in gzip: as it is to a client that takes gzip, and decompressed to any other.
 * `headersOfPlain`: those of the value as it was sent.
 */
export async function sendPacked(
  c: KvsContext,
  version: Version,
  headersOfPlain: Readonly<Record<string, string>>,
): Promise<Response> {
  const headers = { ...headersOfPlain, ...tagHeadersOf(c, version) };
  if (takesGzip(c, version)) {
    const packed = { 'Content-Encoding': 'gzip', 'Content-Length': String(version.data.length) };
    return send(c, { status: 200, headers: { ...headers, ...packed }, body: version.data });
  }
  const body = c.req.method === 'HEAD' ? null : await plainValue(version);
  return send(c, { status: 200, headers, body });
}

/**
 * Refuses a body that says it is encoded: what is stored is the value, and in which form is the node's own affair.
 *
 * @throws KvsError KVS_ENCODING_NOT_SUPPORTED
 */
export function assertNotEncoded(c: KvsContext): void {
  const encoding = header(c, 'content-encoding');
  if (encoding === undefined || /^\s*(?:identity)?\s*$/i.test(encoding)) return;
  throw new KvsError(
    'KVS_ENCODING_NOT_SUPPORTED',
    'The body has a Content-Encoding; send the value as it is',
  );
}
