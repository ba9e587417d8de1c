import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';

export const healthCommand = defineCommand({
  name: 'health',
  summary: 'Show how a node is; the exit code tells it to scripts',
  words: [],
  options: {},
  details: `0: it takes requests. 1: it starts, stops, or the cluster won't have it. 5: it doesn't answer.`,
  examples: ['kvs health', 'kvs health --json', 'until kvs health; do sleep 1; done'],
  async run({ client, output, isJson, signal }) {
    const health = await client.health({ signal });
    const { status, mode, memberCount, nodeId, tombstonesHeld, tombstonesHeldBy, refused } = health;
    const isWell = status === 'ok' && refused === undefined;
    if (isJson) {
      await output.json({
        status,
        mode,
        member_count: memberCount,
        node_id: nodeId,
        tombstones_held: tombstonesHeld,
        tombstones_held_by: tombstonesHeldBy,
        refused,
      });
    } else {
      const members = `${memberCount} ${memberCount === 1 ? 'member' : 'members'}`;
      await output.line([isWell ? 'green' : 'red', status], mode, members, nodeId);
      if (tombstonesHeld !== undefined) {
        await output.line(`${tombstonesHeld} deleted keys are kept for ${tombstonesHeldBy ?? 'a member'}`);
      }
      if (refused !== undefined) await output.line(['red', `refused: ${refused}`]);
    }
    return isWell ? exitCodes.ok : exitCodes.failed;
  },
});
