import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** Passes requests on to a node, and drops some of the answers when they have come: then the node has done its part. */
export class DroppingProxy {
  readonly url: string;
  /** So many answers to writes are dropped from now on. */
  answersToDrop = 0;
  dropped = 0;
  beforeDrop: () => Promise<void> = async () => undefined;
  readonly #targetPort: number;

  private constructor(url: string, targetPort: number) {
    this.url = url;
    this.#targetPort = targetPort;
  }

  /** It is closed after the test. */
  static async start(targetPort: number): Promise<DroppingProxy> {
    const server = createServer((incoming, outgoing) => void proxy.#pass(incoming, outgoing));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const proxy = new DroppingProxy(`http://127.0.0.1:${port}`, targetPort);
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return proxy;
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method, url, headers } = incoming;
    const onward = request({ host: '127.0.0.1', port: this.#targetPort, method, path: url, headers });
    incoming.pipe(onward);
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    if (method !== 'GET' && this.answersToDrop > 0) {
      this.answersToDrop--;
      this.dropped++;
      answer.resume();
      await this.beforeDrop();
      incoming.socket.resetAndDestroy();
      return;
    }
    outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
    answer.pipe(outgoing);
  }
}
