import { setTimeout as pass } from 'node:timers/promises';
import type { RealNode } from './real-node.ts';

/** Each writer goes round so many keys. */
const keysPerWriter = 30;
/** Between two writes of a writer, ms: the nodes have other work to do, and the machine other tests. */
const pauseMs = 20;

/**
 * Clients that write again and again, each to one node and to keys of its own. The values of a key are ascending
 * numbers, one after the other, so that the last acknowledged one tells what may be found later: this one, or one that
 * was sent and never answered.
 */
export class Load {
  /** The last acknowledged value of each key. */
  readonly acknowledged = new Map<string, number>();
  /** The status of each answer that was no success. */
  readonly refusals: number[] = [];
  /** Requests without an answer. */
  readonly failures: unknown[] = [];
  writes = 0;
  #isStopped = false;
  #work: Promise<unknown> = Promise.resolve();

  /** Starts one client for each node. */
  static start(nodes: readonly RealNode[]): Load {
    const load = new Load();
    load.#work = Promise.all(nodes.map((node, i) => load.#write(node, `load/${i}`)));
    return load;
  }

  get keys(): string[] {
    return [...this.acknowledged.keys()];
  }

  /** Settles when all that was sent is answered, or has failed. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work;
  }

  /** Settles once `count` more writes were acknowledged. */
  async more(count: number): Promise<void> {
    const enough = this.writes + count;
    while (this.writes < enough) await pass(pauseMs);
  }

  /** The keys whose value is older than what was acknowledged; `values`: by key. */
  lostIn(values: Readonly<Record<string, unknown>>): string[] {
    return [...this.acknowledged]
      .filter(([key, value]) => typeof values[key] !== 'number' || values[key] < value)
      .map(([key, value]) => `${key}: ${value} was acknowledged, ${String(values[key])} is there`);
  }

  async #write(node: RealNode, prefix: string): Promise<void> {
    for (let n = 1; !this.#isStopped; n++) {
      await this.#put(node, `${prefix}/${n % keysPerWriter}`, n);
      await pass(pauseMs);
    }
  }

  async #put(node: RealNode, key: string, value: number): Promise<void> {
    try {
      const { status } = await node.request('PUT', `/kv/${key}`, String(value));
      if (status !== 200 && status !== 201) {
        this.refusals.push(status);
        return;
      }
      this.acknowledged.set(key, value);
      this.writes++;
    } catch (error) {
      this.failures.push(error);
    }
  }
}
