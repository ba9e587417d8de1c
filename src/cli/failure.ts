import { exitCodeOf, type ExitCode } from './exit-codes.ts';

/** What the user can do about it, to be told with the failure. */
const hints: Readonly<Record<string, string>> = {
  KVS_UNREACHABLE: '--url or KVS_URL names another node',
  KVS_TIMEOUT: '--timeout SECONDS waits longer',
  KVS_BAD_BODY: '--type text/plain takes text, --type application/octet-stream any bytes',
  KVS_READ_ONLY: 'another node may take writes; --url or KVS_URL names it',
  KVS_SYNCING: 'the node takes writes when it has the data; kvs health tells',
  KVS_OVERLOADED: 'try again in a moment',
  KVS_NOT_READY: 'try again in a moment',
  KVS_FORBIDDEN: "ask on the node's own machine, or set its key debug",
  KVS_PRECONDITION_FAILED: 'kvs get PATH --json tells which version there is',
  KVS_NO_QUORUM: '--consistency local reads what this one node has',
  KVS_REVISION_NOT_FOUND: 'kvs revisions PATH tells which there are',
  KVS_MEMBER_NOT_FOUND: 'kvs members tells which there are',
  KVS_ACTOR_NOT_FOUND: 'kvs debug tells which there are',
};

/** Something that could not be done, as a user is told of it. */
export interface Failure {
  /** Stable: that of the node or the client, or one of ours. */
  readonly code: string;
  readonly detail: string;
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;
}

/** A failure that a command finds out by itself. */
export class CommandError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'CommandError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** The command line is wrong. */
export class UsageError extends CommandError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super('KVS_USAGE', message, options);
    this.name = 'UsageError';
  }
}

/** What is told of an error; of one that nobody foresaw too. */
export function failureOf(error: unknown): Failure {
  const { code, detail, hint, syscall } = error as Readonly<Record<string, unknown>>;
  const message = error instanceof Error ? error.message : String(error);
  const isSystems = typeof syscall === 'string';
  const known = isSystems ? 'KVS_FILE' : typeof code === 'string' ? code : 'KVS_FAILED';
  return {
    code: known,
    // Node.js writes `ENOENT: no such file or directory, open 'a'`.
    detail: typeof detail === 'string' && detail !== '' ? detail : message.replace(/^E[A-Z]+: /, ''),
    hint: typeof hint === 'string' ? hint : hints[known],
    exitCode: exitCodeOf(known),
  };
}

/** The one line that a user gets. */
export function lineOf({ code, detail, hint }: Failure): string {
  const sentence = detail.replace(/\.$/, '');
  return `kvs: ${code}: ${sentence}${hint === undefined ? '' : ` (${hint})`}`;
}

export function noSuchKey(path: string): CommandError {
  return new CommandError('KVS_KEY_NOT_FOUND', `There is no key "${path}"`);
}

export function noSuchRevision(path: string, revision: string): CommandError {
  return new CommandError('KVS_REVISION_NOT_FOUND', `There is no revision "${revision}" of "${path}"`);
}
