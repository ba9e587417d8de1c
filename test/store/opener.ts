import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** After this an open is taken for one that never ends, ms. */
const deadlineMs = 20_000;

export interface Opened {
  /** How many records there are, with none missing in between; `wrong` when one is; or the code that the open failed with. */
  readonly records: number | string;
  /** How many bytes were cut off, for each log that had a tail. */
  readonly cut: readonly number[];
  /** Files of the folder that were open after the close. */
  readonly openFiles: number;
}

/**
 * Opens folders in another process, as an open that never ends would take a thread of this one for ever. The process is
 * started anew when it had to be ended.
 */
export class Opener {
  readonly #waiting = new Map<string, (opened: Opened) => void>();
  #child: ReturnType<typeof spawnChild> | undefined;

  async open(folder: string): Promise<Opened> {
    this.#child ??= this.#spawn();
    const child = this.#child;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Opened>((resolve, reject) => {
        this.#waiting.set(folder, resolve);
        timer = setTimeout(() => reject(new Error(`Opening ${folder} did not end`)), deadlineMs);
        child.stdin.write(`${folder}\n`);
      });
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(folder);
    }
  }

  async close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  }

  #spawn() {
    const child = spawnChild();
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { folder, opened } = JSON.parse(line) as { folder: string; opened: Opened };
      this.#waiting.get(folder)?.(opened);
    });
    return child;
  }
}

function spawnChild() {
  const script = join(import.meta.dirname, 'open-child.ts');
  return spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['pipe', 'pipe', 'inherit'] });
}
