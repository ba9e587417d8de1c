import type { Version } from '../core/version.ts';
import { prefersGzip } from './accept-encoding.ts';
import { header, type KvsContext } from './context.ts';

/** Stands behind the uuid in the ETag of a value in gzip: other bytes need another ETag (RFC 9110, section 8.8.3). */
const gzipSuffix = '-gzip';

/** Whether a client gets a value that is stored in gzip as it is stored. */
export function takesGzip(c: KvsContext, { encoding }: Version): boolean {
  return encoding === 'gzip' && prefersGzip(header(c, 'accept-encoding'));
}

/** The headers that name a version in the form in which a client gets it. */
export function tagHeadersOf(c: KvsContext, version: Version): Record<string, string> {
  const suffix = takesGzip(c, version) ? gzipSuffix : '';
  const vary: Record<string, string> = version.encoding === undefined ? {} : { Vary: 'Accept-Encoding' };
  return { ETag: `"${version.uuid}${suffix}"`, ...vary };
}

/** The version that a tag names, in whatever form. */
export function uuidOfTag(tag: string): string {
  return tag.endsWith(gzipSuffix) ? tag.slice(0, -gzipSuffix.length) : tag;
}
