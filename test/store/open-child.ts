import { readdirSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { RocksdbLevel } from '../../src/store/rocksdb-level.ts';
import type { Opened } from './opener.ts';
import { recordKey, recordValue } from './records.ts';

/**
 * A process that opens the folders whose names it reads, one a line, several at a time, and answers each with a line of
 * JSON. It can be ended from outside when an open never does.
 */
async function tryOut(folder: string): Promise<Opened> {
  const cut: number[] = [];
  const level = new RocksdbLevel(folder, { onTailCut: ({ bytes }) => cut.push(bytes) });
  try {
    await level.open();
    const entries = await level.iterator().all();
    const isSound = entries.every(
      ([key, value], index) => key === recordKey(index) && value === recordValue(index),
    );
    await level.close();
    return { records: isSound ? entries.length : 'wrong', cut, openFiles: openFilesBelow(folder) };
  } catch (error) {
    return { records: codeOf(error), cut, openFiles: openFilesBelow(folder) };
  }
}

/** Of what the open failed with, which abstract-level wraps. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return String((cause as { code?: unknown }).code ?? cause);
}

function openFilesBelow(folder: string): number {
  if (process.platform !== 'linux') return 0;
  const paths = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return paths.filter((path) => path.startsWith(`${folder}/`)).length;
}

for await (const folder of createInterface({ input: process.stdin })) {
  void tryOut(folder).then((opened) => process.stdout.write(`${JSON.stringify({ folder, opened })}\n`));
}
// Whoever asked is gone. An open that never ends would keep this process, also from an orderly exit.
process.kill(process.pid, 'SIGKILL');
