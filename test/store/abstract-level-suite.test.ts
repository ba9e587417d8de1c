import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tape from 'tape';
import { afterAll, describe, expect, it } from 'vitest';
import { RocksdbLevel } from '../../src/store/rocksdb-level.ts';

type Suite = (options: { test: tape.Test; factory: (options?: object) => RocksdbLevel }) => void;
const suite = createRequire(import.meta.url)('abstract-level/test') as Suite;

interface Row {
  readonly type: string;
  readonly name?: string;
  readonly ok?: boolean;
  readonly skip?: unknown;
  readonly error?: unknown;
}

/** The suite has some 4,600 for a database with these features; far fewer means that a part of it did not run. */
const assertionsMin = 4_000;

describe("abstract-level's published test suite", () => {
  let root = '';
  afterAll(() => rm(root, { recursive: true, force: true }));

  it('passes on RocksdbLevel, unmodified', async () => {
    root = await mkdtemp(join(tmpdir(), 'kvs-suite-'));
    let folders = 0;
    const rows: Row[] = [];
    const harness = tape.createHarness({ autoclose: true });
    const finished = new Promise<void>((resolve) => {
      harness
        .createStream({ objectMode: true })
        .on('data', (row: Row) => rows.push(row))
        .on('end', resolve);
    });
    suite({
      test: harness as unknown as tape.Test,
      factory: (options) => new RocksdbLevel(join(root, String(folders++)), options),
    });
    await finished;

    const assertions = rows.filter((row) => row.type === 'assert');
    const failed = assertions.filter((row) => row.ok !== true);
    expect(failed.map((row) => `${row.name}: ${String(row.error)}`)).toEqual([]);
    expect(rows.filter((row) => Boolean(row.skip)).map((row) => row.name)).toEqual([]);
    expect(assertions.length).toBeGreaterThan(assertionsMin);
    process.stdout.write(`abstract-level's suite on RocksdbLevel: ${assertions.length} assertions passed\n`);
  }, 120_000);
});
