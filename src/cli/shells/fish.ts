import { globalOptions, type Command, type Commands, type OptionSpec, type WordSpec } from '../command.ts';
import { commandNames } from '../invocation.ts';

/** What fish completes, with a line about each command and option. */
export function fishCompletion(commands: Commands): string {
  const all = commandNames.map((name) => commands[name]);
  return `# Completion of kvs in fish: kvs completion fish > ~/.config/fish/completions/kvs.fish
function __kvs_paths
    set -l dir (string replace -r '[^/]*$' '' -- (commandline -ct))
    command kvs --timeout 1 list --limit 500 -- "$dir" 2> /dev/null
end

function __kvs_ids
    command kvs --timeout 1 $argv[1] 2> /dev/null | tail -n +2 | string replace -r ' .*' ''
end

complete -c kvs -f
complete -c kvs -n __fish_use_subcommand -k -a '(__fish_complete_suffix .yaml)'
${optionLines('', globalOptions)}
${all.map(linesOf).join('\n')}
`;
}

function linesOf(command: Command): string {
  const { name, words, options, summary } = command;
  const seen = `-n '__fish_seen_subcommand_from ${name}'`;
  return [
    `complete -c kvs -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ...[optionLines(` ${seen}`, options)].filter((lines) => lines !== ''),
    ...words.slice(0, 1).flatMap((word) => {
      const action = actionFor(word);
      return action === undefined ? [] : [`complete -c kvs ${seen} ${action}`];
    }),
  ].join('\n');
}

function optionLines(condition: string, options: Readonly<Record<string, OptionSpec>>): string {
  return Object.entries(options)
    .map(([name, { short, value, choices, summary }]) => {
      const argument =
        choices !== undefined
          ? ` -x -a ${quoted(choices.join(' '))}`
          : value === undefined
            ? ''
            : value === 'FILE'
              ? ' -r -F'
              : ' -x';
      const letter = short === undefined ? '' : ` -s ${short}`;
      return `complete -c kvs${condition}${letter} -l ${name}${argument} -d ${quoted(summary)}`;
    })
    .join('\n');
}

function actionFor({ completes }: WordSpec): string | undefined {
  switch (completes) {
    case 'path':
    case 'prefix':
      return "-a '(__kvs_paths)'";
    case 'file':
      return '-F';
    case 'actor':
      return "-a '(__kvs_ids debug)'";
    case 'member':
      return "-a '(__kvs_ids members)'";
    case 'none':
      return undefined;
    default:
      return `-a ${quoted(completes.join(' '))}`;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
}
