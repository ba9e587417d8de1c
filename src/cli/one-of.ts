import { UsageError } from './failure.ts';

/** @throws UsageError for what is none of the choices */
export function oneOf<T extends string>(name: string, choices: readonly T[], text: string): T {
  const choice = choices.find((known) => known === text);
  if (choice !== undefined) return choice;
  throw new UsageError(`${name} is ${choices.join(' or ')}, not "${text}"`);
}
