import { mkdir } from 'node:fs/promises';
// Node 20's own fetch now and then never settles when a connection is reset as soon as it is made.
import { fetch, type Headers } from 'undici';
import type { Mode } from '../../src/core/ports.ts';
import { NodeProcess, type NodeSettings } from '../node-process.ts';
import type { Link } from './link.ts';

/** A request that takes longer fails: a node that is halted never answers, one on a busy machine does after all. */
const requestDeadlineMs = 30_000;
/** Requests that one node gets at one time when many keys are read. */
const readsAtOnce = 16;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface Health {
  readonly status: string;
  readonly mode: Mode;
  readonly member_count: number;
  readonly node_id: string;
  readonly tombstones_held?: number;
  readonly tombstones_held_by?: string;
  /** Why the cluster won't have it. */
  readonly refused?: string;
}

/** One line of a log. */
export interface LogEntry {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface PublicMember {
  readonly id: string;
  readonly address: string;
  readonly last_seen: number;
  readonly joined_timestamp: number;
  readonly state: string;
}

/**
 * A node in a process of its own. Other nodes reach it through its link only, which keeps its address over restarts;
 * the test reaches it directly. It calls others from a loopback address of its own, by which their links know it
 * (Linux answers on all of 127.0.0.0/8).
 */
export class RealNode {
  readonly id: string;
  readonly link: Link;
  /** The address that it calls others from. */
  readonly source: string;
  /** Holds its configuration, and its data in `data`. */
  readonly folder: string;
  #settings: NodeSettings;
  #process: NodeProcess | undefined;
  /** While it runs and has answered once. */
  #url: string | undefined;
  #isClosed = false;
  /** What earlier lives of it wrote. */
  #earlierOutput = '';

  constructor(setup: {
    folder: string;
    link: Link;
    source: string;
    settings: NodeSettings & { node_id: string };
  }) {
    this.id = setup.settings.node_id;
    this.link = setup.link;
    this.source = setup.source;
    this.folder = setup.folder;
    this.#settings = setup.settings;
  }

  /** Where the test reaches it; another one after each start. */
  get url(): string {
    if (this.#url === undefined) throw new Error(`${this.id} does not run`);
    return this.#url;
  }

  get pid(): number {
    return this.#started().child.pid ?? 0;
  }

  /** Everything that it wrote in all its lives. */
  get output(): string {
    return this.#earlierOutput + (this.#process?.output ?? '');
  }

  /** What it logged in all its lives. */
  log(): LogEntry[] {
    const lines = this.output.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
    return lines.map((line) => JSON.parse(line) as LogEntry);
  }

  /** What became of a member, by its log, in order. */
  changesOf(id: string): string[] {
    const start = `Member ${id}: `;
    const entries = this.log().filter(({ message }) => message.startsWith(start));
    return entries.map(({ message }) => message.slice(start.length));
  }

  /** Starts it, the first time or anew on the same data; `changes` of its settings stay. Settles when it answers. */
  async start(changes: NodeSettings = {}): Promise<void> {
    this.#settings = { ...this.#settings, ...changes };
    this.#url = await (await this.#spawn()).url();
    this.link.targetPort = Number(new URL(this.#url).port);
  }

  /** Stops it in order; returns its exit code. */
  async stop(): Promise<number | NodeJS.Signals | null> {
    return this.#end('SIGTERM');
  }

  /** Ends it as a crash does. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Starts it where it is to end by itself; returns its exit code. */
  async startInVain(): Promise<number | NodeJS.Signals | null> {
    await this.#spawn();
    return this.ended();
  }

  /** Settles when it has ended, with its exit code. */
  async ended(): Promise<number | NodeJS.Signals | null> {
    const exit = await this.#started().exit();
    // Its port may soon be somebody else's.
    this.link.targetPort = undefined;
    this.#earlierOutput = this.output;
    this.#process = undefined;
    this.#url = undefined;
    return exit;
  }

  /** Ends it for good, whatever it is about. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#process?.kill();
  }

  /** Halts it: its sockets stay open and nothing answers, as with a machine that hangs. */
  sigstop(): void {
    this.#started().signal('SIGSTOP');
  }

  sigcont(): void {
    this.#started().signal('SIGCONT');
  }

  /** @throws Error when the node does not answer in time, or not at all */
  async request(method: string, path: string, body?: string): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      ...(body === undefined ? {} : { body, headers: { 'Content-Type': 'application/json' } }),
      signal: AbortSignal.timeout(requestDeadlineMs),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  /** @throws Error when the answer is anything but 200 or 201 */
  async put(key: string, value: unknown): Promise<{ uuid: string; timestamp: number }> {
    const answer = await this.request('PUT', pathOf(key), JSON.stringify(value));
    return JSON.parse(this.#checked(answer, [200, 201], `PUT ${key}`)) as { uuid: string; timestamp: number };
  }

  /** The value; undefined where there is no such key. */
  async get(key: string): Promise<unknown> {
    const answer = await this.request('GET', pathOf(key));
    const text = this.#checked(answer, [200, 404], `GET ${key}`);
    return answer.status === 404 ? undefined : (JSON.parse(text) as unknown);
  }

  /** True when there was such a key. */
  async del(key: string): Promise<boolean> {
    const answer = await this.request('DELETE', pathOf(key));
    this.#checked(answer, [204, 404], `DELETE ${key}`);
    return answer.status === 204;
  }

  /** What it holds of each key, in their order: the uuid of the version and the value, or `absent`. */
  async held(keys: readonly string[]): Promise<string[]> {
    const found: string[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < keys.length) {
        const at = next++;
        const key = keys[at] ?? '';
        const answer = await this.request('GET', pathOf(key));
        const text = this.#checked(answer, [200, 404], `GET ${key}`);
        found[at] = answer.status === 404 ? 'absent' : `${answer.headers.get('etag')} ${text}`;
      }
    };
    await Promise.all(Array.from({ length: readsAtOnce }, work));
    return found;
  }

  async members(): Promise<PublicMember[]> {
    return (await this.json('/members/')) as PublicMember[];
  }

  async health(): Promise<Health> {
    return (await this.json('/health')) as Health;
  }

  /** What it holds a member for; undefined when it shows none of that name. */
  async stateOf(id: string): Promise<string | undefined> {
    return (await this.members()).find((member) => member.id === id)?.state;
  }

  /** The digest of all its data. */
  async root(): Promise<string> {
    const state = (await this.json('/debug/store')) as { root: string; digests_ready: boolean };
    if (!state.digests_ready) throw new Error(`The digests of ${this.id} are being summed`);
    return state.root;
  }

  /** What a path answers to GET. */
  async json(path: string): Promise<unknown> {
    return JSON.parse(this.#checked(await this.request('GET', path), [200], `GET ${path}`));
  }

  async #end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    this.#started().signal(signal);
    return this.ended();
  }

  async #spawn(): Promise<NodeProcess> {
    if (this.#process !== undefined) throw new Error(`${this.id} runs already`);
    await mkdir(this.folder, { recursive: true });
    this.#process = await NodeProcess.spawn(this.folder, this.#settings, callsFrom(this.source));
    // The test may have ended while this was under way.
    if (this.#isClosed) await this.#process.kill();
    return this.#process;
  }

  #started(): NodeProcess {
    if (this.#process === undefined) throw new Error(`${this.id} does not run`);
    return this.#process;
  }

  #checked(answer: Answer, expected: readonly number[], request: string): string {
    if (expected.includes(answer.status)) return answer.text;
    throw new Error(`${this.id} answered ${request} with ${answer.status}: ${answer.text}`);
  }
}

function pathOf(key: string): string {
  return `/kv/${key.split('/').map(encodeURIComponent).join('/')}`;
}

/** Code for a process that makes all its calls come from one address. */
export function callsFrom(source: string): string {
  return `
    import { Socket } from 'node:net';
    const { connect } = Socket.prototype;
    Socket.prototype.connect = function (...args) {
      // net.connect hands its arguments over in one array.
      const options = Array.isArray(args[0]) ? args[0][0] : args[0];
      if (typeof options.path !== 'string') options.localAddress = '${source}';
      return connect.apply(this, args);
    };`;
}
