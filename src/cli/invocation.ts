/** In the order in which `kvs --help` shows them. */
export const commandNames = [
  'start',
  'get',
  'put',
  'delete',
  'list',
  'watch',
  'import',
  'export',
  'revisions',
  'restore',
  'members',
  'forget',
  'health',
  'debug',
  'completion',
] as const;

export type CommandName = (typeof commandNames)[number];

/** Options of all commands that take a value, and so may stand with one before the name of a command. */
const optionsWithValue = new Set(['--url', '--timeout']);
const askingOptions = new Set(['-h', '--help', '-v', '--version']);

export function isCommandName(word: string): word is CommandName {
  return (commandNames as readonly string[]).includes(word);
}

/** Where the first argument stands that is neither an option nor the value of one; -1 where there is none. */
export function firstWordIn(args: readonly string[]): number {
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? '';
    if (optionsWithValue.has(arg)) at++;
    else if (!arg.startsWith('-') || arg === '-') return at;
  }
  return -1;
}

/**
 * True when the arguments start a node: `kvs`, `kvs CONFIG` or `kvs start [CONFIG]`. A file whose name is that of a
 * command is written `./get`. It is asked at each start, and so knows nothing of what the commands do.
 */
export function startsNode(args: readonly string[]): boolean {
  if (args.some((arg) => askingOptions.has(arg))) return false;
  const word = args[firstWordIn(args)];
  return word === undefined || word === 'start' || !isCommandName(word);
}
