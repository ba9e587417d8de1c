import { existsSync } from 'node:fs';
import { constants, hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { exitCodes } from './cli/exit-codes.ts';
import { commandNames } from './cli/invocation.ts';
import type { Config } from './config.ts';
import { editDistance } from './core/edit-distance.ts';
import { KvsError } from './core/errors.ts';
import type { Logger } from './core/ports.ts';
import { loadConfig } from './load-config.ts';
import { createLogger } from './log.ts';

/** Runs a node for `kvs`, `kvs CONFIG` and `kvs start [CONFIG]`, until a signal ends the process, or a failure. */
export async function runNode(args: readonly string[]): Promise<void> {
  // A reader of the output that went away, or a full disk below it, is no reason to stop serving.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);

  const { config, logger } = readConfig(configPathIn(args));
  const failUnexpectedly = (error: unknown): never => {
    logger.error('The node ends because of an unexpected error', { error });
    process.exit(exitCodes.failed);
  };
  process.on('uncaughtException', failUnexpectedly);
  process.on('unhandledRejection', failUnexpectedly);

  const stopRequested = onSignals(config.shutdown_timeout_ms, logger);
  try {
    // Loaded this late so that configuration errors need no native database.
    const { startNode } = await import('./node.ts');
    const node = await startNode(config, { logger });
    let stopping: Promise<void> | undefined;
    void stopRequested.then(() => (stopping = node.stop()));
    const { failure } = await node.stopped;
    await stopping;
    if (failure !== undefined) throw failure;
  } catch (error) {
    const isExplained = error instanceof KvsError;
    logger.error(
      isExplained ? error.message : 'The node failed',
      isExplained ? { code: error.code } : { error },
    );
    process.exit(exitCodes.failed);
  }
  process.exit(exitCodes.ok);
}

function configPathIn(args: readonly string[]): string | undefined {
  const words = wordsIn(args);
  const isStart = words[0] === 'start';
  const paths = isStart ? words.slice(1) : words;
  const [path] = paths;
  if (!isStart && path !== undefined && /^[a-z]+$/i.test(path) && !existsSync(path)) {
    return refuse(`"${path}" is neither a command${likeness(path)} nor a file (kvs --help tells more)`);
  }
  if (paths.length > 1) {
    return refuse(
      `expected at most one configuration file, got ${paths.length} (kvs start --help tells more)`,
    );
  }
  return path;
}

function wordsIn(args: readonly string[]): readonly string[] {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: {} }).positionals;
  } catch (error) {
    return refuse(`${(error as Error).message} (kvs --help tells more)`);
  }
}

function likeness(word: string): string {
  // The distance takes time in proportion to the length, and no command is that long.
  const typed = word.slice(0, 16).toLowerCase();
  const near = commandNames.filter((name) => editDistance(typed, name) <= 2);
  const [best] = near.toSorted((a, b) => editDistance(typed, a) - editDistance(typed, b));
  return best === undefined ? '' : ` (${best}?)`;
}

function readConfig(path: string | undefined): { config: Config; logger: Logger } {
  try {
    const loaded = loadConfig({ path, env: process.env, cwd: process.cwd(), hostname: hostname() });
    const { config } = loaded;
    const { stdout, stderr } = process;
    const logger = createLogger({ level: config.log_level, format: config.log_format, stdout, stderr });
    if (loaded.created)
      logger.info('The configuration file was written with defaults', { path: loaded.path });
    for (const warning of loaded.warnings) logger.warn(warning);
    return { config, logger };
  } catch (error) {
    if (error instanceof KvsError && error.code === 'KVS_CONFIG') return refuse(error.message);
    throw error;
  }
}

/** Settles at the first signal. From then on the process ends by itself when time is up, or at a second signal. */
function onSignals(shutdownTimeoutMs: number, logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false;
    const receive = (signal: 'SIGTERM' | 'SIGINT'): void => {
      if (isStopping) process.exit(128 + constants.signals[signal]);
      isStopping = true;
      setTimeout(() => {
        logger.error('The node did not stop in time', { shutdown_timeout_ms: shutdownTimeoutMs });
        process.exit(exitCodes.failed);
      }, shutdownTimeoutMs).unref();
      resolve();
    };
    process.on('SIGTERM', receive);
    process.on('SIGINT', receive);
  });
}

function refuse(message: string): never {
  process.stderr.write(`kvs: ${message}\n`);
  process.exit(exitCodes.usage);
}
