import { open } from 'node:fs/promises';
import { limits } from '../../core/limits.ts';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandError, UsageError } from '../failure.ts';
import { headerText } from '../header-text.ts';
import { secondsFrom } from '../seconds.ts';

export const putCommand = defineCommand({
  name: 'put',
  summary: 'Write a value, and print the uuid of its version',
  words: [
    { name: 'PATH', completes: 'path' },
    { name: 'VALUE|-', isOptional: true, completes: 'none' },
  ],
  options: {
    file: { type: 'string', value: 'FILE', summary: 'The value is what a file holds' },
    type: { type: 'string', value: 'TYPE', summary: 'Its content type. Default: application/json' },
    ttl: { type: 'string', value: 'TIME', summary: 'How long it lives: seconds, or 15m, 12h, 7d' },
    'if-match': { type: 'string', value: 'UUID', summary: 'Only where this is the version; * for any' },
    'if-none-match': {
      type: 'string',
      value: 'UUID',
      summary: 'Only where this is not the version; * where there is no key',
    },
  },
  details: `The value is JSON unless --type says otherwise, and its bytes are kept as they come. With -, or without a value
where standard input is no terminal, it is what comes there. A value that begins with a minus sign comes after --.`,
  examples: [
    `kvs put users/ann '{"name":"Ann"}'`,
    'kvs put notes/1 Hello --type text/plain',
    'kvs put shop/logo --file logo.png --type image/png',
    'date | kvs put clock - --type text/plain --ttl 1m',
    `kvs put locks/door '"me"' --if-none-match '*'`,
    'kvs put temperature -- -5',
  ],
  async run({ client, output, isJson, signal }, [path = '', value], options) {
    const written = await client.putBytes(path, await bytesFrom(value, options.file), {
      contentType: headerText('--type', options.type) ?? 'application/json',
      ttlSeconds: options.ttl === undefined ? undefined : secondsFrom('--ttl', options.ttl),
      ifMatch: headerText('--if-match', options['if-match']),
      ifNoneMatch: headerText('--if-none-match', options['if-none-match']),
      signal,
    });
    const { uuid, timestamp, created, expiresAt } = written;
    if (isJson) await output.json({ uuid, timestamp, created, expires_at: expiresAt });
    else await output.line(uuid);
    return exitCodes.ok;
  },
});

async function bytesFrom(value: string | undefined, file: string | undefined): Promise<Uint8Array> {
  if (file !== undefined) {
    if (value !== undefined) throw new UsageError('A value and --file do not go together');
    const handle = await open(file);
    return readAll(handle.createReadStream());
  }
  if (value !== undefined && value !== '-') return Buffer.from(value);
  if (value === undefined && process.stdin.isTTY) {
    throw new UsageError('VALUE is missing', { hint: 'kvs put --help tells more' });
  }
  return readAll(process.stdin);
}

/** @throws CommandError KVS_VALUE_TOO_LARGE for more than any node takes: what has no end would be read for ever */
async function readAll(stream: AsyncIterable<Buffer>): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > limits.valueBytesCeiling) {
      const most = `${limits.valueBytesCeiling} bytes`;
      throw new CommandError('KVS_VALUE_TOO_LARGE', `No node takes a value of more than ${most}`);
    }
  }
  return Buffer.concat(chunks);
}
