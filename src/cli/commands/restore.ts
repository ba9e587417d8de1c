import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { headerText } from '../header-text.ts';

export const restoreCommand = defineCommand({
  name: 'restore',
  summary: 'Write an earlier version of a key anew, and print the uuid of the new one',
  words: [
    { name: 'PATH', completes: 'path' },
    { name: 'UUID', completes: 'none' },
  ],
  options: {
    'if-match': { type: 'string', value: 'UUID', summary: 'Only where this is the version now' },
  },
  examples: ['kvs restore users/ann 3a365a57-d4ab-4cc3-8456-ed3e6221228a'],
  async run({ client, output, isJson, signal }, [path = '', revision = ''], options) {
    const ifMatch = headerText('--if-match', options['if-match']);
    const written = await client.restore(path, revision, { ifMatch, signal });
    const { uuid, timestamp, created, expiresAt } = written;
    if (isJson) await output.json({ uuid, timestamp, created, expires_at: expiresAt });
    else await output.line(uuid);
    return exitCodes.ok;
  },
});
