import { UsageError } from './failure.ts';

/**
 * A whole number of one and more; undefined where the option isn't given.
 *
 * @throws UsageError for anything else
 */
export function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value >= 1) return value;
  throw new UsageError(`${option} is a whole number of 1 and more, not "${text}"`);
}
