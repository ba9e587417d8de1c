import { describe, expect, it } from 'vitest';
import { ClusterTally } from '../src/cluster-tally.ts';
import type { StepKind, Steps } from '../src/core/ports.ts';

/** Steps that end as they are told, and have moved that much. */
function scripted(
  steps: readonly (readonly [StepKind | null | Error, fetched: number, pushed: number])[],
): Steps {
  let progress = { requests: 0, fetched: 0, pushed: 0 };
  const rest = [...steps];
  return {
    progress: () => progress,
    step: async () => {
      const [end, fetched, pushed] = rest.shift() ?? [null, 0, 0];
      progress = { ...progress, fetched, pushed };
      if (end instanceof Error) throw end;
      return end;
    },
  };
}

describe('A tally', () => {
  it('counts what an exchange moves, step by step, and its end', async () => {
    const tally = new ClusterTally();
    const exchange = tally.exchange(
      scripted([
        ['request', 0, 0],
        ['fetch', 3, 0],
        [null, 3, 2],
      ]),
    );
    await exchange.step();
    await exchange.step();
    expect([tally.differences, tally.exchanges.completed]).toEqual([{ fetched: 3, pushed: 0 }, 0]);
    expect(await exchange.step()).toBeNull();
    expect([tally.differences, tally.exchanges]).toEqual([
      { fetched: 3, pushed: 2 },
      { completed: 1, failed: 0 },
    ]);
    expect(exchange.progress()).toMatchObject({ fetched: 3, pushed: 2 });
  });

  it('counts what a failed exchange has moved, and that it failed', async () => {
    const tally = new ClusterTally();
    const exchange = tally.exchange(
      scripted([
        ['fetch', 1, 0],
        [new Error('gone'), 2, 0],
      ]),
    );
    await exchange.step();
    await expect(exchange.step()).rejects.toThrow('gone');
    expect([tally.differences.fetched, tally.exchanges]).toEqual([2, { completed: 0, failed: 1 }]);
  });

  it('counts what became of the keys of a vote', () => {
    const tally = new ClusterTally();
    const decision = { path: 'a', at: 1, winner: 'u', origin: 'n', tally: {} } as never;
    tally.vote(5, { decisions: [decision, decision], undecided: ['b' as never] });
    expect(tally.conflicts).toEqual({ decided: 2, undecided: 1, moot: 2 });
  });
});
