import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { pipeline } from 'node:stream/promises';
import type { KvsError, KvsErrorCode } from '../core/errors.ts';
import type { KvsContext } from './context.ts';
import { problemBody, problems, retryAfterSeconds } from './problem.ts';

/** What a route answers, however it is sent. */
export interface Answer {
  readonly status: number;
  /** With `Content-Length` when there is a body: without it the body would go out in chunks. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | null;
}

/**
 * Sends an answer: on a socket straight through Node's own response, in one write and without a Web stream; through
 * `app.request()` as a `Response`.
 */
export function send(c: KvsContext, { status, headers, body }: Answer): Response {
  const outgoing = c.env?.outgoing;
  if (outgoing === undefined) {
    return new Response(body as string | Uint8Array<ArrayBuffer> | null, { status, headers });
  }
  outgoing.writeHead(status, headers);
  if (body === null) outgoing.end();
  else outgoing.end(body);
  return RESPONSE_ALREADY_SENT;
}

/**
 * Sends a body as it is made: the next chunk is asked for when the client has taken those before, and none when it has
 * gone away. What fails before the first chunk is thrown, and nothing is sent; later, `onBroken` is told and the
 * connection is cut: the client sees a body without its end.
 */
export async function sendStream(
  c: KvsContext,
  { status, headers }: Omit<Answer, 'body'>,
  chunks: AsyncGenerator<string, void, undefined>,
  onBroken: (error: unknown) => void,
): Promise<Response> {
  const first = await chunks.next();
  const body = async function* (): AsyncGenerator<Buffer, void, undefined> {
    try {
      if (first.done === true) return;
      yield Buffer.from(first.value);
      for await (const chunk of chunks) yield Buffer.from(chunk);
    } catch (error) {
      onBroken(error);
      throw error;
    }
  };
  const outgoing = c.env?.outgoing;
  if (outgoing === undefined) return new Response(ReadableStream.from(body()), { status, headers });
  outgoing.writeHead(status, headers);
  // What it fails with is known already, or says that the client has gone away.
  await pipeline(body, outgoing).catch(() => undefined);
  return RESPONSE_ALREADY_SENT;
}

/** A failure, as a problem document. */
export function problemAnswer(error: KvsError, headers: Record<string, string> = {}): Answer {
  const [status] = problems[error.code];
  const body = problemBody(error.code, error.message);
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Content-Length': String(Buffer.byteLength(body)),
      ...hintOf(error.code),
      ...headers,
    },
    body,
  };
}

/** What a client may do about a failure. */
function hintOf(code: KvsErrorCode): Record<string, string> {
  if (code === 'KVS_ENCODING_NOT_SUPPORTED') return { 'Accept-Encoding': 'identity' };
  return problems[code][0] === 503 ? { 'Retry-After': String(retryAfterSeconds) } : {};
}
