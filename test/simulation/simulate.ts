import { parseArgs } from 'node:util';
import { Coverage } from './coverage.ts';
import { runSwarm } from './swarm.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    runs: { type: 'string', default: '1' },
    nodes: { type: 'string', default: '5' },
    minutes: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});

const runs = Number(values.runs);
const first = values.seed === undefined ? BigInt(Date.now()) * 1_000n : BigInt(values.seed);
const coverage = new Coverage();
let violations = 0;
for (let run = 0; run < runs; run++) {
  const started = performance.now();
  const result = await runSwarm({
    seed: first + BigInt(run),
    nodes: Number(values.nodes),
    minutes: values.minutes === undefined ? undefined : Number(values.minutes),
    coverage,
    ...(values.trace ? { onLine: (line: string) => process.stdout.write(`${line}\n`) } : {}),
  });
  const { seed, hash, events, acknowledgements, convergedAfterMs, error } = result;
  const verdict = error === undefined ? `ok, equal after ${convergedAfterMs?.toFixed(0)} ms` : 'VIOLATION';
  process.stdout.write(
    `${seed} ${hash} ${events} events, ${acknowledgements} writes, ${(performance.now() - started).toFixed(0)} ms: ${verdict}\n`,
  );
  if (error !== undefined) {
    violations++;
    process.stdout.write(`${error.stack}\n`);
  }
}
for (const [state, visits] of coverage.table) process.stdout.write(`${state.padEnd(60)} ${visits}\n`);
process.stdout.write(
  `${runs} runs, ${violations} violations, ${coverage.unvisited.length} states unvisited\n`,
);
process.exitCode = violations > 0 ? 1 : 0;
