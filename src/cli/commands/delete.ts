import { createInterface } from 'node:readline/promises';
import { defineCommand, type Context } from '../command.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { noSuchKey, UsageError } from '../failure.ts';
import { headerText } from '../header-text.ts';

export const deleteCommand = defineCommand({
  name: 'delete',
  summary: 'Delete a key, or all keys below a prefix',
  words: [{ name: 'PATH', completes: 'path' }],
  options: {
    recursive: {
      type: 'boolean',
      short: 'r',
      summary: 'Delete all keys below PATH, at any depth, but not PATH',
    },
    yes: { type: 'boolean', short: 'y', summary: 'Do not ask' },
    'if-match': { type: 'string', value: 'UUID', summary: 'Only where this is the version of the key' },
  },
  details: `On a terminal, --recursive asks before it deletes. Where there is no terminal to ask at, it does as it is told;
only all keys (PATH is "" or "/") are never deleted without --yes. A node has five minutes for it, or --timeout where
that is longer.`,
  examples: ['kvs delete users/ann', 'kvs delete carts/ --recursive', 'kvs delete carts/ --recursive --yes'],
  async run(context, [path = ''], options) {
    if (options.recursive !== true)
      return deleteKey(context, path, headerText('--if-match', options['if-match']));
    if (options['if-match'] !== undefined) {
      throw new UsageError('--if-match is about one key and does not go with --recursive');
    }
    return deleteBelow(context, path.replace(/\/$/, ''), options.yes === true);
  },
});

async function deleteKey(
  { client, output, isJson, signal }: Context,
  path: string,
  ifMatch: string | undefined,
) {
  const wasThere = await client.delete(path, { ifMatch, signal });
  if (!wasThere) throw noSuchKey(path);
  if (isJson) await output.json({ deleted: 1 });
  return exitCodes.ok;
}

async function deleteBelow(context: Context, prefix: string, isSure: boolean): Promise<ExitCode> {
  const { client, output, isJson, signal } = context;
  if (!isSure && !(await isConfirmed(context, prefix))) {
    output.note('Nothing was deleted');
    return exitCodes.failed;
  }
  const deleted = await client.deleteAll(prefix, { signal });
  if (isJson) await output.json({ deleted });
  else await output.line(`${deleted} deleted`);
  return exitCodes.ok;
}

async function isConfirmed({ client, signal }: Context, prefix: string): Promise<boolean> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY) {
    if (prefix !== '') return true;
    throw new UsageError('All keys are deleted with --yes only');
  }
  const count = await client.count(prefix, { signal });
  const where = prefix === '' ? 'all' : `below ${prefix}/`;
  return /^y(?:es)?$/i.test((await answerTo(`Delete ${count} keys, ${where}? [y/N] `, signal)).trim());
}

/** What is typed; nothing at the end of the input. */
async function answerTo(question: string, signal: AbortSignal): Promise<string> {
  const asked = createInterface({ input: process.stdin, output: process.stderr });
  // A terminal that is read letter by letter gives Ctrl-C as one of them.
  asked.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return await asked.question(question, { signal });
  } catch {
    signal.throwIfAborted();
    return '';
  } finally {
    asked.close();
  }
}
