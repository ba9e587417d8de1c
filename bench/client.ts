import { Pool } from 'undici';

/** A value of some 55 bytes, as the other figures have. */
export function valueOf(n: number): string {
  return JSON.stringify({ name: 'John Doe', age: n % 100, email: `john${n}@example.com` });
}

/** Calls one node over connections that are kept. */
export class BenchClient {
  readonly #pool: Pool;

  constructor(port: number, connections: number) {
    this.#pool = new Pool(`http://127.0.0.1:${port}`, { connections });
  }

  /** Settles with the ETag of the version. */
  async put(path: string, body: string): Promise<string> {
    const headers = { 'content-type': 'application/json' };
    const reply = await this.#pool.request({ method: 'PUT', path: `/kv/${path}`, headers, body });
    await reply.body.dump();
    if (reply.statusCode >= 300) throw new Error(`PUT was answered with ${reply.statusCode}`);
    return String(reply.headers['etag']);
  }

  /** The ETag of the version of a key; undefined when there is none. */
  async etag(path: string): Promise<string | undefined> {
    const reply = await this.#pool.request({ method: 'GET', path: `/kv/${path}` });
    await reply.body.dump();
    return reply.statusCode === 200 ? String(reply.headers['etag']) : undefined;
  }

  async json<T>(path: string): Promise<T> {
    const reply = await this.#pool.request({ method: 'GET', path });
    return (await reply.body.json()) as T;
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

/** Asks until the answer is true, every so many ms. */
export async function until(isTrue: () => Promise<boolean>, everyMs: number): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, everyMs));
}
