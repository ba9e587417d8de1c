import { format } from 'prettier';
import { configFields, configKeys, environmentName, type Field } from '../src/config.ts';
import type * as z from 'zod';

/** The text of `docs/configuration.md`, made from the table of keys. */
export async function configurationGuide(): Promise<string> {
  const rows = configKeys.map((key) => {
    const field: Field<z.ZodType> = configFields[key];
    const standard: unknown = field.default;
    const shown = typeof standard === 'function' ? 'the host name' : `\`${JSON.stringify(standard)}\``;
    const cells = [`\`${key}\``, shown, `${capitalized(field.expected)}. ${field.meaning}`, field.cost];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  const page = `# Configuration

A node reads one YAML file: the one named on the command line, or \`config.yaml\` in the working directory. When that one
does not exist it is written, with every key, its default and a comment. A file that is named but does not exist stops the
start. Keys that are left out have their defaults; an empty file is a valid one.

Environment variables override the file: \`KVS_\` and the key in capitals, such as \`${environmentName('port')}\` for
\`port\`. Lists are separated by commas: \`${environmentName('seed_nodes')}=10.0.0.1:8080,10.0.0.2:8080\`. A variable that
begins with \`KVS_\` and belongs to no key is reported and otherwise ignored, but for \`KVS_URL\`, which is for
[commands](cli.md). Kubernetes makes such variables for a service
named \`kvs\`, \`KVS_PORT\` among them: name the service otherwise, or set \`enableServiceLinks: false\`.

## Errors

A key that does not exist, a value of the wrong type or out of bounds, two values that contradict each other, a key that
is given twice: each stops the start with exit code 2 and one line on standard error. Of several errors it is the first one in the file:

\`\`\`
kvs: config.yaml:3: port: expected a whole number from 0 to 65535, got "http"
kvs: KVS_PORT: expected a whole number from 0 to 65535, got "http"
\`\`\`

## Keys

Seconds and hours may be fractions, so that a test can let seconds stand for months. All other numbers are whole.

| key | default | meaning | what a greater or another value costs |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
  return format(page, { parser: 'markdown', printWidth: 110 });
}

function capitalized(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
