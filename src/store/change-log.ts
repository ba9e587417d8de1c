import type { LoggedChange } from '../core/ports.ts';
import { logKey, logRange, parseLogKey } from './keyspace.ts';
import { decodeLogHead, decodeLogRecord } from './log-record.ts';
import { asBytes, type Level } from './level.ts';
import type { Stamp } from '../core/version.ts';

/** Commits that trimming looks at in one step. */
const trimStepCommits = 1_000;

/** Where the log stands: its last commit. */
export interface LogEnd {
  readonly sequence: number;
  readonly total: number;
  readonly clock: Stamp;
}

/**
 * What changed, in the order of commits, for whoever remembers how far it has read. It holds a bounded number of
 * entries; the oldest are trimmed, and a reader that still needed them is told to start over.
 */
export class ChangeLog {
  readonly #level: Level;
  readonly #entriesMax: number;
  /** The first sequence that is still complete: every commit from it on is in the log. */
  #first: number;
  /** Entries before `#first`, since the folder was made. */
  #totalBefore: number;
  #isTrimming = false;

  private constructor(level: Level, entriesMax: number, first: number, totalBefore: number) {
    this.#level = level;
    this.#entriesMax = entriesMax;
    this.#first = first;
    this.#totalBefore = totalBefore;
  }

  static async open(level: Level, entriesMax: number): Promise<{ log: ChangeLog; end: LogEnd }> {
    const last = await edge(level, true);
    const first = await edge(level, false);
    if (last === undefined || first === undefined) {
      const end = { sequence: 0, total: 0, clock: { timestamp: 0, counter: 0 } };
      return { log: new ChangeLog(level, entriesMax, 1, 0), end };
    }
    const oldest = decodeLogRecord(first.value);
    const log = new ChangeLog(level, entriesMax, first.sequence, oldest.total - oldest.entries.length);
    return { log, end: { sequence: last.sequence, ...decodeLogHead(last.value) } };
  }

  /**
   * Entries of the commits after `sequence` up to `end`, in order, in whole commits: at least one commit, then as
   * many as fit within `entriesMax`. Null when the log no longer reaches back that far, or `sequence` lies in the future.
   */
  async since(sequence: number, end: number, entriesMax: number): Promise<LoggedChange[] | null> {
    if (sequence > end || (sequence + 1 < this.#first && this.#totalBefore > 0)) return null;
    const changes: LoggedChange[] = [];
    const range = { ...asBytes, gt: logKey(sequence), lte: logKey(end) };
    for await (const [key, value] of this.#level.iterator<Uint8Array, Uint8Array>(range)) {
      const { entries } = decodeLogRecord(value);
      if (changes.length > 0 && changes.length + entries.length > entriesMax) break;
      const at = parseLogKey(key);
      for (const entry of entries) changes.push({ sequence: at, ...entry });
      if (changes.length >= entriesMax) break;
    }
    // It may have been trimmed while it was read.
    return sequence + 1 < this.#first && this.#totalBefore > 0 ? null : changes;
  }

  /**
   * Removes the oldest commits once the log holds a tenth more than its bound. `total` counts the entries since the folder was made.
   */
  async trim(total: number): Promise<void> {
    if (this.#isTrimming || total - this.#totalBefore <= this.#entriesMax * 1.1) return;
    this.#isTrimming = true;
    try {
      const keepAfter = total - this.#entriesMax;
      const iterator = this.#level.iterator<Uint8Array, Uint8Array>({ ...asBytes, ...logRange });
      try {
        for (;;) {
          const commits = await iterator.nextv(trimStepCommits);
          const old = commits.filter(([, value]) => decodeLogHead(value).total <= keepAfter);
          const [key, value] = old.at(-1) ?? [];
          if (key === undefined || value === undefined) break;
          this.#first = parseLogKey(key) + 1;
          this.#totalBefore = decodeLogHead(value).total;
          if (old.length < commits.length) break;
        }
      } finally {
        await iterator.close();
      }
      await this.#level.clear<Uint8Array>({
        keyEncoding: 'view',
        gte: logRange.gte,
        lt: logKey(this.#first),
      });
    } finally {
      this.#isTrimming = false;
    }
  }
}

async function edge(
  level: Level,
  reverse: boolean,
): Promise<{ sequence: number; value: Uint8Array } | undefined> {
  const range = { ...asBytes, ...logRange, reverse, limit: 1 };
  for await (const [key, value] of level.iterator<Uint8Array, Uint8Array>(range)) {
    return { sequence: parseLogKey(key), value };
  }
  return undefined;
}
