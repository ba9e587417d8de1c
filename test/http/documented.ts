import { expect } from 'vitest';
import type { Content, Operation } from '../../src/http/api/operation.ts';
import { codesOf, problem } from '../../src/http/api/failures.ts';
import { operations } from '../../src/http/api/operations.ts';
import { problems } from '../../src/http/problem.ts';

/** What means the same in every answer of every server. */
const usualHeaders = new Set([
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'transfer-encoding',
  'content-security-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'referrer-policy',
  'x-accel-buffering',
  'x-content-type-options',
]);

export interface Asked {
  /** One of the operation's paths; the first one unless given. */
  readonly at?: string;
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Asks a node for what is documented, and holds each answer against what the document says of it. */
export class DocumentedClient {
  readonly #url: string;
  /** The operations with the statuses that were answered, such as `getValue 200`. */
  readonly seen = new Set<string>();
  /** The ETag of the last answer that had one. */
  tag = '';

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}`;
  }

  /** The answer of an operation in JSON, in lines of JSON as an array, or as text; it is as documented. */
  async ask(id: string, status: number, asked: Asked = {}): Promise<unknown> {
    const operation = operationOf(id);
    const response = await this.#fetch(operation, asked);
    const bytes = Buffer.from(await response.arrayBuffer());
    this.tag = response.headers.get('etag') ?? this.tag;
    if (response.status !== status)
      expect({ id, status: response.status, body: bytes.toString() }).toEqual({ id, status });
    return this.#check(operation, response, bytes);
  }

  /** The first events of a stream; whoever calls says what their data must be. */
  async follow(id: string, count: number, asked: Asked = {}): Promise<{ event: string; data: unknown }[]> {
    const operation = operationOf(id);
    const response = await this.#fetch(operation, asked);
    this.#check(operation, response, Buffer.alloc(0));
    const events: { event: string; data: unknown }[] = [];
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString();
      events.length = 0;
      for (const [, event = '', data = ''] of text.matchAll(/^event: (\w+)\ndata: (.*)\n\n/gm))
        events.push({ event, data: JSON.parse(data) });
      if (events.length >= count) break;
    }
    return events;
  }

  #fetch({ method, paths: [first = ''], query }: Operation, asked: Asked): Promise<Response> {
    const path = Object.entries(asked.path ?? {}).reduce(
      (text, [name, value]) => text.replace(`{${name}}`, value),
      asked.at ?? first,
    );
    const whole = [query, asked.query].filter((part) => part !== undefined && !part.includes('{')).join('&');
    return fetch(`${this.#url}${path}${whole === '' ? '' : `?${whole}`}`, {
      method: method.toUpperCase(),
      redirect: 'manual',
      headers: asked.headers ?? {},
      ...(asked.body === undefined ? {} : { body: asked.body }),
    });
  }

  #check(operation: Operation, response: Response, bytes: Buffer): unknown {
    const { id, answers, failures } = operation;
    const { status } = response;
    const type = response.headers.get('content-type')?.replace(/;.*$/, '') ?? '';
    if (type === 'application/problem+json') {
      const { code, status: told } = problem.parse(JSON.parse(bytes.toString()));
      expect({ id, codes: [...failures, ...codesOf('anywhere')] }).toEqual({
        id,
        codes: expect.arrayContaining([code]),
      });
      expect([told, problems[code][0]]).toEqual([status, status]);
      this.seen.add(`${id} ${code}`);
      return code;
    }
    const answer = answers[status];
    expect({ id, status, documented: Object.keys(answers) }).toEqual({
      id,
      status,
      documented: expect.arrayContaining([String(status)]),
    });
    const documented = answer?.headers?.map((name) => name.toLowerCase()) ?? [];
    const unknown = [...response.headers.keys()].filter(
      (name) => !usualHeaders.has(name) && !documented.includes(name),
    );
    expect({ id, status, unknown }).toEqual({ id, status, unknown: [] });
    this.seen.add(`${id} ${status}`);
    if (answer?.content === undefined) {
      expect({ id, status, bytes: bytes.length }).toEqual({ id, status, bytes: 0 });
      return undefined;
    }
    const content =
      answer.content.find((one) => one.type === type) ?? answer.content.find((one) => one.type === '*/*');
    expect({ id, type: content?.type ?? `undocumented: ${type}` }).toEqual({ id, type: content?.type });
    return parsed(content, bytes.toString());
  }
}

function parsed(content: Content | undefined, text: string): unknown {
  if (content === undefined || content.schema === 'bytes' || !content.type.endsWith('json')) return text;
  const { schema, isLines } = content;
  if (isLines !== true) return schema.parse(JSON.parse(text));
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => schema.parse(JSON.parse(line)));
}

export function operationOf(id: string): Operation {
  const found = operations.find((one) => one.id === id);
  if (found === undefined) throw new Error(`There is no operation ${id}`);
  return found;
}
