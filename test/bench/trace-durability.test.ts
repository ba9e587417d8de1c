import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { judge, parseTrace } from '../../bench/durability-trace.ts';

const hasStrace = spawnSync('strace', ['-V']).status === 0;

function run(durability: string): { output: string; status: number | null } {
  const script = join(import.meta.dirname, '../../bench/trace-durability.ts');
  const args = ['--import', 'tsx', script, '--durability', durability, '--writes', '200'];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { output: stdout + stderr, status };
}

describe.skipIf(!hasStrace)('the system calls of a writing process (needs strace)', () => {
  it('show that each acknowledged write was synced before, with its log and the folder of a new log', () => {
    const { output, status } = run('sync');
    expect(output).toMatch(/^durable: 200 acknowledged writes in [2-9] logs, /);
    expect(status).toBe(0);
  });

  it('show without syncs that no write was durable: the check is able to fail', () => {
    const { output, status } = run('os');
    expect(output).toMatch(/^not durable: 200 acknowledged writes in .*; \d+ came too early/);
    // The engine may have written a table meanwhile, which makes a few of them durable.
    expect(Number(/(\d+) came too early/.exec(output)?.[1])).toBeGreaterThan(100);
    expect(status).toBe(1);
  });
});

describe('the judgement of a trace', () => {
  const made =
    '7 openat(AT_FDCWD</>, "/data/000004.log", O_WRONLY|O_CREAT|O_TRUNC, 0644) = 9</data/000004.log>';
  const write = '8 write(9</data/000004.log>, "\\1\\0key-000001 ) = 3", 20) = 20';
  const logSync = '9 fdatasync(10</data/000004.log>) = 0';
  const folderSync = '9 fsync(11</data>) = 0';
  const acknowledgement = '7 write(1<pipe:[5]>, "ACK key-000001\\n", 15) = 15';

  function violationsOf(...lines: string[]): readonly string[] {
    const verdict = judge(parseTrace(lines.join('\n')), '/data');
    expect(verdict.acknowledgements).toBe(1);
    return verdict.violations;
  }

  it('accepts a write whose log and folder were synced before it was acknowledged', () => {
    expect(violationsOf(made, write, logSync, folderSync, acknowledgement)).toEqual([]);
  });

  it('accepts a write whose log was removed before it was acknowledged', () => {
    const removed = '8 unlink("/data/000004.log") = 0';
    expect(violationsOf(made, write, removed, acknowledgement)).toEqual([]);
  });

  const unsyncedLog = ['key-000001 was acknowledged before /data/000004.log was synced'];

  it.each([
    ['without a sync of its log', [made, write, folderSync, acknowledgement], unsyncedLog],
    ['with a sync before the write', [made, logSync, write, folderSync, acknowledgement], unsyncedLog],
    [
      'with a sync after the acknowledgement',
      [made, write, folderSync, acknowledgement, logSync],
      unsyncedLog,
    ],
    [
      'with a sync of another log',
      [made, write, folderSync, logSync.replace('04.log', '05.log'), acknowledgement],
      unsyncedLog,
    ],
    [
      'with a sync that failed',
      [made, write, folderSync, logSync.replace('= 0', '= -1 EIO (Input/output error)'), acknowledgement],
      unsyncedLog,
    ],
    [
      'with a sync that had not ended',
      [
        made,
        write,
        folderSync,
        '9 fdatasync(10</data/000004.log> <unfinished ...>',
        acknowledgement,
        '9 <... fdatasync resumed>) = 0',
      ],
      unsyncedLog,
    ],
    [
      'without a sync of the folder since the log was made',
      [folderSync, made, write, logSync, acknowledgement],
      ['key-000001 was acknowledged before the folder of the new file /data/000004.log was synced'],
    ],
    [
      'before the write',
      [made, acknowledgement, write, logSync, folderSync],
      ['key-000001 was acknowledged before it was written'],
    ],
  ])('objects to an acknowledgement %s', (_, lines, violations) => {
    expect(violationsOf(...lines)).toEqual(violations);
  });
});
