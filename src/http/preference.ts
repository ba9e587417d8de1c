import { header, type KvsContext } from './context.ts';

const lenientPattern = /(?:^|,)\s*handling\s*=\s*"?lenient"?\s*(?:[,;]|$)/i;

/** Whether a client asks for lenient handling, `Prefer: handling=lenient` (RFC 7240, section 4.4). */
export function isLenient(c: KvsContext): boolean {
  const preferred = header(c, 'prefer');
  return preferred !== undefined && lenientPattern.test(preferred);
}
