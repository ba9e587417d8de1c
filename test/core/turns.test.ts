import { describe, expect, it } from 'vitest';
import { Turns } from '../../src/core/turns.ts';

/** A task that ends when it is told to. */
class Task {
  hasBegun = false;
  end = (_failure?: Error): void => undefined;

  readonly run = (): Promise<void> => {
    this.hasBegun = true;
    return new Promise((resolve, reject) => {
      this.end = (failure) => (failure === undefined ? resolve() : reject(failure));
    });
  };
}

const begun = (tasks: readonly Task[]) => tasks.map(({ hasBegun }) => hasBegun);

describe('tasks that take turns', () => {
  it('run so many at one time, and the others as soon as one has ended, in order, also when it failed', async () => {
    const turns = new Turns(2);
    const tasks = Array.from({ length: 5 }, () => new Task());
    const ended = tasks.map(({ run }) => turns.run(run));
    expect(begun(tasks)).toEqual([true, true, false, false, false]);
    tasks[1]?.end(new Error('failed'));
    await expect(ended[1]).rejects.toThrow('failed');
    expect(begun(tasks)).toEqual([true, true, true, false, false]);
    for (const at of [0, 2]) {
      tasks[at]?.end();
      await ended[at];
    }
    expect(begun(tasks)).toEqual([true, true, true, true, true]);
    for (const at of [3, 4]) tasks[at]?.end();
    await Promise.all([ended[3], ended[4]]);

    const later = [new Task(), new Task(), new Task()];
    for (const { run } of later) void turns.run(run);
    expect(begun(later)).toEqual([true, true, false]);
  });

  it('settle with what the task settles with', async () => {
    expect(await new Turns(1).run(async () => 'result')).toBe('result');
  });
});
