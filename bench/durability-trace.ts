/** One system call of a traced process; `from` and `to` are the lines of the trace where it begins and ends. */
export interface SystemCall {
  readonly name: string;
  /** The file that it is about. */
  readonly path: string;
  /** Everything between the parentheses. */
  readonly text: string;
  readonly from: number;
  to: number;
  succeeded: boolean;
}

export interface Verdict {
  readonly acknowledgements: number;
  /** Log files that acknowledged writes went to. */
  readonly logs: number;
  readonly logSyncs: number;
  readonly folderSyncs: number;
  /** One sentence for each acknowledgement that came too early. */
  readonly violations: readonly string[];
}

/**
 * Reads what `strace -f -y` wrote. A call that others overtook stands on two lines: `write(1<...> <unfinished ...>` and
 * `<... write resumed>) = 5`.
 */
export function parseTrace(trace: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<string, SystemCall>();
  trace.split('\n').forEach((line, at) => {
    const [, thread = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>.*= (-?\d+)/.exec(rest);
    if (resumed !== null) {
      const call = unfinished.get(thread);
      if (call === undefined) return;
      unfinished.delete(thread);
      call.to = at;
      call.succeeded = Number(resumed[1]) >= 0;
      return;
    }
    const begun = /^(\w+)\((.*)$/.exec(rest);
    if (begun === null) return;
    const [, name = '', text = ''] = begun;
    const isUnfinished = text.endsWith('<unfinished ...>');
    const result = / = (-?\d+)[^"]*$/.exec(text);
    const call: SystemCall = {
      name,
      path: pathOf(name, text),
      text,
      from: at,
      to: isUnfinished ? Infinity : at,
      succeeded: !isUnfinished && result !== null && Number(result[1]) >= 0,
    };
    calls.push(call);
    if (isUnfinished) unfinished.set(thread, call);
  });
  return calls;
}

/**
 * Holds every line `ACK <key>` on standard output against what was done to the log before it: the write of the key had
 * ended, then a sync of the same file had begun and ended, and since the file was made, one of its folder too. A log
 * that was removed before the acknowledgement is no loss: the engine removes it once its content is in synced tables.
 */
export function judge(calls: readonly SystemCall[], folder: string): Verdict {
  const isLog = ({ path }: SystemCall) => path.startsWith(`${folder}/`) && path.endsWith('.log');
  const isSync = ({ name, succeeded }: SystemCall) => (name === 'fdatasync' || name === 'fsync') && succeeded;
  const writes = calls.filter((call) => /write/.test(call.name) && isLog(call));
  const made = calls.filter((call) => call.name === 'openat' && call.text.includes('O_CREAT') && isLog(call));
  const removed = calls.filter((call) => call.name === 'unlink' && call.succeeded && isLog(call));
  const logSyncs = calls.filter((call) => isSync(call) && isLog(call));
  const folderSyncs = calls.filter((call) => isSync(call) && call.path === folder);

  const logs = new Set<string>();
  const violations: string[] = [];
  let acknowledgements = 0;
  for (const call of calls) {
    const key = /^1<[^>]*>, "ACK ([\w-]+)\\n"/.exec(call.text)?.[1];
    if (call.name !== 'write' || key === undefined) continue;
    acknowledgements++;
    const isBetween = (sync: SystemCall, after: number) => sync.from > after && sync.to < call.from;
    const written = writes.filter((write) => write.text.includes(key)).at(-1);
    if (written === undefined || written.to > call.from) {
      violations.push(`${key} was acknowledged before it was written`);
      continue;
    }
    const { path } = written;
    logs.add(path);
    if (removed.some((removal) => removal.path === path && isBetween(removal, written.to))) continue;
    const madeAt = made.find((making) => making.path === path)?.to ?? -1;
    if (!logSyncs.some((sync) => sync.path === path && isBetween(sync, written.to))) {
      violations.push(`${key} was acknowledged before ${path} was synced`);
    } else if (!folderSyncs.some((sync) => isBetween(sync, madeAt))) {
      violations.push(`${key} was acknowledged before the folder of the new file ${path} was synced`);
    }
  }
  return {
    acknowledgements,
    logs: logs.size,
    logSyncs: logSyncs.length,
    folderSyncs: folderSyncs.length,
    violations,
  };
}

/** `fdatasync(21</data/000004.log>)` is about an open file, `openat(AT_FDCWD</>, "/data/000004.log", ...)` about a name. */
function pathOf(name: string, text: string): string {
  const path = /^(openat|unlink)$/.test(name) ? /"([^"]*)"/.exec(text)?.[1] : /^\d+<([^>]*)>/.exec(text)?.[1];
  return (path ?? '').replace(/ \(deleted\)$/, '').replace(/\/{2,}/g, '/');
}
