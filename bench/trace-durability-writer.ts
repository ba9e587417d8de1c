import { writeSync } from 'node:fs';
import { RocksdbLevel } from '../src/store/rocksdb-level.ts';

/**
 * The process that `trace-durability.ts` watches: `trace-durability-writer.ts <folder> <sync|os> <writes>`.
 *
 * Writes in groups of one to eight at a time and acknowledges each write with a line `ACK <key>`. The values repeat
 * the key, so that it is found in the log however the log is cut into blocks, and the memtable is small, so that the
 * engine begins a new log many times.
 */
const [folder = '', durability = '', writes = '0'] = process.argv.slice(2);
const level = new RocksdbLevel(folder, { writeBufferBytes: 65_536 });
const keys = Array.from({ length: Number(writes) }, (_, index) => `key-${String(index).padStart(6, '0')}`);

for (let size = 1; keys.length > 0; size = (size % 8) + 1) {
  await Promise.all(keys.splice(0, size).map(writeAndAcknowledge));
}
await level.close();

async function writeAndAcknowledge(key: string): Promise<void> {
  await level.put(key, `${key} `.repeat(100), { sync: durability === 'sync' });
  writeSync(1, `ACK ${key}\n`);
}
