import { writeSync } from 'node:fs';
import { RocksdbLevel } from '../../src/store/rocksdb-level.ts';
import { recordKey, recordValue } from './records.ts';

/**
 * A process to be killed: `writer-child.ts <folder> [count]`. Writes `count` records (without it: for ever), each
 * synced and then acknowledged by its number on a line of standard output; then it stays as it is.
 */
const [folder = '', count = 'Infinity'] = process.argv.slice(2);
const level = new RocksdbLevel(folder);
for (let index = 0; index < Number(count); index++) {
  await level.put(recordKey(index), recordValue(index), { sync: true });
  writeSync(1, `${index}\n`);
}
setInterval(() => undefined, 60_000);
