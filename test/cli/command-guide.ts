import { format } from 'prettier';
import { globalOptions, type Command, type OptionSpec, type OptionSpecs } from '../../src/cli/command.ts';
import { commands } from '../../src/cli/commands.ts';
import { exitCodes, exitMeanings } from '../../src/cli/exit-codes.ts';
import { optionUsage, usageOf } from '../../src/cli/help.ts';
import { commandNames } from '../../src/cli/invocation.ts';

/** The text of `docs/cli.md`, made from the table of commands. */
export async function commandGuide(): Promise<string> {
  const all = commandNames.map((name) => commands[name]);
  const page = `# The command line

\`kvs\` starts nodes, and asks and operates those that run. It is \`dist/main.js\` after \`npm run build\`; \`npm link\` puts it
on your path. With one argument that is no command, or with none, it starts a node: \`kvs node1.yaml\` is
\`kvs start node1.yaml\`.

| command | what it does |
| --- | --- |
${all.map((command) => row(`[\`${usageOf(command)}\`](#kvs-${command.name})`, command.summary)).join('\n')}

## Which node

\`--url\` names it, or the environment variable \`KVS_URL\`; otherwise it is \`http://127.0.0.1:8080\`. \`host:port\` is enough.
Several URLs (\`--url\` again, or commas in \`KVS_URL\`) are asked in their order where one does not answer. A write with a
condition goes to the first one and to no other: conditions are decided by one node.

${optionTable(globalOptions)}

They may stand before the command too.

## What it writes

What was asked for goes to standard output, everything about it to standard error: \`kvs get\` writes the bytes of a value
and nothing else. \`--json\` makes the output JSON, one text on each line, with the names of
[the REST interface](http-api.md). Colours are for terminals only, and not where \`NO_COLOR\` is set. A reader that goes away
ends a command quietly.

A failure is one line on standard error, with a [code of the interface](http-api.md#codes) or one of these:

| code | when |
| --- | --- |
| \`KVS_USAGE\` | the command line is wrong |
| \`KVS_UNREACHABLE\` | no node answered, or the connection broke |
| \`KVS_TIMEOUT\` | nothing came in time |
| \`KVS_BAD_ANSWER\` | what answered is no node |
| \`KVS_BAD_LINE\` | a line of an import says nothing that could be put |
| \`KVS_FILE\` | a file can't be read or written |

\`\`\`
kvs: KVS_KEY_NOT_FOUND: There is no key "users/ann"
kvs: KVS_UNREACHABLE: http://127.0.0.1:8080: connect ECONNREFUSED 127.0.0.1:8080 (--url or KVS_URL names another node)
{"code":"KVS_KEY_NOT_FOUND","detail":"There is no key \\"users/ann\\"","exit_code":3}
\`\`\`

The last one is with \`--json\`.

## Exit codes

| code | meaning |
| --- | --- |
${Object.entries(exitMeanings)
  .map(([name, meaning]) => row(String(exitCodes[name as keyof typeof exitCodes]), meaning))
  .join('\n')}

## Commands

${all.map(sectionOf).join('\n\n')}
`;
  return format(page, { parser: 'markdown', printWidth: 110 });
}

function sectionOf(command: Command): string {
  const { name, summary, details, options, examples } = command;
  return [
    `### kvs ${name}\n\n\`${usageOf(command)}\`\n\n${summary}.`,
    ...(details === undefined ? [] : [details]),
    ...(Object.keys(options).length === 0 ? [] : [optionTable(options)]),
    `\`\`\`sh\n${examples.join('\n')}\n\`\`\``,
  ].join('\n\n');
}

function optionTable(options: OptionSpecs): string {
  const rows = Object.entries<OptionSpec>(options).map(([name, option]) =>
    row(`\`${optionUsage(name, option)}\``, option.summary),
  );
  return `| option | meaning |\n| --- | --- |\n${rows.join('\n')}`;
}

function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}
