import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** The value of a header, by its name in lower case. */
  readonly header: (name: string) => string | undefined;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

const headEnd = '\r\n\r\n';

/**
 * A kept connection that knows just enough HTTP for an answer with a Content-Length. Who measures shares the machine
 * with what is measured: a whole client costs several times as much for each request.
 */
export class BenchConnection {
  readonly #socket: Socket;
  #waiting: Waiting | undefined;
  #received = '';
  #isClosed = false;

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text: string) => this.#receive(text));
    this.#socket.on('error', (error) => this.#waiting?.reject(error));
    this.#socket.on('close', () => {
      this.#isClosed = true;
      this.#waiting?.reject(new Error('The connection was closed'));
    });
  }

  /** True once the server has closed it: it closes what lay idle for a while. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** One request at a time. */
  send(method: string, path: string, body?: string): Promise<Answer> {
    const type = body === undefined ? '' : 'Content-Type: application/json\r\n';
    const length = body === undefined ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
    this.#socket.write(`${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${type}${length}\r\n${body ?? ''}`);
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#received += text;
    const end = this.#received.indexOf(headEnd);
    if (end < 0) return;
    const head = this.#received.slice(0, end);
    const length = Number(headerOf(head, 'content-length') ?? 0);
    if (this.#received.length < end + headEnd.length + length) return;
    this.#received = '';
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve({ status: Number(head.slice(9, 12)), header: (name) => headerOf(head, name) });
  }
}

function headerOf(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]?.trim();
}
