import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Cell } from '../output.ts';
import { age, instant } from '../times.ts';

export const membersCommand = defineCommand({
  name: 'members',
  summary: 'Show the members of the cluster, as one node sees them',
  words: [],
  options: {},
  examples: ['kvs members', 'kvs members --json | jq -r \'select(.state != "alive") | .id\''],
  async run({ client, output, isJson, signal }) {
    const members = await client.members({ signal });
    if (isJson) {
      for (const { id, address, state, lastSeen, joinedTimestamp } of members) {
        await output.json({ id, address, state, last_seen: lastSeen, joined_timestamp: joinedTimestamp });
      }
      return exitCodes.ok;
    }
    const rows = members.map(({ id, address, state, lastSeen, joinedTimestamp }): Cell[] => [
      id,
      address,
      [state === 'alive' ? 'green' : state === 'suspect' ? 'yellow' : 'red', state],
      `${age(lastSeen)} ago`,
      instant(joinedTimestamp),
    ]);
    await output.table(['ID', 'ADDRESS', 'STATE', 'LAST SEEN', 'JOINED'], rows);
    return exitCodes.ok;
  },
});
