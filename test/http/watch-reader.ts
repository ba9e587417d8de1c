import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';

export interface WatchedEvent {
  readonly event: string;
  readonly id: string;
  readonly data: {
    readonly path?: string;
    readonly uuid?: string;
    readonly timestamp?: number;
    readonly value?: unknown;
    readonly [field: string]: unknown;
  };
}

/** A reader of server-sent events on a connection of its own, which keeps what it got. */
export class WatchReader {
  readonly events: WatchedEvent[] = [];
  /** The last one that came, with or without an event. */
  lastId: string | undefined;
  /** True when the stream has come to a proper end. */
  isEnded = false;
  readonly response: IncomingMessage;
  /** Settles when the connection is over. */
  readonly closed: Promise<unknown>;
  /** Bytes that came. */
  received = 0;
  #rest = '';
  #wake: () => void = () => undefined;

  private constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.#take(text));
    response.on('end', () => (this.isEnded = true));
    response.on('error', () => undefined);
    this.closed = new Promise<void>((resolve) => response.once('close', resolve)).then(() => this.#wake());
  }

  /** Settles when the head has come. */
  static async open(url: string, lastEventId?: string): Promise<WatchReader> {
    const headers = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
    const request = get(url, { agent: new Agent(), headers });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`A watch was answered ${response.statusCode}`);
    const reader = new WatchReader(response);
    request.on('error', () => undefined);
    await reader.until(() => reader.lastId !== undefined);
    return reader;
  }

  /** What happened, in short: `put a`, `delete a`. */
  get told(): string[] {
    return this.events.map(({ event, data }) => `${event} ${data.path ?? String(data['reason'])}`);
  }

  /** Settles when a condition holds, which is looked at whenever something has come; fails when nothing can come. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.response.destroyed) throw new Error(`The stream ended after ${this.told.join(', ')}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async untilTold(text: string): Promise<void> {
    await this.until(() => this.told.includes(text));
  }

  close(): void {
    this.response.destroy();
  }

  #take(text: string): void {
    this.received += text.length;
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) this.#takeBlock(block.split('\n'));
    this.#wake();
  }

  #takeBlock(lines: readonly string[]): void {
    const field = (name: string) =>
      lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const [id, event, data] = [field('id'), field('event'), field('data')];
    if (id !== undefined) this.lastId = id;
    if (event === undefined || data === undefined) return;
    this.events.push({ event, id: id ?? '', data: JSON.parse(data) as WatchedEvent['data'] });
  }
}
