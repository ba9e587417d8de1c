import type { WatchEvent } from '../../client/types.ts';
import { defineCommand } from '../command.ts';
import { eventFields } from '../entry-text.ts';
import { exitCodes } from '../exit-codes.ts';
import { headerText } from '../header-text.ts';
import type { Cell } from '../output.ts';

export const watchCommand = defineCommand({
  name: 'watch',
  summary: 'Tell what happens to a key, or below a prefix, as it happens',
  words: [{ name: 'PATH|PREFIX/', isOptional: true, completes: 'path' }],
  options: {
    after: { type: 'string', value: 'ID', summary: 'Begin with what happened after this event' },
  },
  details: `A path with a slash at its end is a prefix; none at all means every key. It goes on after a break, with nothing
missed or a "reset": then list anew what you follow. SIGINT ends it, with exit code 130. With --json each event has an id,
for --after.`,
  examples: [
    'kvs watch users/ann',
    'kvs watch users/',
    `kvs watch --json | jq -r 'select(.event == "put") | .path'`,
  ],
  async run({ client, output, isJson, signal }, [path = ''], options) {
    const events = client.watch(path, { after: headerText('--after', options.after), signal });
    for await (const event of events) {
      if (isJson) await output.json(eventFields(event));
      else await output.line(...cellsOf(event));
    }
    return exitCodes.ok;
  },
});

function cellsOf(event: WatchEvent): readonly Cell[] {
  switch (event.event) {
    case 'put': {
      const { path, contentType, value, data } = event;
      const shown: Cell =
        data === undefined ? JSON.stringify(value) : ['dim', `(${contentType}, ${data.length} bytes)`];
      return [['green', 'put'], path, shown];
    }
    case 'delete':
      return [['red', 'delete'], event.path];
    case 'expire':
      return [['yellow', 'expire'], event.path];
    case 'reset':
      return [['magenta', 'reset'], event.reason];
  }
}
