import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';

export const forgetCommand = defineCommand({
  name: 'forget',
  summary: 'Forget a member that is gone for good',
  words: [{ name: 'ID', completes: 'member' }],
  options: {},
  details: `Until then the marks of deleted keys that it has not seen are kept, so that it can't bring them
back. A member that is alive is not forgotten.`,
  examples: ['kvs forget node3'],
  async run({ client, output, isJson, signal }, [id = '']) {
    await client.forget(id, { signal });
    if (isJson) await output.json({ forgotten: id });
    return exitCodes.ok;
  },
});
