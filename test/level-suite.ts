import type { AbstractLevel } from 'abstract-level';
import { createRequire } from 'node:module';
import tape from 'tape';
import { expect } from 'vitest';

export type AnyLevel = Pick<AbstractLevel<unknown, unknown, unknown>, 'supports'>;
type Suite = (options: { test: tape.Test; factory: (options?: object) => AnyLevel }) => void;
const suite = createRequire(import.meta.url)('abstract-level/test') as Suite;

interface Row {
  readonly type: string;
  readonly name?: string;
  readonly ok?: boolean;
  readonly skip?: unknown;
  readonly error?: unknown;
}

/** Far fewer assertions than there are for a database with these features mean that a part of it did not run. */
export interface SuiteOptions {
  readonly name: string;
  readonly assertionsMin: number;
  /** Makes a new, empty database. */
  readonly factory: (options?: object) => AnyLevel;
}

/** Runs abstract-level's own test suite, unmodified, for all that the manifest of a database claims. */
export async function passLevelSuite({ name, assertionsMin, factory }: SuiteOptions): Promise<void> {
  const rows: Row[] = [];
  const harness = tape.createHarness({ autoclose: true });
  const finished = new Promise<void>((resolve) => {
    harness
      .createStream({ objectMode: true })
      .on('data', (row: Row) => rows.push(row))
      .on('end', resolve);
  });
  suite({ test: harness as unknown as tape.Test, factory });
  await finished;

  const assertions = rows.filter((row) => row.type === 'assert');
  const failed = assertions.filter((row) => row.ok !== true);
  expect(failed.map((row) => `${row.name}: ${String(row.error)}`)).toEqual([]);
  expect(rows.filter((row) => Boolean(row.skip)).map((row) => row.name)).toEqual([]);
  expect(assertions.length).toBeGreaterThan(assertionsMin);
  process.stdout.write(`abstract-level's suite on ${name}: ${assertions.length} assertions passed\n`);
}
