import { UsageError } from './failure.ts';

const units = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/**
 * A time as users write it: `30`, `0.5`, `90s`, `15m`, `12h` or `7d`; seconds.
 *
 * @throws UsageError for anything else
 */
export function secondsFrom(option: string, text: string): number {
  const [, digits, unit = 's'] = /^(\d{1,10}(?:\.\d{1,9})?)([smhd])?$/.exec(text) ?? [];
  const seconds = Number(digits) * units[unit as keyof typeof units];
  if (seconds > 0) return seconds;
  throw new UsageError(`${option} is a time above 0, such as 30, 0.5, 15m, 12h or 7d, not "${text}"`);
}

/** The longest that a timer can wait. */
const waitMsMax = 2_147_483_647;

/**
 * How long to wait, in whole ms, one at least.
 *
 * @throws UsageError for what is no time, or longer than a timer can wait
 */
export function waitMsFrom(option: string, text: string): number {
  const ms = Math.max(1, Math.round(secondsFrom(option, text) * 1_000));
  if (ms <= waitMsMax) return ms;
  throw new UsageError(`${option} is 24d at the most, not "${text}"`);
}
