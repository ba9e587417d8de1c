/** How `kvs` ends, as a node and as any other command. Scripts rely on these: a number never changes its meaning. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  preconditionFailed: 4,
  unreachable: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What each one means: `kvs --help` and docs/cli.md show it. */
export const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'It is done. A node was stopped in order; whoever read the output may have gone before its end.',
  failed: 'It could not be done, or not all of it. A node failed, or did not stop in time.',
  usage: 'The command line, a path in it or the configuration is wrong. Nothing was done.',
  notFound: 'There is no such key, revision, member or actor.',
  preconditionFailed: '--if-match or --if-none-match did not hold. Nothing was written.',
  unreachable: 'No node answered, or not in time. What was asked for may have been done.',
  interrupted: 'SIGINT ended it; 143 for SIGTERM. A node ends so at a second signal only.',
};

const codesNotFound = new Set([
  'KVS_KEY_NOT_FOUND',
  'KVS_REVISION_NOT_FOUND',
  'KVS_MEMBER_NOT_FOUND',
  'KVS_ACTOR_NOT_FOUND',
]);
const codesUnreachable = new Set(['KVS_UNREACHABLE', 'KVS_TIMEOUT']);

/** How a command ends for a failure, by the code of the failure. */
export function exitCodeOf(code: string): ExitCode {
  if (codesNotFound.has(code)) return exitCodes.notFound;
  if (codesUnreachable.has(code)) return exitCodes.unreachable;
  if (code === 'KVS_PRECONDITION_FAILED') return exitCodes.preconditionFailed;
  if (code === 'KVS_USAGE' || code === 'KVS_BAD_PATH') return exitCodes.usage;
  return exitCodes.failed;
}
