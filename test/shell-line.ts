import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a line of a shell prints that asks the node on port 8080 of this machine, when it asks the node at `url` instead. */
export async function printedBy(line: string, url: string): Promise<string> {
  const here = line.replaceAll('localhost:8080', url.slice('http://'.length));
  if (isWatch(line)) return begin(here);
  return (await run('bash', ['-c', here])).stdout;
}

/** Whether a line prints what happens, for ever. */
export function isWatch(line: string): boolean {
  return line.startsWith('curl -N');
}

/** A watch has no end: it is listened to until it has begun. */
async function begin(command: string): Promise<string> {
  const shell = spawn('bash', ['-c', `exec ${command}`], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [text] = (await once(shell.stdout, 'data')) as [Buffer];
  shell.kill();
  await once(shell, 'exit');
  return text.toString();
}
