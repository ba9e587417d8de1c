import { BenchConnection, type Answer } from './connection.ts';

/** A value of some 55 bytes, as the other figures have. */
export function valueOf(n: number): string {
  return JSON.stringify({ name: 'John Doe', age: n % 100, email: `john${n}@example.com` });
}

/** Calls one node over connections that are kept. */
export class BenchClient {
  readonly #port: number;
  readonly #connectionsMax: number;
  readonly #open = new Set<BenchConnection>();
  readonly #idle: BenchConnection[] = [];
  readonly #waiting: ((connection: BenchConnection) => void)[] = [];

  constructor(port: number, connectionsMax: number) {
    this.#port = port;
    this.#connectionsMax = connectionsMax;
  }

  /** Settles with the ETag of the version. */
  async put(path: string, body: string): Promise<string> {
    const { status, header } = await this.#send('PUT', `/kv/${path}`, body);
    if (status >= 300) throw new Error(`PUT was answered with ${status}`);
    return String(header('etag'));
  }

  /** The ETag of the version of a key; undefined when there is none. */
  async etag(path: string): Promise<string | undefined> {
    const { status, header } = await this.#send('GET', `/kv/${path}`);
    return status === 200 ? header('etag') : undefined;
  }

  async json<T>(path: string): Promise<T> {
    const reply = await fetch(`http://127.0.0.1:${this.#port}${path}`);
    return (await reply.json()) as T;
  }

  close(): void {
    for (const connection of this.#open) connection.close();
  }

  async #send(method: string, path: string, body?: string): Promise<Answer> {
    const connection = await this.#take();
    const answer = await connection.send(method, path, body);
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(connection);
    else next(connection);
    return answer;
  }

  #take(): BenchConnection | Promise<BenchConnection> {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (!idle.isClosed) return idle;
      this.#open.delete(idle);
    }
    if (this.#open.size >= this.#connectionsMax) return new Promise((resolve) => this.#waiting.push(resolve));
    const connection = new BenchConnection(this.#port);
    this.#open.add(connection);
    return connection;
  }
}

/** Asks until the answer is true, every so many ms. */
export async function until(isTrue: () => Promise<boolean>, everyMs: number): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, everyMs));
}
