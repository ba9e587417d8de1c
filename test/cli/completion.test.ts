import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { commandNames } from '../../src/cli/invocation.ts';
import { runNode } from '../running-node.ts';
import { main, seed } from './kvs-process.ts';

let folder = '';
/** With `kvs` on the path. */
let env: Record<string, string> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvs-completion-'));
  await chmod(main, 0o755);
  await symlink(main, join(folder, 'kvs'));
  env = { PATH: `${folder}${delimiter}${process.env['PATH'] ?? ''}`, HOME: folder };
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = spawnSync('kvs', ['completion', shell], { env });
    await writeFile(join(folder, `completion.${shell}`), stdout);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What bash offers for the last of these words. */
async function offered(words: readonly string[], url = 'http://127.0.0.1:1'): Promise<string[]> {
  const script = `
    source "$0"
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"; COMP_POINT=\${#COMP_LINE}
    _kvs
    for one in "\${COMPREPLY[@]}"; do printf '%s\\n' "$one"; done`;
  const args = ['--norc', '-c', script, join(folder, 'completion.bash'), ...words];
  const bash = spawn('bash', args, {
    env: { ...env, KVS_URL: url },
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  bash.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(bash, 'close');
  return text.split('\n').filter((line) => line !== '');
}

/** A shell that isn't installed can't say what it makes of its script. */
const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0;

describe('The completion of', () => {
  it.each(['bash', 'zsh', 'fish'])('%s is a script that the shell takes', (shell) => {
    if (!has(shell)) return;
    const { status, stderr } = spawnSync(shell, ['-n', join(folder, `completion.${shell}`)]);
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
  });
});

describe('In bash', () => {
  it('commands are completed, options of a command, and what an option may be', async () => {
    expect(await offered(['kvs', ''])).toEqual([...commandNames]);
    expect(await offered(['kvs', 're'])).toEqual(['revisions', 'restore']);
    expect(await offered(['kvs', '--url', 'http://a', 'hea'])).toEqual(['health']);
    expect(await offered(['kvs', 'list', '--re'])).toEqual(['--recursive', '--reverse']);
    expect(await offered(['kvs', 'get', 'a', '--consistency', ''])).toEqual(['local', 'quorum']);
    expect(await offered(['kvs', 'completion', ''])).toEqual(['bash', 'zsh', 'fish']);
    expect(await offered(['kvs', 'import', 'completion.f'])).toEqual(['completion.fish']);
    expect(await offered(['kvs', 'get', '--output', 'completion.z'])).toEqual(['completion.zsh']);
    expect(await offered(['kvs', 'put', 'a', '--ttl', ''])).toEqual([]);
  });

  it('paths, members and actors are completed from the node, and whatever they are called, never carried out', async () => {
    const { url } = await runNode();
    const evil = '$(touch owned)';
    await seed(url, [
      '{"op":"put","path":"users/ann","value":1}',
      '{"op":"put","path":"users/bob","value":1}',
      JSON.stringify({ op: 'put', path: `users/${evil}`, value: 1 }),
    ]);
    expect(await offered(['kvs', 'get', 'us'], url)).toEqual(['users/']);
    expect(await offered(['kvs', '--url', url, 'put', 'users/a'])).toEqual(['users/ann']);
    expect(await offered(['kvs', 'list', 'users/'], url)).toEqual([
      String.raw`users/\$\(touch\ owned\)`,
      'users/ann',
      'users/bob',
    ]);
    expect(await offered(['kvs', 'forget', 'n'], url)).toEqual(['node1']);
    expect(await offered(['kvs', 'debug', 'mode'], url)).toEqual(['mode-controller']);
    expect(await offered(['kvs', 'get', 'us'])).toEqual([]);
    expect(spawnSync('ls', { cwd: folder }).stdout.toString()).not.toContain('owned');
  });

  it.runIf(process.platform === 'linux')('a tab completes a command at a prompt', async () => {
    const { url } = await runNode();
    const args = ['-qfec', 'bash --norc --noprofile -i', '/dev/null'];
    const terminal = spawn('script', args, {
      env: { ...env, KVS_URL: url, TERM: 'xterm', PS1: '> ' },
      cwd: folder,
    });
    onTestFinished(() => void terminal.kill('SIGKILL'));
    let text = '';
    terminal.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const shown = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(text)) await once(terminal.stdout, 'data');
    };
    terminal.stdin.write('source <(kvs completion bash); echo re""ady\n');
    await shown(/^ready/m);
    terminal.stdin.write('kvs hea\t--js\t\n');
    await shown(/"node_id":"node1"/);
    terminal.stdin.end('exit\n');
    await once(terminal, 'close');
    expect(text).toContain('kvs health --json');
  });
});
