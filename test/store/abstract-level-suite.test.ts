import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { RocksdbLevel } from '../../src/store/rocksdb-level.ts';
import { passLevelSuite } from '../level-suite.ts';

describe("abstract-level's published test suite", () => {
  let root = '';
  afterAll(() => rm(root, { recursive: true, force: true }));

  it('passes on RocksdbLevel, unmodified', async () => {
    root = await mkdtemp(join(tmpdir(), 'kvs-suite-'));
    let folders = 0;
    const factory = (options?: object) => new RocksdbLevel(join(root, String(folders++)), options);
    await passLevelSuite({ name: 'RocksdbLevel', assertionsMin: 4_000, factory });
  }, 120_000);
});
