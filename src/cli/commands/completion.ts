import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { oneOf } from '../one-of.ts';
import { bashCompletion } from '../shells/bash.ts';
import { fishCompletion } from '../shells/fish.ts';
import { zshCompletion } from '../shells/zsh.ts';

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;
const shellNames = ['bash', 'zsh', 'fish'] as const;

export const completionCommand = defineCommand({
  name: 'completion',
  summary: 'Print what makes a shell complete commands, options and keys',
  words: [{ name: shellNames.join('|'), completes: shellNames }],
  options: {},
  examples: [
    'source <(kvs completion bash)                                  # in ~/.bashrc',
    'kvs completion zsh > "${fpath[1]}/_kvs"',
    'kvs completion fish > ~/.config/fish/completions/kvs.fish',
  ],
  async run({ output, commands }, [name = '']) {
    const shell = oneOf('SHELL', shellNames, name);
    await output.write(shells[shell](commands));
    return exitCodes.ok;
  },
});
