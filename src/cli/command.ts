import type { KvsClient } from '../client/kvs-client.ts';
import type { Requester } from '../client/requester.ts';
import type { ExitCode } from './exit-codes.ts';
import type { CommandName } from './invocation.ts';
import type { Output } from './output.ts';

export interface OptionSpec {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  /** True where it may be given several times. */
  readonly multiple?: boolean;
  /** What its value is called in texts; for those of type string. */
  readonly value?: string;
  /** All values that it may have. */
  readonly choices?: readonly string[];
  /** One line for people. */
  readonly summary: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** The values of options, as `parseArgs` gives them. */
export type OptionValues<O extends OptionSpecs> = {
  readonly [Name in keyof O]?: O[Name]['type'] extends 'boolean'
    ? boolean
    : O[Name] extends { multiple: true }
      ? readonly string[]
      : string;
};

export interface WordSpec {
  /** As texts show it. */
  readonly name: string;
  readonly isOptional?: boolean;
  /** What a shell offers for it. */
  readonly completes: 'path' | 'prefix' | 'file' | 'actor' | 'member' | 'none' | readonly string[];
}

/** All that a command gets from outside itself. */
export interface Context {
  readonly client: KvsClient;
  /** For what the client has no call: it asks the same nodes in the same way. */
  readonly requester: Requester;
  readonly output: Output;
  /** True: what is written is for programs, a JSON text on each line. */
  readonly isJson: boolean;
  /** Aborted at SIGINT and SIGTERM. What has no end of its own ends then. */
  readonly signal: AbortSignal;
  readonly commands: Commands;
}

export type Commands = Readonly<Record<CommandName, Command>>;

export interface CommandSpec<O extends OptionSpecs> {
  readonly name: CommandName;
  /** One line for people. */
  readonly summary: string;
  readonly words: readonly WordSpec[];
  readonly options: O;
  /** More for `--help`, in paragraphs of whole lines. */
  readonly details?: string;
  /** Lines of a shell, each with what it does where that isn't plain. */
  readonly examples: readonly string[];
  run(context: Context, words: readonly string[], options: OptionValues<O>): Promise<ExitCode>;
}

/** A command whose options are known to itself only. */
export type Command = CommandSpec<OptionSpecs>;

/** Lets a command read its options by their types, and hides these from the table of all commands. */
export function defineCommand<const O extends OptionSpecs>(spec: CommandSpec<O>): Command {
  return {
    ...spec,
    run: (context, words, options) => spec.run(context, words, options as OptionValues<O>),
  };
}

/** Options of every command. */
export const globalOptions = {
  url: {
    type: 'string',
    multiple: true,
    value: 'URL',
    summary: 'A node; given again, further ones to turn to. Default: KVS_URL, or http://127.0.0.1:8080',
  },
  json: { type: 'boolean', summary: 'Write JSON for programs: one text on each line, errors too' },
  timeout: {
    type: 'string',
    value: 'SECONDS',
    summary: 'How long to wait for an answer, and for the next piece of one. Default: 10',
  },
  help: { type: 'boolean', short: 'h', summary: 'Print what the command does and takes' },
  version: { type: 'boolean', short: 'v', summary: 'Print the version' },
} as const satisfies OptionSpecs;
