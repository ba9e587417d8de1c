import { globalOptions, type Command, type Commands, type OptionSpec, type WordSpec } from '../command.ts';
import { commandNames } from '../invocation.ts';

/**
 * What bash completes, from version 3.2 on. Names of keys come from the node and may hold anything that a shell
 * understands: they are compared and quoted, and never expanded.
 */
export function bashCompletion(commands: Commands): string {
  const all = commandNames.map((name) => commands[name]);
  const options = [globalOptions, ...all.map((command) => command.options)].flatMap((specs) =>
    Object.entries<OptionSpec>(specs),
  );
  const withValue = options.filter(([, { type }]) => type === 'string');
  return `# Completion of kvs in bash. In ~/.bashrc: source <(kvs completion bash)
_kvs() {
  local cur prev words cword
  if declare -F _get_comp_words_by_ref > /dev/null; then
    _get_comp_words_by_ref -n =: cur prev words cword
  else
    cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} cword=$COMP_CWORD
    words=("\${COMP_WORDS[@]}")
  fi
  COMPREPLY=()
  local command='' place=0 at
  local -a nodes=()
  for ((at = 1; at < cword; at++)); do
    case \${words[at]} in
      --url) nodes+=(--url "\${words[++at]}") ;;
      ${pattern(withValue.filter(([name]) => name !== 'url'))}) ((++at)) ;;
      -?*) ;;
      *) if [[ -z $command ]]; then command=\${words[at]}; else ((++place)); fi ;;
    esac
  done
  case $prev in
${withValue
  .filter(([, { choices }]) => choices !== undefined)
  .map((option) => `    ${pattern([option])}) _kvs_words '${option[1].choices?.join(' ') ?? ''}'; return ;;`)
  .join('\n')}
    ${pattern(withValue.filter(([, { value }]) => value === 'FILE'))}) _kvs_files; return ;;
    ${pattern(withValue.filter(([, { choices, value }]) => choices === undefined && value !== 'FILE'))}) return ;;
  esac
  if [[ $cur == -* ]]; then
    case $command in
${all.map((command) => `      ${command.name}) _kvs_words '${optionWords(command)}' ;;`).join('\n')}
      *) _kvs_words '${spellings(Object.entries<OptionSpec>(globalOptions)).join(' ')}' ;;
    esac
    return
  fi
  case $command:$place in
    :*) _kvs_words '${commandNames.join(' ')}'; [[ -n \${COMPREPLY-} ]] || _kvs_files ;;
${all.flatMap(placesOf).join('\n')}
  esac
  declare -F __ltrim_colon_completions > /dev/null && __ltrim_colon_completions "$cur"
}

_kvs_words() {
  local word
  for word in $1; do
    [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
  done
}

_kvs_files() {
  local file
  compopt -o filenames 2> /dev/null
  while IFS= read -r file; do COMPREPLY+=("$file"); done < <(compgen -f -- "$cur")
}

_kvs_paths() {
  local dir='' path
  [[ $cur == */* ]] && dir=\${cur%/*}/
  while IFS= read -r path; do
    [[ $path == "$cur"* ]] && COMPREPLY+=("$(printf %q "$path")")
  done < <(_kvs_ask list --limit 500 -- "$dir")
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]] && compopt -o nospace 2> /dev/null
}

_kvs_ids() {
  local id
  while read -r id _; do
    [[ $id == "$cur"* ]] && COMPREPLY+=("$(printf %q "$id")")
  done < <(_kvs_ask "$1" | tail -n +2)
}

_kvs_ask() {
  command "\${words[0]}" \${nodes[@]+"\${nodes[@]}"} --timeout 1 "$@" 2> /dev/null < /dev/null
}

complete -F _kvs kvs
`;
}

function optionWords({ options }: Command): string {
  return spellings(Object.entries<OptionSpec>({ ...options, ...globalOptions })).join(' ');
}

function pattern(options: readonly (readonly [string, OptionSpec])[]): string {
  return [...new Set(spellings(options))].join(' | ');
}

function spellings(options: readonly (readonly [string, OptionSpec])[]): string[] {
  return options.flatMap(([name, { short }]) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]);
}

function placesOf({ name, words }: Command): string[] {
  return words.flatMap(({ completes }, place) => {
    const action = actionFor(completes);
    return action === undefined ? [] : [`    ${name}:${place}) ${action} ;;`];
  });
}

function actionFor(completes: WordSpec['completes']): string | undefined {
  switch (completes) {
    case 'path':
    case 'prefix':
      return '_kvs_paths';
    case 'file':
      return '_kvs_files';
    case 'actor':
      return '_kvs_ids debug';
    case 'member':
      return '_kvs_ids members';
    case 'none':
      return undefined;
    default:
      return `_kvs_words '${completes.join(' ')}'`;
  }
}
