import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// A file that gets the results as JSON, beside what is printed.
const resultsFile = process.env['TEST_RESULTS_FILE'];

const tests = readdirSync(join(import.meta.dirname, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/${name}`);

/** Those that take ten seconds and more, the longest first: started late, one of them would run on alone at the end. */
const long = [
  'test/cluster/failures.test.ts',
  'test/crash.test.ts',
  'test/browser/page.test.ts',
  'test/drivers/level-suite.test.ts',
  'test/store/abstract-level-suite.test.ts',
  'test/cluster/client.test.ts',
  'test/browser/client.test.ts',
  'test/cluster/partition.test.ts',
  'test/cluster/absence.test.ts',
  'test/browser/docs.test.ts',
  'test/browser/load.test.ts',
  'test/cli/transfer.test.ts',
  'test/cli/values.test.ts',
  'test/cluster/strangers.test.ts',
  'test/client/key-watch.test.ts',
  'test/client/batch.test.ts',
  'test/client/faults.test.ts',
  'test/simulation/swarm.test.ts',
];

/** A mocked module stays mocked for whoever comes later in the same process. */
const mocksModules = (name: string): boolean =>
  readFileSync(join(import.meta.dirname, name), 'utf8').includes('vi.mock(');
const alone = tests.filter((name) => long.includes(name) || mocksModules(name));

/** The long ones first; then, as a process goes on only to files of its own project, one project after the other. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId, project }: TestSpecification): number => {
      const at = long.findIndex((name) => moduleId.endsWith(`/${name}`));
      return at === -1 ? long.length + (project.name === 'alone' ? 0 : 1) : at;
    };
    // oxlint-disable-next-line unicorn/no-array-sort -- this is no array's
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: resultsFile === undefined ? ['default'] : ['default', ['json', { outputFile: resultsFile }]],
    // On two cores: the tests of real processes wait for nearly as long as they work.
    maxWorkers: 3,
    sequence: { sequencer: LongFirst },
    projects: [
      { extends: true, test: { name: 'alone', include: alone } },
      // A process for each of a hundred files would take as long to start as what most of them do in it.
      {
        extends: true,
        test: { name: 'shared', include: ['test/**/*.test.ts'], exclude: alone, isolate: false },
      },
    ],
  },
});
