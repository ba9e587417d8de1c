import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { KvsClient } from '../client/kvs-client.ts';
import { NodeList } from '../client/node-list.ts';
import { Requester } from '../client/requester.ts';
import { globalOptions, type Command, type Context, type OptionValues } from './command.ts';
import { commands } from './commands.ts';
import { exitCodes } from './exit-codes.ts';
import { failureOf, lineOf, UsageError } from './failure.ts';
import { helpOf, overview } from './help.ts';
import { firstWordIn, isCommandName } from './invocation.ts';
import { Output, ReaderGone } from './output.ts';
import { waitMsFrom } from './seconds.ts';
import { urlsFrom } from './urls.ts';

/** How long an answer is waited for, and each further piece of it, ms. */
const defaultTimeoutMs = 10_000;
/** How often a node that doesn't answer is asked again. */
const retries = 2;
/** How long a command has to end in order after a signal, ms. */
const goodbyeMs = 1_000;

/** Does what the arguments ask for, and ends the process with the exit code that says how it went. */
export async function runCommand(args: readonly string[]): Promise<void> {
  const output = new Output({ stdout: process.stdout, stderr: process.stderr });
  const code = await endOf(args, output);
  await output.flushNotes();
  process.exit(code);
}

async function endOf(args: readonly string[], output: Output): Promise<number> {
  const interrupted = onSignals();
  try {
    const code = await perform(args, output, interrupted.signal);
    await output.flush();
    return code;
  } catch (error) {
    const code = interrupted.code();
    if (code !== undefined) return code;
    return error instanceof ReaderGone ? exitCodes.ok : tell(error, args, output);
  }
}

function tell(error: unknown, args: readonly string[], output: Output): number {
  const failure = failureOf(error);
  const { code, detail, hint, exitCode } = failure;
  // The arguments may be what is wrong, so that they can't be parsed for this.
  const isJson = args.includes('--json');
  output.note(isJson ? JSON.stringify({ code, detail, hint, exit_code: exitCode }) : lineOf(failure));
  return exitCode;
}

async function perform(args: readonly string[], output: Output, signal: AbortSignal): Promise<number> {
  const at = firstWordIn(args);
  const name = args[at];
  const command = name !== undefined && isCommandName(name) ? commands[name] : undefined;
  const { words, options } = parse(command, at < 0 ? args : args.toSpliced(at, 1));
  if (options.version === true) await output.write(`${ownVersion()}\n`);
  else if (options.help === true || command === undefined) {
    await output.write(`${command === undefined ? overview(commands) : helpOf(command)}\n`);
  } else {
    assertWords(command, words);
    return command.run(contextOf(options, output, signal), words, options);
  }
  return exitCodes.ok;
}

interface Parsed {
  readonly words: readonly string[];
  readonly options: OptionValues<typeof globalOptions>;
}

function parse(command: Command | undefined, args: readonly string[]): Parsed {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...command?.options, ...globalOptions },
    });
    return { words: positionals, options: values };
  } catch (cause) {
    const [reason = ''] = (cause as Error).message.split('. ', 1);
    const isDash = reason.startsWith("Unknown option '-");
    const dashes = isDash ? 'what begins with a minus sign and is none comes after --; ' : '';
    throw new UsageError(reason, { cause, hint: `${dashes}${helpCall(command)} tells more` });
  }
}

function assertWords(command: Command, words: readonly string[]): void {
  const hint = `${helpCall(command)} tells more`;
  const missing = command.words.find((word, at) => word.isOptional !== true && words[at] === undefined);
  if (missing !== undefined) throw new UsageError(`${missing.name} is missing`, { hint });
  const extra = words[command.words.length];
  if (extra !== undefined) throw new UsageError(`"${extra}" is one argument too many`, { hint });
}

function helpCall(command: Command | undefined): string {
  return command === undefined ? 'kvs --help' : `kvs ${command.name} --help`;
}

function contextOf(options: Parsed['options'], output: Output, signal: AbortSignal): Context {
  const urls = urlsFrom(options.url, process.env['KVS_URL']);
  const timeoutMs =
    options.timeout === undefined ? defaultTimeoutMs : waitMsFrom('--timeout', options.timeout);
  const client = new KvsClient(urls, { timeoutMs, retries });
  const nodes = new NodeList(urls);
  const requester = new Requester({ nodes, timeoutMs, retries, headers: {}, fetch });
  return { client, requester, output, isJson: options.json === true, signal, commands };
}

function ownVersion(): string {
  const manifest = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

interface Interruption {
  readonly signal: AbortSignal;
  /** The exit code that it asks for; undefined while nothing has interrupted. */
  code(): number | undefined;
}

/** The first signal asks the command to end; when it doesn't in time, or at a second one, the process ends. */
function onSignals(): Interruption {
  const controller = new AbortController();
  let code: number | undefined;
  const receive = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (code !== undefined) process.exit(code);
    const exitCode = 128 + constants.signals[signal];
    code = exitCode;
    controller.abort();
    setTimeout(() => process.exit(exitCode), goodbyeMs).unref();
  };
  process.on('SIGINT', receive);
  process.on('SIGTERM', receive);
  return { signal: controller.signal, code: () => code };
}
