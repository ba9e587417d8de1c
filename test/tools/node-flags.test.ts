import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { nodeFlags } from '../../tools/node-flags.ts';

it('npm start starts a node as the benchmarks and npm run cluster do', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } };
  expect(scripts.start).toContain(`exec node ${nodeFlags.join(' ')} dist/main.js`);
});
