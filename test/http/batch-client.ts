import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';

export type Result = Readonly<Record<string, unknown>> & { readonly line: number; readonly status: number };

/** A batch that is written and read a line at a time. */
export class BatchClient {
  readonly request: ClientRequest;
  readonly #answer: Promise<IncomingMessage>;
  #text = '';
  #isEnded = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(port: number, headers: Record<string, string> = {}) {
    this.request = request({
      port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/kv/',
      headers: { 'Content-Type': 'application/x-ndjson', ...headers },
    });
    this.request.on('error', (error) => this.#end(error));
    this.#answer = this.#listen();
    this.#answer.catch(() => undefined);
    this.request.flushHeaders();
  }

  /** It comes before the results. */
  answer(): Promise<IncomingMessage> {
    return this.#answer;
  }

  async #listen(): Promise<IncomingMessage> {
    const [answer] = (await once(this.request, 'response')) as [IncomingMessage];
    answer.setEncoding('utf8');
    answer.on('data', (text: string) => {
      this.#text += text;
      this.#wake();
    });
    answer.on('error', (error) => this.#end(error));
    answer.on('end', () => this.#end(undefined));
    return answer;
  }

  send(...lines: readonly (object | string | Buffer)[]): void {
    for (const line of lines) {
      this.request.write(Buffer.isBuffer(line) || typeof line === 'string' ? line : JSON.stringify(line));
      this.request.write('\n');
    }
  }

  /** The next result; undefined at the end. */
  async next(): Promise<Result | undefined> {
    await this.#answer;
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return JSON.parse(line) as Result;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isEnded) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Says that no more comes, and settles with all results that are left. */
  async finish(): Promise<Result[]> {
    this.request.end();
    return this.rest();
  }

  async rest(): Promise<Result[]> {
    const results: Result[] = [];
    for (let result = await this.next(); result !== undefined; result = await this.next())
      results.push(result);
    return results;
  }

  #end(failure: Error | undefined): void {
    this.#failure = failure;
    this.#isEnded = true;
    this.#wake();
  }
}

/** A whole batch at once. */
export async function batch(
  port: number,
  ...lines: readonly (object | string | Buffer)[]
): Promise<Result[]> {
  const client = new BatchClient(port);
  client.send(...lines);
  return client.finish();
}
