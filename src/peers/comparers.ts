import { limits } from '../core/limits.ts';
import type { PeerCallName } from '../core/peer-calls.ts';
import type { Clock } from '../core/ports.ts';

/** What a member asks for that compares its data with this node's. */
const questions: ReadonlySet<PeerCallName> = new Set([
  'compare',
  'branches',
  'leaves',
  'entries',
  'changes',
  'fetch',
  'get',
] as const);

/** A member that has asked nothing for so long has given up, ms. */
export const comparingMs = 1_000;

/**
 * The members that compare their data with this node's just now: it need not do the same at the same time. At most
 * `limits.membersMax`; for one more the one that asked longest ago goes.
 */
export class Comparers {
  readonly #clock: Clock;
  /** When each asked last, ms since the epoch, the last one last. */
  readonly #askedAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be called with each call of a member. */
  note(id: string, name: PeerCallName): void {
    if (name === 'complete') this.#askedAt.delete(id);
    if (!questions.has(name)) return;
    this.#askedAt.delete(id);
    if (this.#askedAt.size >= limits.membersMax) this.#forgetFirst();
    this.#askedAt.set(id, this.#clock.now());
  }

  isComparing(id: string): boolean {
    const at = this.#askedAt.get(id);
    // The clock may have been set back meanwhile.
    return at !== undefined && Math.abs(this.#clock.now() - at) < comparingMs;
  }

  #forgetFirst(): void {
    const [first] = this.#askedAt.keys();
    if (first !== undefined) this.#askedAt.delete(first);
  }
}
