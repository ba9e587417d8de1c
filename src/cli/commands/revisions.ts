import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Cell } from '../output.ts';
import { instant } from '../times.ts';

export const revisionsCommand = defineCommand({
  name: 'revisions',
  summary: 'List the versions that the node keeps of a key, the newest first',
  words: [{ name: 'PATH', completes: 'path' }],
  options: {},
  details: `How many are kept is set by the node's key revisions_kept. kvs get PATH --revision UUID prints one of them, and
kvs restore PATH UUID makes it the current one again.`,
  examples: ['kvs revisions users/ann', 'kvs revisions users/ann --json | jq -r .uuid'],
  async run({ client, output, isJson, signal }, [path = '']) {
    const revisions = await client.revisions(path, { signal });
    if (isJson) {
      for (const { uuid, timestamp, contentType, expiresAt, ...others } of revisions) {
        await output.json({ uuid, timestamp, content_type: contentType, ...others, expires_at: expiresAt });
      }
      return exitCodes.ok;
    }
    const rows = revisions.map((revision): Cell[] => [
      revision.current ? ['green', revision.uuid] : revision.uuid,
      instant(revision.timestamp),
      revision.origin,
      revision.deleted ? '' : String(revision.bytes),
      revision.deleted ? ['red', 'deleted'] : revision.contentType,
    ]);
    await output.table(['UUID', 'WRITTEN', 'ORIGIN', 'BYTES', 'TYPE'], rows);
    return exitCodes.ok;
  },
});
