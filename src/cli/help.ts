import { globalOptions, type Command, type Commands, type OptionSpec, type OptionSpecs } from './command.ts';
import { exitCodes, exitMeanings } from './exit-codes.ts';
import { commandNames } from './invocation.ts';

/** Characters of a line of prose. */
const proseWidth = 90;

/** How a command is called: `kvs get PATH [options]`. */
export function usageOf({ name, words, options }: Command): string {
  const shown = words.map((word) => (word.isOptional === true ? `[${word.name}]` : word.name));
  return ['kvs', name, ...shown, ...(Object.keys(options).length > 0 ? ['[options]'] : [])].join(' ');
}

/** An option as it is written: `-o, --output FILE`. */
export function optionUsage(name: string, { short, value }: OptionSpec): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
}

/** What `kvs COMMAND --help` prints. */
export function helpOf(command: Command): string {
  return [
    `Usage: ${usageOf(command)}\n\n${command.summary}.`,
    ...(command.details === undefined ? [] : [wrapped(command.details)]),
    ...optionsBelow('Options', command.options),
    ...optionsBelow('Options of every command', command.name === 'start' ? {} : globalOptions),
    `Examples:\n${command.examples.map((example) => `  ${example}`).join('\n')}`,
    `Exit codes: ${Object.entries(exitCodes)
      .map(([name, code]) => `${code} ${spelt(name)}`)
      .join(', ')}`,
  ].join('\n\n');
}

/** What `kvs --help` prints. */
export function overview(commands: Commands): string {
  const rows = commandNames.map((name) => [usageOf(commands[name]), commands[name].summary] as const);
  const exits = Object.entries(exitMeanings).map(
    ([name, meaning]) => [String(exitCodes[name as keyof typeof exitCodes]), meaning] as const,
  );
  return [
    'Usage: kvs COMMAND ...\n       kvs [CONFIG]          starts a node, as kvs start does',
    `Commands:\n${columns(rows)}`,
    ...optionsBelow('Options of every command', globalOptions),
    `Exit codes:\n${columns(exits)}`,
    'kvs COMMAND --help tells more of a command, with examples.',
  ].join('\n\n');
}

function optionsBelow(title: string, options: OptionSpecs): readonly string[] {
  const rows = Object.entries(options).map(
    ([name, option]) => [optionUsage(name, option), option.summary] as const,
  );
  return rows.length === 0 ? [] : [`${title}:\n${columns(rows)}`];
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n');
}

/** Paragraphs on lines that fit. */
function wrapped(text: string): string {
  return text
    .split('\n\n')
    .map((paragraph) => {
      const lines = [''];
      for (const word of paragraph.split(/\s+/)) {
        const line = lines.at(-1) ?? '';
        if (line.length + word.length < proseWidth)
          lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
        else lines.push(word);
      }
      return lines.join('\n');
    })
    .join('\n\n');
}

/** `notFound` as `not found`. */
function spelt(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
