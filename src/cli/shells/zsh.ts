import { globalOptions, type Command, type Commands, type OptionSpec, type WordSpec } from '../command.ts';
import { commandNames } from '../invocation.ts';

/** What zsh completes, with a line about each command and option. */
export function zshCompletion(commands: Commands): string {
  const all = commandNames.map((name) => commands[name]);
  return `#compdef kvs
# Completion of kvs in zsh. In a folder of $fpath: kvs completion zsh > _kvs

_kvs() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  local -a every=(
${optionSpecs(globalOptions)}
  )
  _arguments -C $every '1:command:->command' '*::argument:->argument'
  case $state in
    command)
      local -a commands=(
${all.map(({ name, summary }) => `        ${quoted(`${name}:${summary}`)}`).join('\n')}
      )
      _describe command commands
      _files
      ;;
    argument)
      case $words[1] in
${all.map(argumentsOf).join('\n')}
      esac
      ;;
  esac
}

_kvs_paths() {
  local dir=''
  [[ $PREFIX == */* ]] && dir=\${PREFIX%/*}/
  local -a found=(\${(f)"$(_kvs_ask list --limit 500 -- $dir)"})
  compadd -S '' -- \${(M)found:#*/}
  compadd -- \${found:#*/}
}

_kvs_ids() {
  local -a rows=(\${(f)"$(_kvs_ask $1)"})
  compadd -- \${\${rows[2,-1]}%% *}
}

_kvs_ask() {
  local -a nodes=()
  [[ -n \${opt_args[--url]} ]] && nodes=(--url \${opt_args[--url]//\\\\:/:})
  command kvs $nodes --timeout 1 "$@" 2> /dev/null < /dev/null
}

if [[ $funcstack[1] == _kvs ]]; then _kvs "$@"; else compdef _kvs kvs; fi
`;
}

function argumentsOf({ name, words, options }: Command): string {
  const lines = [
    `        ${name})`,
    '          _arguments $every \\',
    ...optionSpecs(options)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => `        ${line.trimEnd()} \\`),
    ...words.map(
      (word, at) => `            ${quoted(`${at + 1}:${escaped(word.name)}:${actionFor(word)}`)} \\`,
    ),
    "            '*: :'",
    '          ;;',
  ];
  return lines.join('\n');
}

function optionSpecs(options: Readonly<Record<string, OptionSpec>>): string {
  return Object.entries(options)
    .map(([name, { short, multiple, value, choices, summary }]) => {
      const action =
        value === undefined
          ? ''
          : `:${value}:${choices === undefined ? fileOrNothing(value) : `(${choices.join(' ')})`}`;
      const text = `[${escaped(summary)}]${action}`;
      if (multiple === true) return `    ${quoted(`*--${name}${text}`)}`;
      if (short === undefined) return `    ${quoted(`--${name}${text}`)}`;
      return `    '(-${short} --${name})'{-${short},--${name}}${quoted(text)}`;
    })
    .join('\n');
}

function fileOrNothing(value: string): string {
  return value === 'FILE' ? '_files' : ' ';
}

function actionFor({ completes }: WordSpec): string {
  switch (completes) {
    case 'path':
    case 'prefix':
      return '_kvs_paths';
    case 'file':
      return '_files';
    case 'actor':
      // After a space, nothing of its own is put between by _arguments.
      return ' _kvs_ids debug';
    case 'member':
      return ' _kvs_ids members';
    case 'none':
      return ' ';
    default:
      return `(${completes.join(' ')})`;
  }
}

/** In the specifications of _arguments, colons and brackets mean something. */
function escaped(text: string): string {
  return text.replaceAll(/[\\:[\]]/g, String.raw`\$&`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
