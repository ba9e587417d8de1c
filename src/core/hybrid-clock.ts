import { KvsError } from './errors.ts';
import { limits } from './limits.ts';
import { compareStamps, type Stamp } from './version.ts';
import type { Clock } from './ports.ts';

/**
 * A hybrid logical clock (Kulkarni et al. 2014, "Logical Physical Clocks", figure 5). Its milliseconds are the wall
 * clock's while clocks behave; its counter orders what happens within one of them, or while the wall clock
 * stands behind what was already seen.
 */
export class HybridClock {
  #latest: Stamp = { timestamp: 0, counter: 0 };
  readonly #clock: Clock;
  readonly #driftMsMax: number;

  /** `driftMsMax`: how far ahead of the wall clock a peer's stamp may stand and still be adopted, in ms. */
  constructor(clock: Clock, driftMsMax: number) {
    this.#clock = clock;
    this.#driftMsMax = driftMsMax;
  }

  /** The greatest stamp that was given out or adopted. */
  get latest(): Stamp {
    return this.#latest;
  }

  /**
   * A stamp for a local write: above everything this clock gave out or adopted, and above `replaced`, the stamp of
   * the version that the write replaces. When only `replaced` stands too far ahead of the wall clock, the write
   * still gets its stamp but the clock doesn't follow: one poisoned key poisons no other.
   *
   * @throws KvsError KVS_STORAGE_FAILED when no greater stamp exists, after 2^32 writes over the last millisecond
   */
  next(replaced?: Stamp): Stamp {
    const wallMs = Math.min(this.#clock.now(), limits.timestampMsMax);
    const own = above(this.#latest, wallMs);
    if (replaced === undefined || compareStamps(own, replaced) > 0) {
      this.#latest = own;
      return own;
    }
    const stamp = above(replaced, wallMs);
    this.#latest = this.#isTooFarAhead(stamp, wallMs) ? own : stamp;
    return stamp;
  }

  /**
   * Takes note of a stamp that came from elsewhere, so that later local stamps stand above it.
   * Returns false, and adopts nothing, when it stands more than `driftMsMax` ahead of the wall clock.
   */
  observe(stamp: Stamp): boolean {
    if (this.#isTooFarAhead(stamp, this.#clock.now())) return false;
    if (compareStamps(stamp, this.#latest) > 0) {
      this.#latest = { timestamp: stamp.timestamp, counter: stamp.counter };
    }
    return true;
  }

  /** Sets the clock to what it had reached before a restart, however far ahead that is. */
  restore(stamp: Stamp): void {
    if (compareStamps(stamp, this.#latest) > 0) {
      this.#latest = { timestamp: stamp.timestamp, counter: stamp.counter };
    }
  }

  #isTooFarAhead(stamp: Stamp, wallMs: number): boolean {
    return stamp.timestamp > wallMs + this.#driftMsMax;
  }
}

function above(floor: Stamp, wallMs: number): Stamp {
  if (wallMs > floor.timestamp) return { timestamp: wallMs, counter: 0 };
  if (floor.counter < limits.counterMax) return { timestamp: floor.timestamp, counter: floor.counter + 1 };
  if (floor.timestamp < limits.timestampMsMax) return { timestamp: floor.timestamp + 1, counter: 0 };
  throw new KvsError('KVS_STORAGE_FAILED', 'No stamp is left above the version that this write replaces');
}
