import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { PageFiles } from '../../src/http/page-files.ts';

const pageFolder = fileURLToPath(new URL('../../dist/page/', import.meta.url));

export interface BusyOptions {
  readonly members: number;
  readonly eventsPerSecond: number;
}

/** Between two bundles of events, ms. */
const bundleMs = 25;

/** What answers as a node of a large and busy cluster would, and serves the page; nothing of it is real. */
export class BusyNode {
  readonly #server: Server;
  readonly #options: BusyOptions;
  readonly #startedAt = Date.now();
  readonly #streams = new Set<ServerResponse>();
  #timer: NodeJS.Timeout | undefined;
  #lastId = 0;
  #owed = 0;
  #commits = 0;

  private constructor(options: BusyOptions) {
    this.#options = options;
    const page = new PageFiles(pageFolder);
    this.#server = createServer((request, response) => {
      const path = request.url?.split('?', 1)[0] ?? '';
      if (path === '/debug/events') this.#stream(response);
      else if (path === '/debug/' || path.startsWith('/debug/assets/')) {
        void page
          .get(path === '/debug/' ? 'index.html' : path.slice('/debug/assets/'.length))
          .then((file) => {
            response.writeHead(file === undefined ? 404 : 200, {
              'Content-Type': file?.contentType ?? 'text/plain',
            });
            return response.end(file?.bytes);
          });
      } else {
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(this.#answer(path, request.url ?? '')));
      }
    });
  }

  static async start(options: BusyOptions): Promise<BusyNode> {
    const node = new BusyNode(options);
    node.#server.listen(0, '127.0.0.1');
    await once(node.#server, 'listening');
    node.#timer = setInterval(() => node.#tell(), bundleMs);
    return node;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Events that were sent so far. */
  get sent(): number {
    return this.#lastId;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #stream(response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(': connected\n\n');
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
  }

  #tell(): void {
    this.#owed += (this.#options.eventsPerSecond * bundleMs) / 1_000;
    let text = '';
    for (; this.#owed >= 1; this.#owed--) {
      const transition = this.#transition(++this.#lastId);
      text += `id: ${transition.id}\nevent: transition\ndata: ${JSON.stringify(transition)}\n\n`;
    }
    for (const stream of this.#streams) stream.write(text);
  }

  /** Most are pushes; some are of the actors that everybody looks at. */
  #transition(id: number) {
    const at = Date.now();
    const push = 'xstate.done.actor.push';
    if (id % 10 === 0) {
      const [from, to] = id % 20 === 0 ? ['stepping', 'throttled'] : ['throttled', 'stepping'];
      return {
        id,
        at,
        actor: 'syncer',
        event: 'xstate.done.actor.step',
        from: { exchanging: from },
        to: { exchanging: to },
      };
    }
    const actor = `replicator.pusher-member${1 + (id % (this.#options.members - 1))}`;
    const isSending = (id / this.#options.members) % 2 < 1;
    return isSending
      ? { id, at, actor, event: 'outbox.filled', from: 'empty', to: 'sending' }
      : { id, at, actor, event: push, from: 'sending', to: 'empty' };
  }

  #answer(path: string, url: string): unknown {
    if (path === '/debug/cluster') return this.#cluster();
    if (path === '/debug/store') return this.#store();
    if (path === '/debug/keys') return { prefix: '', children: [], next: null };
    const wanted = new URL(url, this.url).searchParams.getAll('id');
    const actors = this.#actors();
    return wanted.length === 0 ? actors : actors.filter(({ id }) => wanted.includes(id));
  }

  #cluster() {
    const now = Date.now();
    const node = {
      id: 'member0',
      mode: 'normal',
      ready: true,
      started_at: this.#startedAt,
      refused: null,
      tombstones_held: 0,
      tombstones_held_by: null,
    };
    const members = Array.from({ length: this.#options.members }, (_, i) => ({
      id: `member${i}`,
      address: `10.0.${Math.floor(i / 250)}.${1 + (i % 250)}:8080`,
      state: i % 40 === 39 ? 'dead' : i % 40 === 38 ? 'suspect' : 'alive',
      last_seen: now - (i % 7) * 1_000,
      joined_timestamp: this.#startedAt,
      incarnation: 0,
      link:
        i === 0
          ? null
          : {
              failures: i % 50 === 49 ? 3 : 0,
              failing_since: i % 50 === 49 ? now - 5_000 : null,
              error: i % 50 === 49 ? 'No answer came' : null,
              round_trip_ms: (i % 9) + 1,
              waiting: i % 5,
              lag_ms: (i % 5) * 10,
            },
    }));
    return { now, node, members };
  }

  #store() {
    this.#commits += 90;
    return {
      store_id: 'a',
      sequence: this.#commits,
      digests_ready: true,
      root: 'ab'.repeat(16),
      cache_entries: 1,
      cache_bytes: 1,
      commits: this.#commits,
      commit_writes: this.#commits * 11,
      local_writes: this.#commits * 7,
      pending_writes: 0,
    };
  }

  #actors() {
    const since = this.#startedAt;
    const top: readonly (readonly [string, unknown])[] = [
      ['node', 'running'],
      ['mode-controller', 'normal'],
      ['gossiper', { active: { membership: 'waiting', rumours: 'quiet' } }],
      ['failure-detector', { active: { probes: { period: 'resting' }, revisits: 'waiting' } }],
      ['replicator', 'active'],
      ['syncer', { exchanging: 'stepping' }],
      ['bootstrapper', 'done'],
      ['conflict-resolver', 'idle'],
      ['collector', 'waiting'],
    ];
    const actor = (id: string, machine: string, state: unknown) => ({
      id,
      machine,
      state,
      status: 'active',
      context: { progress: { fetched: 1, pushed: 2 }, decisions: [] },
      since,
      restarts: 0,
    });
    const pushers = Array.from({ length: this.#options.members - 1 }, (_, i) =>
      actor(`replicator.pusher-member${i + 1}`, 'pusher', 'empty'),
    );
    return [...top.map(([id, state]) => actor(id, id, state)), ...pushers];
  }
}
