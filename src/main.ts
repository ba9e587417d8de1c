#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { constants, hostname } from 'node:os';
import { parseArgs } from 'node:util';
import type { Config } from './config.ts';
import { KvsError } from './core/errors.ts';
import type { Logger } from './core/ports.ts';
import { loadConfig } from './load-config.ts';
import { createLogger } from './log.ts';

const exitCodes = { stopped: 0, failed: 1, refused: 2 } as const;

const usage = `Usage: kvs [config.yaml]

Starts a node. Without a file it uses config.yaml in the working directory,
which is written with commented defaults when it does not exist. Environment
variables override the file: KVS_PORT stands for port, and so on.

Options:
  -h, --help      Print this text.
  -v, --version   Print the version.

Signals: SIGTERM and SIGINT stop the node in order; a second one ends it at once.

Exit codes:
  0        The node was stopped in order.
  1        The node could not start, failed, or did not stop in time.
  2        The command line or the configuration is wrong.
  128 + n  A second signal, number n, ended the node.
`;

interface Arguments {
  readonly help: boolean;
  readonly version: boolean;
  readonly path: string | undefined;
}

function main(): void {
  // A reader of the output that went away, or a full disk below it, is no reason to stop serving.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);

  const { help, version, path } = readArguments(process.argv.slice(2));
  if (help) process.stdout.write(usage);
  else if (version) process.stdout.write(`${ownVersion()}\n`);
  else void run(path);
}

function readArguments(args: string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } },
    });
    if (positionals.length > 1) {
      throw new Error(`expected at most one configuration file, got ${positionals.length}`);
    }
    return { help: values.help === true, version: values.version === true, path: positionals[0] };
  } catch (error) {
    return refuse(`${(error as Error).message} (kvs --help tells more)`);
  }
}

function ownVersion(): string {
  const manifest = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

async function run(path: string | undefined): Promise<void> {
  const { config, logger } = readConfig(path);
  const failUnexpectedly = (error: unknown): never => {
    logger.error('The node ends because of an unexpected error', { error });
    process.exit(exitCodes.failed);
  };
  process.on('uncaughtException', failUnexpectedly);
  process.on('unhandledRejection', failUnexpectedly);

  const stopRequested = onSignals(config.shutdown_timeout_ms, logger);
  try {
    // Loaded this late so that help, version and configuration errors need no native database.
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
  process.exit(exitCodes.stopped);
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
  process.exit(exitCodes.refused);
}

main();
