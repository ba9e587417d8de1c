import type { OptionSpec } from './command.ts';
import { oneOf } from './one-of.ts';

const consistencies = ['local', 'quorum'] as const;

export const consistencyOption = {
  type: 'string',
  value: 'WHOSE',
  choices: consistencies,
  summary: 'local, the default: what the node has; quorum: the newest that a majority knows',
} as const satisfies OptionSpec;

/** @throws UsageError for what is none of the choices */
export function consistencyOf(text: string | undefined): (typeof consistencies)[number] | undefined {
  return text === undefined ? undefined : oneOf('--consistency', consistencies, text);
}
