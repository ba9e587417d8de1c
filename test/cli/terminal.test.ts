import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runNode } from '../running-node.ts';
import { kvs, main, seed } from './kvs-process.ts';

const green = '\u001B[32m';

/** A terminal in which one command runs, by `script` of util-linux. */
class Terminal {
  text = '';
  readonly #child;
  readonly #exit: Promise<unknown[]>;

  constructor(command: string, env: Readonly<Record<string, string>>) {
    const line = command.replace(/^kvs /, `exec '${process.execPath}' '${main}' `);
    this.#child = spawn('script', ['-qfec', line, '/dev/null'], {
      env: { PATH: process.env['PATH'], TERM: 'xterm', ...env },
    });
    this.#child.stdout.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
    this.#exit = once(this.#child, 'close');
    onTestFinished(() => void this.#child.kill('SIGKILL'));
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) await once(this.#child.stdout, 'data');
  }

  async code(): Promise<unknown> {
    const [code] = await this.#exit;
    return code;
  }
}

describe.runIf(process.platform === 'linux')('On a terminal', () => {
  it('a value ends its line, also one that does not by itself', async () => {
    const { url } = await runNode();
    await seed(url, ['{"op":"put","path":"a","value":"x"}']);
    const terminal = new Terminal('kvs get a', { KVS_URL: url });
    expect(await terminal.code()).toBe(0);
    expect(terminal.text).toBe('"x"\r\n');
  });

  it('there are colours, unless NO_COLOR is set', async () => {
    const { url } = await runNode();
    const coloured = new Terminal('kvs health', { KVS_URL: url });
    const plain = new Terminal('kvs health', { KVS_URL: url, NO_COLOR: '1' });
    expect([await coloured.code(), await plain.code()]).toEqual([0, 0]);
    expect(coloured.text).toContain(`${green}ok`);
    expect(plain.text).toBe('ok  normal  1 member  node1\r\n');
  });

  it.each([
    ['n\n', 1, 'a/b\nc\n'],
    ['\u0004', 1, 'a/b\nc\n'],
    ['\u0003', 130, 'a/b\nc\n'],
    ['y\n', 0, 'c\n'],
  ])('keys are deleted when %j is the answer to the question, or not', async (answer, code, left) => {
    const { url } = await runNode();
    await seed(url, ['{"op":"put","path":"a/b","value":1}', '{"op":"put","path":"c","value":1}']);
    const terminal = new Terminal('kvs delete a/ --recursive', { KVS_URL: url });
    await terminal.shows(/Delete 1 keys, below a\/\? \[y\/N\] /);
    terminal.type(answer);
    expect(await terminal.code()).toBe(code);
    expect(await kvs(['list', '-r'], { url })).toMatchObject({ out: left });
  });

  it('an import shows how far it is', async () => {
    const { url } = await runNode();
    const lines = `seq 3000 | sed 's/.*/{"path":"k&","value":&}/'`;
    const terminal = new Terminal(`${lines} | '${process.execPath}' '${main}' import -`, { KVS_URL: url });
    expect(await terminal.code()).toBe(0);
    expect(terminal.text).toMatch(/\d+ stored, 0 failed, \d+\/s.*3000 stored\r\n$/s);
  });

  it('what could steer it is escaped', async () => {
    const { url } = await runNode();
    await seed(url, ['{"op":"put","path":"a","value":"\u009B31m"}']);
    const terminal = new Terminal('kvs list --values', { KVS_URL: url });
    expect(await terminal.code()).toBe(0);
    expect(terminal.text).toBe('a  "\\u009b31m"\r\n');
  });
});
