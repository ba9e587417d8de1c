import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants, hostname } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { KvsError } from '../src/core/errors.ts';
import { loadConfig } from '../src/load-config.ts';
import { nodeFlags } from './node-flags.ts';

const usage = `Usage: npm run cluster [-- CONFIG.yaml ...]

Starts a node for each configuration, one after the other, and shows their logs line by line under their names.
Without arguments: configs/node1.yaml, configs/node2.yaml and configs/node3.yaml.

Ctrl-C or SIGTERM stops the nodes in order, the last one first; a second one ends them at once. A node that ends by
itself once it has started is reported, and the others go on.

Exit codes:
  0        All nodes were stopped in order.
  1        A node did not start, or did not stop in order, or none is left.
  2        The command line or a configuration is wrong.
  128 + n  A second signal, number n, ended the nodes.
`;

const exitCodes = { stopped: 0, failed: 1, refused: 2 } as const;
const ownConfigs = ['configs/node1.yaml', 'configs/node2.yaml', 'configs/node3.yaml'];
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const colors = ['cyan', 'magenta', 'yellow', 'green', 'blue', 'red'] as const;

/** At Ctrl-C both the terminal and npm send a signal: one that comes so soon after the first is a copy of it. */
const copiedSignalMs = 500;

type Exit = number | NodeJS.Signals | null;

interface Plan {
  readonly name: string;
  readonly config: string;
  readonly label: string;
}

interface NodeProcess extends Plan {
  readonly child: ChildProcess;
  /** Settles when it has answered (true), or has ended without (false). */
  readonly started: Promise<boolean>;
  readonly ended: Promise<Exit>;
  hasStarted: boolean;
}

/** The nodes of this program. */
class Cluster {
  readonly #nodes: NodeProcess[] = [];
  #isStopping = false;

  /** Starts the nodes, waits for a signal, and stops them; returns the exit code. */
  async run(plans: readonly Plan[]): Promise<number> {
    // Whatever ends this program, no node stays behind.
    process.on('exit', () => this.#nodes.forEach(({ child }) => child.kill('SIGKILL')));
    const stopRequested = onSignals().then((): 'stop' => 'stop');
    for (const plan of plans) {
      const node = start(plan);
      this.#nodes.push(node);
      const outcome = await Promise.race([node.started, stopRequested]);
      if (outcome === 'stop') break;
      if (!outcome) {
        complain(`${plan.name} (${plan.config}) did not start: it ended with ${described(await node.ended)}`);
        await this.#stop();
        return exitCodes.failed;
      }
      void node.ended.then((exit) => this.#report(plan, exit));
    }
    const allEnded = Promise.all(this.#nodes.map(({ ended }) => ended));
    if ((await Promise.race([stopRequested, allEnded])) === 'stop') {
      return (await this.#stop()) ? exitCodes.stopped : exitCodes.failed;
    }
    complain('No node is left');
    return exitCodes.failed;
  }

  #report({ name, config }: Plan, exit: Exit): void {
    if (this.#isStopping) return;
    complain(`${name} ended with ${described(exit)}; it starts anew with: ${commandOf(config)}`);
  }

  /** Stops the nodes that still run, the last one first; false when one of them did not stop in order. */
  async #stop(): Promise<boolean> {
    this.#isStopping = true;
    let isInOrder = true;
    for (const { name, child, ended, hasStarted } of this.#nodes.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      const exit = await ended;
      // A node that has only begun to start may not know the signal yet, and has nothing to lose.
      if (exit === 0 || (exit === 'SIGTERM' && !hasStarted)) continue;
      isInOrder = false;
      complain(`${name} did not stop in order: it ended with ${described(exit)}`);
    }
    return isInOrder;
  }
}

function start(plan: Plan): NodeProcess {
  const child = spawn(process.execPath, [...nodeFlags, main, plan.config], {
    env: { ...process.env, KVS_LOG_FORMAT: 'pretty' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a group of its own: the terminal sends Ctrl-C to all of ours, and a node takes a second signal as "at once".
    detached: true,
  });
  process.stdout.write(`${plan.label}process ${child.pid}: ${commandOf(plan.config)}\n`);
  const ended = once(child, 'close').then(([code, signal]): Exit => code ?? signal);
  const started = new Promise<boolean>((resolve) => {
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        process.stdout.write(`${plan.label}${line}\n`);
        if (line.includes('The node answers')) resolve(true);
      });
    }
    void ended.then(() => resolve(false));
  });
  const node = { ...plan, child, started, ended, hasStarted: false };
  void started.then((hasStarted) => (node.hasStarted = hasStarted));
  return node;
}

/** Settles at the first signal. A second one ends the program. */
function onSignals(): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const receive = (signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP'): void => {
      if (firstAt === undefined) resolve();
      else if (performance.now() - firstAt > copiedSignalMs) process.exit(128 + constants.signals[signal]);
      firstAt ??= performance.now();
    };
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, receive);
  });
}

function plansOf(configs: readonly string[]): Plan[] {
  const names = configs.map((path) => {
    const { config } = loadConfig({ path, env: process.env, cwd: process.cwd(), hostname: hostname() });
    return config.node_id;
  });
  const width = Math.max(...names.map(({ length }) => length));
  const isColored = process.stdout.isTTY && process.stdout.hasColors();
  return names.map((name, i) => {
    const text = `${name.padEnd(width)} | `;
    const color = colors[i % colors.length] ?? 'cyan';
    const label = isColored ? styleText(color, text, { validateStream: false }) : text;
    return { name, config: configs[i] ?? '', label };
  });
}

function commandOf(config: string): string {
  return ['node', ...nodeFlags, 'dist/main.js', config].join(' ');
}

function described(exit: Exit): string {
  return typeof exit === 'number' ? `exit code ${exit}` : String(exit);
}

function complain(sentence: string): void {
  process.stderr.write(`cluster: ${sentence}\n`);
}

function refuse(error: unknown): never {
  if (!(error instanceof KvsError)) throw error;
  complain(error.message);
  process.exit(exitCodes.refused);
}

function plansOrRefusal(configs: readonly string[]): Plan[] {
  try {
    return plansOf(configs);
  } catch (error) {
    return refuse(error);
  }
}

const args = process.argv.slice(2);
// A reader of the output that went away is no reason to stop.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
if (args.includes('--help') || args.includes('-h')) process.stdout.write(usage);
else process.exit(await new Cluster().run(plansOrRefusal(args.length === 0 ? ownConfigs : args)));
