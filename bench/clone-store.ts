/** Copies the data folder of the first argument to each of the others, and makes a store of its own of each copy. */
import { randomUUID } from 'node:crypto';
import { cp } from 'node:fs/promises';
import { metaKey, noteKey } from '../src/store/keyspace.ts';
import { asBytes } from '../src/store/level.ts';
import { RocksdbLevel } from '../src/store/rocksdb-level.ts';

const [from = '', ...copies] = process.argv.slice(2);
const identityKey = metaKey('identity');

for (const copy of copies) {
  await cp(from, copy, { recursive: true });
  const level = new RocksdbLevel<Uint8Array, Uint8Array>(copy);
  await level.open();
  const stored = await level.get(identityKey, asBytes);
  if (stored === undefined) throw new Error(`${from} is no data folder`);
  const identity = JSON.parse(Buffer.from(stored).toString()) as object;
  const own = { ...identity, storeId: randomUUID(), createdAt: Date.now() };
  await level.put(identityKey, Buffer.from(JSON.stringify(own)), asBytes);
  await level.del(noteKey('members'), asBytes);
  await level.close();
}
