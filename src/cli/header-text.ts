import { headerPattern } from '../core/version.ts';
import { UsageError } from './failure.ts';

/**
 * The value of an option that goes into a header.
 *
 * @throws UsageError for what no header can carry
 */
export function headerText<T extends string | undefined>(option: string, text: T): T {
  if (text === undefined || (headerPattern.test(text) && text.trim() !== '')) return text;
  throw new UsageError(`${option} is what a header can carry, not ${JSON.stringify(text)}`);
}
