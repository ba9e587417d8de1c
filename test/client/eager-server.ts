import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A server that answers before a request has come whole, as a node answers a batch. */
export class EagerServer {
  readonly url: string;
  requests = 0;
  /** The bodies of all requests, one behind the other. */
  receivedText = '';

  #wake: () => void = () => undefined;

  private constructor(url: string) {
    this.url = url;
  }

  /** Settles when a text has come. */
  async hasReceived(text: string): Promise<void> {
    while (!this.receivedText.includes(text)) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** It is closed after the test. */
  static async start(reply: (response: ServerResponse) => unknown): Promise<EagerServer> {
    const server = createServer((request, response) => {
      eager.requests++;
      request.setEncoding('utf8');
      request.on('data', (text: string) => {
        eager.receivedText += text;
        eager.#wake();
      });
      request.on('error', () => undefined);
      reply(response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const eager = new EagerServer(`http://127.0.0.1:${port}`);
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return eager;
  }
}
