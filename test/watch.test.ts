import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { onTestFinished, afterEach, describe, expect, it } from 'vitest';
import { NodeProcess, temporaryFolder } from './node-process.ts';
import { addressOf, runNode } from './running-node.ts';
import { WatchReader } from './http/watch-reader.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const cuts = 100;
const writers = 16;
const keysOfWriter = 8;
/** Writes a second, of all writers together. */
const writesPerSecond = 1_000;

interface Acknowledged {
  readonly uuid: string;
  readonly timestamp: number;
}

/** The versions that were acknowledged, by path, in the order in which they were made. */
type Writes = Map<string, Acknowledged[]>;

async function put(agent: Agent, url: string, path: string, body: string): Promise<Acknowledged> {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
  const outgoing = request(`${url}/kv/${path}`, { agent, method: 'PUT', headers });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(response, 'end');
  if ((response.statusCode ?? 0) >= 300) throw new Error(text);
  return JSON.parse(text) as Acknowledged;
}

/** A node that is killed and started anew on its folder, and its port. */
class Restarted {
  url = '';
  readonly #folder: string;
  #node: NodeProcess | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    onTestFinished(async () => this.#node?.kill());
  }

  async start(): Promise<void> {
    const port = this.url === '' ? 0 : Number(new URL(this.url).port);
    const { node, url } = await NodeProcess.start(this.#folder, { port });
    this.#node = node;
    this.url = url;
  }

  async kill(): Promise<void> {
    await this.#node?.kill();
  }
}

/** Writes its keys in turn, at its share of the rate, until it is told to end; what got no answer is in `unknown`. */
async function writeOn(
  node: Restarted,
  name: string,
  writes: Writes,
  isOver: () => boolean,
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let unknown = 0;
  const beganAt = performance.now();
  for (let i = 0; !isOver(); i++) {
    const dueAt = beganAt + (i * writers * 1_000) / writesPerSecond;
    const earlyMs = dueAt - performance.now();
    if (earlyMs > 0) await new Promise((resolve) => setTimeout(resolve, earlyMs));
    const path = `${name}/${i % keysOfWriter}`;
    try {
      const version = await put(agent, node.url, path, String(i));
      const versions = writes.get(path);
      if (versions === undefined) writes.set(path, [version]);
      else versions.push(version);
    } catch {
      unknown++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  agent.destroy();
  return unknown;
}

describe('A watch that is cut 100 times while clients write and the node is killed', () => {
  it('misses no change but one that a later one replaced, and gets none twice', async () => {
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const node = new Restarted(folder.path);
    await node.start();
    const writes: Writes = new Map();
    let isOver = false;
    const writing = Array.from({ length: writers }, (_, i) => writeOn(node, `w${i}`, writes, () => isOver));

    const seen: { path: string; uuid: string }[] = [];
    let lastId: string | undefined;
    const readOnce = async (enough: number | (() => boolean), onOpen = () => {}): Promise<void> => {
      const reader = await WatchReader.open(`${node.url}/kv/?watch`, lastId);
      onOpen();
      const isEnough = typeof enough === 'number' ? () => reader.events.length >= enough : enough;
      const note = () => {
        for (const { event, data } of reader.events.splice(0)) {
          expect(event).toBe('put');
          seen.push({ path: data.path ?? '', uuid: data.uuid ?? '' });
        }
        lastId = reader.lastId;
      };
      try {
        await reader.until(() => {
          if (typeof enough !== 'number') note();
          return isEnough();
        });
      } catch {
        // The node was killed; what had come by then counts.
      }
      reader.close();
      note();
    };
    for (let cut = 0; cut < cuts; cut++) {
      if (cut === cuts / 2) {
        let killing: Promise<void> | undefined;
        await readOnce(Infinity, () => {
          killing = node.kill();
        });
        await killing;
        await node.start();
      } else {
        // Somewhere between no event and some commits.
        await readOnce(Math.floor(Math.random() * 20));
      }
    }
    isOver = true;
    const unknown = (await Promise.all(writing)).reduce((sum, count) => sum + count, 0);
    await put(new Agent(), node.url, 'end', '1');
    await readOnce(() => seen.at(-1)?.path === 'end');

    const uuids = seen.map(({ uuid }) => uuid);
    expect(new Set(uuids).size).toBe(uuids.length);
    const positions = new Map(uuids.map((uuid, position) => [uuid, position]));
    let written = 0;
    for (const [path, versions] of writes) {
      written += versions.length;
      const told = versions.map(({ uuid }) => positions.get(uuid)).filter((at) => at !== undefined);
      expect(told, `the order of ${path}`).toEqual(told.toSorted((a, b) => a - b));
      const last = versions.at(-1)?.uuid ?? '';
      const lastSeen = seen.findLast((event) => event.path === path)?.uuid;
      // What was not acknowledged may have been written all the same, and be the last one.
      if (lastSeen !== last) {
        expect(versions.map(({ uuid }) => uuid)).not.toContain(lastSeen);
        expect(unknown).toBeGreaterThan(0);
      }
    }
    expect(written).toBeGreaterThan(cuts);
  });
});

describe('A watch of a node', () => {
  it('hears of what is written and deleted at the other ones', async () => {
    const first = await runNode();
    const hurried = {
      gossip_interval_min: 0.1,
      gossip_interval_max: 0.2,
      sync_interval: 1,
      catchup_interval: 0.3,
    };
    const others = [];
    for (const node_id of ['node2', 'node3']) {
      others.push(await runNode({ node_id, seed_nodes: [addressOf(first)], ...hurried }));
    }
    const readers = await Promise.all(
      [first, ...others].map(({ url }) => WatchReader.open(`${url}/kv/a/?watch`)),
    );
    cleanups.push(() => readers.forEach((reader) => reader.close()));
    const agent = new Agent();
    const made = await put(agent, first.url, 'a/b', '{"v":1}');
    await Promise.all(readers.map((reader) => reader.untilTold('put a/b')));
    expect((await fetch(`${first.url}/kv/a/b`, { method: 'DELETE' })).status).toBe(204);
    await Promise.all(readers.map((reader) => reader.untilTold('delete a/b')));
    for (const { events } of readers) {
      expect(events.map(({ event }) => event)).toEqual(['put', 'delete']);
      expect(events[0]?.data).toMatchObject({ ...made, value: { v: 1 } });
    }
  });
});
