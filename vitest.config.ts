import { defineConfig } from 'vitest/config';

// A file that gets the results as JSON, beside what is printed.
const resultsFile = process.env['TEST_RESULTS_FILE'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: resultsFile === undefined ? ['default'] : ['default', ['json', { outputFile: resultsFile }]],
    // Two cores: more workers than that only make the timing of real processes noisier.
    maxWorkers: 2,
  },
});
