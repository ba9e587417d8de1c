import type { Steps, VoteResult } from './core/ports.ts';

/** What a node's part in its cluster has done since its start, in numbers. Counted around the machines, not in them. */
export class ClusterTally {
  /** Comparisons with a member: brought to their end, or given up. */
  readonly exchanges = { completed: 0, failed: 0 };
  /** Versions that a comparison found greater there, or here. */
  readonly differences = { fetched: 0, pushed: 0 };
  /**
   * Keys that went into a vote: it found a winner; the winner could not be had; or something newer, or somebody else's
   * vote, had settled the matter. A vote may be held again.
   */
  readonly conflicts = { decided: 0, undecided: 0, moot: 0 };
  /** Keys of which two versions of one instant were seen, as often as they were. */
  conflictsDetected = 0;

  /** The same exchange, counted. */
  exchange(steps: Steps): Steps {
    let before = differencesOf(steps);
    const step = async () => {
      try {
        const kind = await steps.step();
        if (kind === null) this.exchanges.completed++;
        return kind;
      } catch (error) {
        this.exchanges.failed++;
        throw error;
      } finally {
        const now = differencesOf(steps);
        this.differences.fetched += now.fetched - before.fetched;
        this.differences.pushed += now.pushed - before.pushed;
        before = now;
      }
    };
    return { step, progress: () => steps.progress() };
  }

  vote(keys: number, { decisions, undecided }: VoteResult): void {
    this.conflicts.decided += decisions.length;
    this.conflicts.undecided += undecided.length;
    this.conflicts.moot += keys - decisions.length - undecided.length;
  }
}

function differencesOf(steps: Steps): { readonly fetched: number; readonly pushed: number } {
  const { fetched = 0, pushed = 0 } = steps.progress();
  return { fetched, pushed };
}
