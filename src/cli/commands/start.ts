import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';

export const startCommand = defineCommand({
  name: 'start',
  summary: 'Start a node',
  words: [{ name: 'CONFIG', isOptional: true, completes: 'file' }],
  options: {},
  details: `Without a file it uses config.yaml in the working directory, which is written with commented
defaults when it does not exist. Environment variables override the file: KVS_PORT stands for
port, and so on. kvs CONFIG does the same, unless CONFIG is the name of a command.

SIGTERM and SIGINT stop the node in order; a second one ends it at once.

Batches of thousands take a twentieth less time where Node.js has more room for young objects, which costs
up to 48 MiB. npm start sets that; elsewhere NODE_OPTIONS=--max-semi-space-size=32 does.`,
  examples: ['kvs start', 'kvs start configs/node1.yaml', 'KVS_PORT=8090 kvs start'],
  // main.ts starts nodes: no command knows how one is made.
  run: () => Promise.resolve(exitCodes.ok),
});
