import { writeFile } from 'node:fs/promises';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { noSuchKey, noSuchRevision } from '../failure.ts';
import { entryText } from '../entry-text.ts';
import { consistencyOption, consistencyOf } from '../consistency.ts';

export const getCommand = defineCommand({
  name: 'get',
  summary: 'Print a value, byte by byte as it was put',
  words: [{ name: 'PATH', completes: 'path' }],
  options: {
    output: { type: 'string', short: 'o', value: 'FILE', summary: 'Write the value into a file' },
    revision: { type: 'string', value: 'UUID', summary: 'An earlier version; kvs revisions lists them' },
    consistency: consistencyOption,
  },
  details: `With --json, the value stands in "value" (JSON) or "value_base64" (anything else), beside what is
known of its version.`,
  examples: [
    'kvs get users/ann',
    'kvs get shop/logo -o logo.png',
    'kvs get users/ann --json | jq .uuid',
    'kvs get users/ann --consistency quorum',
  ],
  async run({ client, output, isJson, signal }, [path = ''], options) {
    const { revision } = options;
    const entry = await client.getBytes(path, {
      revision,
      consistency: consistencyOf(options.consistency),
      signal,
    });
    if (entry === undefined) throw revision === undefined ? noSuchKey(path) : noSuchRevision(path, revision);
    const line = isJson ? `${entryText(entry)}\n` : undefined;
    if (options.output !== undefined) await writeFile(options.output, line ?? entry.value);
    else if (line !== undefined) await output.write(line);
    else await output.value(entry.value);
    return exitCodes.ok;
  },
});
