import { afterEach, describe, expect, it, vi } from 'vitest';
import { EventLoopDelay, lateMsMax, lookIntervalMs } from '../../src/metrics/event-loop-delay.ts';

afterEach(() => void vi.useRealTimers());

/** How many waits there are, and the sum of them, ms. */
function noted(lateMs: number): readonly [count: number, sumMs: number] {
  const delay = new EventLoopDelay();
  delay.note(lateMs);
  return [delay.waits.cumulated().at(-1) ?? NaN, Math.round(delay.waits.sum * 1_000)];
}

describe('the delay of the event loop', () => {
  it('is nothing for a look that comes in time, or too early', () => {
    expect([noted(0), noted(-1)]).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });

  it('is that of the look, and of all that would have come while it was late', () => {
    expect(noted(19)).toEqual([1, 19]);
    expect(noted(50)).toEqual([3, 50 + 30 + 10]);
  });

  it('is counted no farther back than for a minute, however long the process was stopped', () => {
    const [count, sumMs] = noted(86_400_000);
    expect([count, sumMs]).toEqual([lateMsMax / lookIntervalMs + 1, (count * lateMsMax) / 2]);
  });

  it('is looked at until it is stopped', () => {
    vi.useFakeTimers();
    const delay = new EventLoopDelay();
    delay.start();
    vi.advanceTimersByTime(5 * lookIntervalMs);
    delay.stop();
    vi.advanceTimersByTime(5 * lookIntervalMs);
    expect([delay.waits.cumulated().at(-1), delay.waits.sum]).toEqual([5, 0]);
  });
});
