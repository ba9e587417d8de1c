/**
 * Runs swarms: `--runs` of them, with seeds that follow each other from `--seed` on (default: from the time). Prints for
 * each its seed, trace hash and verdict, then which states of the machines were visited; ends with 1 on a violation.
 * `--scenario NAME` runs a named scenario instead; `--trace` prints every event of a run as a line.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Coverage } from './coverage.ts';
import { scenarios } from './scenarios.ts';
import { runSwarm } from './swarm.ts';

/** A run as a worker reports it, one JSON line each. */
interface RunReport {
  readonly seed: string;
  readonly hash: string;
  readonly line: string;
  readonly isViolation: boolean;
  readonly visits: readonly (readonly [state: string, visits: number])[];
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    runs: { type: 'string', default: '1' },
    nodes: { type: 'string', default: '5' },
    minutes: { type: 'string' },
    scenario: { type: 'string' },
    trace: { type: 'boolean', default: false },
    jobs: { type: 'string' },
    worker: { type: 'boolean', default: false },
  },
});
const runs = integerOf('runs', values.runs);
const nodes = integerOf('nodes', values.nodes);
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
const firstSeed = values.seed === undefined ? BigInt(Date.now()) * 1_000n : BigInt(values.seed);
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const onLine = values.trace ? print : undefined;

if (values.scenario !== undefined) await runScenario(values.scenario);
else if (values.worker) await work((report) => print(JSON.stringify(report)));
else await superviseRuns();

async function runScenario(name: string): Promise<void> {
  const scenario = scenarios[name];
  if (scenario === undefined) {
    process.stderr.write(`There is no scenario ${name}; there are: ${Object.keys(scenarios).join(', ')}\n`);
    process.exitCode = 2;
    return;
  }
  const seed = values.seed === undefined ? 1n : firstSeed;
  print(`${name}, seed ${seed}: ${scenario.title}`);
  try {
    await scenario.run({ seed, print, onLine });
    print('ok');
  } catch (error) {
    print(`VIOLATION\n${(error as Error).stack}`);
    process.exitCode = 1;
  }
}

/** Shares the runs out among processes: one simulation runs at a time in each. */
async function superviseRuns(): Promise<void> {
  const jobs = values.trace
    ? 1
    : Math.min(runs, integerOf('jobs', values.jobs ?? String(availableParallelism())));
  const coverage = new Coverage();
  let violations = 0;
  const take = (report: RunReport): void => {
    print(report.line);
    if (report.isViolation) violations++;
    for (const [state, visits] of report.visits) coverage.add(state, visits);
  };
  if (jobs === 1) await work(take);
  else {
    const share = Math.ceil(runs / jobs);
    const starts = Array.from({ length: jobs }, (_, job) => job * share).filter((start) => start < runs);
    await Promise.all(starts.map((start) => runWorker(start, Math.min(share, runs - start), take)));
  }
  for (const [state, visits] of coverage.table) print(`  ${state.padEnd(60)} ${visits || 'unvisited'}`);
  print(`${runs} runs, ${violations} violations, ${coverage.unvisited.length} states unvisited`);
  process.exitCode = violations > 0 ? 1 : 0;
}

async function work(take: (report: RunReport) => void): Promise<void> {
  for (let run = 0; run < runs; run++) {
    const coverage = new Coverage();
    const startedAt = performance.now();
    const { seed, hash, events, acknowledgements, convergedAfterMs, error } = await runSwarm({
      seed: firstSeed + BigInt(run),
      nodes,
      minutes,
      coverage,
      onLine,
    });
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const verdict =
      error === undefined
        ? `ok, equal ${convergedAfterMs?.toFixed(0)} ms after healing`
        : `VIOLATION ${error.stack}`;
    take({
      seed: String(seed),
      hash,
      line: `seed ${seed}  trace ${hash}  ${events} events  ${acknowledgements} writes  ${seconds} s  ${verdict}`,
      isViolation: error !== undefined,
      visits: coverage.table,
    });
  }
}

async function runWorker(start: number, count: number, take: (report: RunReport) => void): Promise<void> {
  const args = [
    '--worker',
    '--seed',
    String(firstSeed + BigInt(start)),
    '--runs',
    String(count),
    '--nodes',
    String(nodes),
  ];
  if (minutes !== undefined) args.push('--minutes', String(minutes));
  const script = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  for await (const line of createInterface({ input: child.stdout })) take(JSON.parse(line) as RunReport);
  const code = await exited;
  if (code !== 0) throw new Error(`A worker ended with ${code}`);
}

function integerOf(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  process.stderr.write(`--${name} must be a whole number from 1, not ${text}\n`);
  process.exit(2);
}
