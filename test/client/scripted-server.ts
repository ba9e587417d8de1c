import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly atMs: number;
}

/** What a server does with a request that has come whole. */
export type Reply = (response: ServerResponse, received: Received) => unknown;

/** A server that answers each request with the next reply, and the rest with the last one. */
export class ScriptedServer {
  readonly received: Received[] = [];
  readonly url: string;
  #replies: readonly Reply[];
  #wake: () => void = () => undefined;

  private constructor(url: string, replies: readonly Reply[]) {
    this.url = url;
    this.#replies = replies;
  }

  /** It is closed after the test. */
  static async start(...replies: Reply[]): Promise<ScriptedServer> {
    const server = createServer((request, response) => void scripted.#answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const scripted = new ScriptedServer(`http://127.0.0.1:${port}`, replies);
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return scripted;
  }

  /** Settles when so many requests have come. */
  async has(count: number): Promise<void> {
    while (this.received.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** In short: `PUT /kv/a`. */
  get asked(): string[] {
    return this.received.map(({ method, url }) => `${method} ${url}`);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.setEncoding('utf8');
    let body = '';
    try {
      for await (const piece of request as AsyncIterable<string>) body += piece;
    } catch {
      return;
    }
    const { method = '', url = '', headers } = request;
    const received = { method, url, headers, body, atMs: performance.now() };
    this.received.push(received);
    this.#wake();
    const [reply] = this.#replies;
    if (this.#replies.length > 1) this.#replies = this.#replies.slice(1);
    await reply?.(response, received);
  }
}

export const valueHeaders = {
  'Content-Type': 'application/json',
  ETag: '"0d5fa7ba-5a92-4b9d-8f5a-3a9d9c8f2a10"',
  'KVS-Timestamp': '1672531200000',
};

/** A value as a node answers it. */
export const value =
  (json: string, headers: Readonly<Record<string, string>> = {}): Reply =>
  (response) =>
    response.writeHead(200, { ...valueHeaders, ...headers }).end(json);

/** What a node answers to a PUT. */
export const written: Reply = (response) =>
  response
    .writeHead(201, { 'Content-Type': 'application/json' })
    .end('{"uuid":"0d5fa7ba-5a92-4b9d-8f5a-3a9d9c8f2a10","timestamp":1672531200000}');

export const problem =
  (status: number, code: string, headers: Readonly<Record<string, string>> = {}) =>
  (response: ServerResponse): unknown =>
    response
      .writeHead(status, { 'Content-Type': 'application/problem+json', ...headers })
      .end(JSON.stringify({ type: 'about:blank', status, detail: `It is ${code}`, code }));

/** Takes the request and never answers. */
export const hang: Reply = () => undefined;

/** Takes the request and resets the connection. */
export const reset: Reply = (response) => response.socket?.resetAndDestroy();

/** The bytes of an answer as they are, and the end of the connection. */
export const raw =
  (bytes: string): Reply =>
  (response) =>
    response.socket?.end(bytes);

/** A port on which nobody listens. */
export async function deadUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}
