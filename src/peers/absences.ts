import type { Member } from '../core/membership.ts';
import type { Clock } from '../core/ports.ts';

/**
 * The most that one look at the absent may count as time gone by, ms. A wall clock that was set right after a start
 * can make years pass between two looks, and forgetting is for good.
 */
export const absenceStepMsMax = 3_600_000;

/** How long each absent member has been seen to be gone. What this node was not there to see does not count. */
export class Absences {
  readonly #clock: Clock;
  /** ms, by the member's id. */
  readonly #absentMs = new Map<string, number>();
  #lookedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lookedAt = clock.now();
  }

  /** A member gave a sign of life, or is known no more. */
  end(id: string): void {
    this.#absentMs.delete(id);
  }

  /**
   * Looks at those who are absent now; returns who has been for longer than `longMs`. To be called at least once in
   * `absenceStepMsMax`: of the time between two calls, no more than that counts.
   */
  look<Absent extends Pick<Member, 'id'>>(absent: readonly Absent[], longMs: number): readonly Absent[] {
    const now = this.#clock.now();
    const passedMs = Math.min(Math.max(now - this.#lookedAt, 0), absenceStepMsMax);
    this.#lookedAt = now;
    return absent.filter(({ id }) => {
      const absentMs = (this.#absentMs.get(id) ?? 0) + passedMs;
      this.#absentMs.set(id, absentMs);
      return absentMs > longMs;
    });
  }
}
