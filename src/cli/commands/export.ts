import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { listedTexts } from '../listed-texts.ts';

export const exportCommand = defineCommand({
  name: 'export',
  summary: 'Write all keys below a prefix, or all there are, as lines that kvs import reads',
  words: [{ name: 'PREFIX', isOptional: true, completes: 'prefix' }],
  options: {},
  details: `Each line is a JSON object: path, uuid, timestamp, content_type, bytes, expires_at where the value expires, and value
(JSON, with all digits of its numbers) or value_base64. A key that is there all the while comes exactly once, whatever is
written meanwhile; there is no snapshot.`,
  examples: ['kvs export > everything.ndjson', 'kvs export users/ | gzip > users.ndjson.gz'],
  async run({ requester, output, signal }, [prefix = '']) {
    const query = { recursive: 'true', values: 'true' };
    for await (const text of listedTexts(requester, prefix, { query, limit: undefined, signal })) {
      await output.jsonText(text);
    }
    return exitCodes.ok;
  },
});
