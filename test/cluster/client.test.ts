import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { KvsClient, type KvsClientError, type Watch } from '../../src/client/client.ts';
import { collect } from '../client/collect.ts';
import { clusterTestMs, RealCluster } from './real-cluster.ts';

/** What a reader of a watch holds: it lists anew whenever it is told to. */
class Replica {
  readonly values = new Map<string, unknown>();
  resets = 0;
  readonly #client: KvsClient;
  readonly #watch: Watch;

  constructor(client: KvsClient) {
    this.#client = client;
    this.#watch = client.watch('k/');
    onTestFinished(async () => void (await this.#watch.return()));
  }

  async start(): Promise<void> {
    await this.#watch.open();
    await this.#list();
    void this.#follow();
  }

  async #list(): Promise<void> {
    this.values.clear();
    for await (const { path, value } of this.#client.list('k/', { recursive: true, values: true })) {
      this.values.set(path, value);
    }
  }

  async #follow(): Promise<void> {
    for await (const event of this.#watch) {
      if (event.event === 'reset') {
        this.resets++;
        await this.#list();
      } else if (event.event === 'put') this.values.set(event.path, event.value);
      else this.values.delete(event.path);
    }
  }
}

/** A client that may write again what it was not told the end of; returns how often it had to. */
async function putAtLast(client: KvsClient, path: string, value: unknown): Promise<number> {
  for (let failures = 0; ; failures++) {
    try {
      await client.put(path, value);
      return failures;
    } catch (error) {
      // Only this one leaves open whether it was done.
      expect((error as KvsClientError).code).toBe('KVS_UNREACHABLE');
    }
  }
}

describe('A client of three nodes', { timeout: clusterTestMs }, () => {
  it('reads, writes and watches on while its node is killed', async () => {
    const cluster = await RealCluster.start(3);
    await cluster.waitMembers(3);
    await cluster.waitWritable();
    const client = new KvsClient(cluster.nodes.map(({ url }) => url));
    expect((await client.health()).nodeId).toBe('node1');
    const replica = new Replica(client);
    await replica.start();

    const expected = new Map<string, unknown>();
    let killed: Promise<void> | undefined;
    let failures = 0;
    for (let i = 0; i < 120; i++) {
      // By now every key is there, wherever it is asked for.
      if (i === 60) killed = cluster.node(1).kill9();
      const path = `k/${i % 50}`;
      failures += await putAtLast(client, path, i);
      expected.set(path, i);
      expect(await client.get(path)).toBeDefined();
    }
    await killed;
    // One write at most was under way.
    expect(failures).toBeLessThanOrEqual(1);
    expect((await client.health()).nodeId).not.toBe('node1');
    await client.delete('k/0');
    expected.delete('k/0');

    await cluster.waitFor('all that was written, by the watch', async () => {
      return replica.resets > 0 && isDeepStrictEqual(replica.values, expected);
    });
    expect(replica.resets).toBe(1);
    await cluster.node(1).start();
    await cluster.waitSameData();
    const listed = await collect(new KvsClient(cluster.node(1).url).list('k/', { values: true }));
    expect(new Map(listed.map(({ path, value }) => [path, value]))).toEqual(expected);
  });

  it('reads on at another node when its own hangs, and writes there what can’t have been written', async () => {
    const cluster = await RealCluster.start(2);
    await cluster.waitMembers(2);
    await cluster.waitWritable();
    const [first, second] = [cluster.node(1), cluster.node(2)];
    const client = new KvsClient([first.url, second.url], { timeoutMs: 3_000, retries: 2 });
    await client.put('a', 1);
    await cluster.waitEqual(['a']);
    first.sigstop();
    await expect(client.put('a', 2)).rejects.toMatchObject({ code: 'KVS_TIMEOUT' });
    expect(await client.get('a')).toMatchObject({ value: 1 });
    // From now on it asks the one that answered.
    expect(await client.put('a', 3)).toMatchObject({ created: false });
    first.sigcont();
    await cluster.waitSameData();
  });
});
