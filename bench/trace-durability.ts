import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { judge, parseTrace, type Verdict } from './durability-trace.ts';

/**
 * Shows by the system calls of a process, not by trust, that an acknowledged write was on stable storage:
 *
 *     tsx bench/trace-durability.ts [--durability sync|os] [--writes 400]
 *
 * With `--durability os` nothing is synced, and the verdict has to be "not durable": the check is able to fail.
 * Exit code: 0 durable, or no strace to look with; 1 not durable; 2 nothing to judge.
 */
const { values } = parseArgs({
  options: {
    durability: { type: 'string', default: 'sync' },
    writes: { type: 'string', default: '400' },
  },
});

const systemCalls = 'openat,write,pwrite64,writev,fdatasync,fsync,unlink';

process.exitCode = main();

function main(): number {
  if (spawnSync('strace', ['-V']).status !== 0) {
    say('skipped: strace is not installed here');
    return 0;
  }
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'kvs-trace-')));
  try {
    return report(judge(parseTrace(trace(folder)), join(folder, 'data')));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The system calls of a writer, as strace tells them. */
function trace(folder: string): string {
  const output = join(folder, 'trace');
  const writer = join(import.meta.dirname, 'trace-durability-writer.ts');
  const strace = ['-f', '-y', '-s', '65536', '-e', `trace=${systemCalls}`, '-o', output];
  const node = [process.execPath, '--import', 'tsx', writer, join(folder, 'data')];
  const run = spawnSync('strace', [...strace, ...node, values.durability, values.writes], {
    encoding: 'utf8',
    maxBuffer: 64 * 1_024 * 1_024,
  });
  if (run.status !== 0) throw new Error(`The traced process failed:\n${run.stderr}`);
  return readFileSync(output, 'utf8');
}

function report(verdict: Verdict): number {
  const { acknowledgements, logs, logSyncs, folderSyncs, violations } = verdict;
  const counts =
    `${acknowledgements} acknowledged writes in ${logs} logs, ` +
    `${logSyncs} syncs of a log, ${folderSyncs} of the folder`;
  if (acknowledgements === 0) {
    say('nothing to judge: no acknowledgement was traced');
    return 2;
  }
  if (violations.length === 0) {
    say(`durable: ${counts}; every one came after the sync of its log and of the folder that got the log`);
    return 0;
  }
  say(`not durable: ${counts}; ${violations.length} came too early, such as`);
  for (const violation of violations.slice(0, 5)) say(`  ${violation}`);
  return 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
