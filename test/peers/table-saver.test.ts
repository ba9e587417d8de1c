import { describe, expect, it } from 'vitest';
import { pauseMs, TableSaver } from '../../src/peers/table-saver.ts';
import { ManualTimers } from '../manual-timers.ts';
import { RecordingLogger } from '../store/harness.ts';

/** A table of one number, whose saves end when the test says so. */
class SavesUnderTest {
  readonly logger = new RecordingLogger();
  readonly timers = new ManualTimers();
  readonly begun: number[] = [];
  readonly saver: TableSaver;
  value = 0;
  end: (error?: Error) => void = () => undefined;

  constructor() {
    this.saver = new TableSaver({
      encode: () => Uint8Array.of(this.value),
      save: (bytes) => {
        this.begun.push(...bytes);
        return new Promise((resolve, reject) => {
          this.end = (error) => (error === undefined ? resolve() : reject(error));
        });
      },
      logger: this.logger,
      timers: this.timers,
    });
  }

  change(): void {
    this.value++;
    this.saver.save();
  }

  async untilBegun(count: number): Promise<void> {
    while (this.begun.length < count) await Promise.resolve();
  }
}

/** Lets everything run that a settled promise sets going. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a saver', () => {
  it('writes once what came at once, and again what came meanwhile', async () => {
    const t = new SavesUnderTest();
    t.change();
    t.change();
    await t.untilBegun(1);
    t.change();
    t.change();
    const saved = t.saver.saved();
    t.end();
    await t.untilBegun(2);
    t.end();
    await saved;
    expect(t.begun).toEqual([2, 4]);
  });

  it('pauses after each save, unless somebody waits', async () => {
    const t = new SavesUnderTest();
    t.change();
    await t.untilBegun(1);
    t.end();
    await settled();
    t.change();
    t.timers.advance(pauseMs - 1);
    await settled();
    expect(t.begun).toEqual([1]);
    t.timers.advance(1);
    await t.untilBegun(2);
    t.end();
    await settled();
    t.change();
    const saved = t.saver.saved();
    await t.untilBegun(3);
    t.end();
    await saved;
    expect(t.begun).toEqual([1, 2, 3]);
  });

  it('that fails says so once in the log and to whoever waits, and tries again after a pause', async () => {
    const t = new SavesUnderTest();
    const failed = t.saver.saved().catch((error: unknown) => error);
    const failure = new Error('no disk');
    await t.untilBegun(1);
    t.end(failure);
    expect(await failed).toBe(failure);
    await settled();
    t.timers.advance(pauseMs);
    await t.untilBegun(2);
    t.end(failure);
    await settled();
    t.timers.advance(pauseMs);
    await t.untilBegun(3);
    t.end();
    await settled();
    t.timers.advance(pauseMs);
    await settled();
    expect(t.begun).toHaveLength(3);
    expect(t.logger.lines).toEqual([{ level: 'warn', message: 'The member list could not be saved' }]);
  });

  it('tells whoever waits of the save with what it waits for, however much changes after it', async () => {
    const t = new SavesUnderTest();
    t.change();
    await t.untilBegun(1);
    t.change();
    const saved = t.saver.saved();
    t.change();
    t.end();
    await t.untilBegun(2);
    t.change();
    t.end();
    await saved;
    expect(t.begun).toEqual([1, 3]);
  });

  it('closes with what has changed last, or with the failure to save it', async () => {
    const t = new SavesUnderTest();
    t.change();
    await t.untilBegun(1);
    t.change();
    t.end(new Error('no disk'));
    await settled();
    const closed = t.saver.close();
    await t.untilBegun(2);
    t.end(new Error('no disk'));
    await closed;
    expect(t.begun).toEqual([1, 2]);
    expect(t.timers.pending).toBe(0);
  });

  it('closes when what is under way is saved, and writes nothing from then on', async () => {
    const t = new SavesUnderTest();
    t.change();
    await t.untilBegun(1);
    const closed = t.saver.close();
    t.change();
    t.end();
    await closed;
    await t.saver.saved();
    expect(t.begun).toEqual([1]);
  });
});
