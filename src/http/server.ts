import { getRequestListener, RequestError } from '@hono/node-server';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { KvsError, type KvsErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Logger } from '../core/ports.ts';
import { problemAnswer } from './answer.ts';
import { pathOfTarget, type KvsApp } from './context.ts';
import { hasLongRequest } from './long-request.ts';
import { peerPath } from './peer/peer-endpoint.ts';
import { problemBody, problems } from './problem.ts';
import { noRoute, RoutePatterns } from './route-patterns.ts';
import { closeWithConnection } from './waiting-answers.ts';

/** All times in ms. */
export interface ListenOptions {
  /** An IP address or a name of this machine. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /**
   * The whole request must have come within this time, unless its route sees to that itself; and a client must read
   * its answer as fast.
   */
  readonly requestTimeoutMs: number;
  /** The headers must have come within this time. */
  readonly headerTimeoutMs: number;
  /** How long an idle connection is kept. */
  readonly keepAliveTimeoutMs: number;
  /** Connections at one time; one more is closed at once. */
  readonly connectionsMax: number;
  /**
   * A client that asks first (`Expect: 100-continue`) whether it may send more than this is told no. Bytes. Peers may
   * send as much as a message has.
   */
  readonly maxValueBytes: number;
  /** Hears of each request that failed in a way that nobody foresaw. */
  readonly logger: Logger;
  /** Told of each request when it is answered, or broken off; undefined: nobody wants to know. */
  readonly onAnswered?: ((answered: AnsweredRequest) => void) | undefined;
}

export interface AnsweredRequest {
  /** The pattern of the route, never a path. */
  readonly route: string;
  /** What the client sent: anything that Node can parse. */
  readonly method: string;
  /** 0: the connection ended before there was one. */
  readonly status: number;
  /** From the header to the end of the answer; a stream ends when its reader goes. */
  readonly seconds: number;
}

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  /** Takes no new connection, lets requests finish for at most `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

/** How often idle connections are looked for while the server closes, ms. */
const idleCheckMs = 20;

/** Serves the routes; rejects with the error of `listen(2)` when the address can't be had. */
export async function listen(app: KvsApp, options: ListenOptions): Promise<HttpServer> {
  const listener = makeListener(app, options);
  const server = createServer(
    {
      requestTimeout: options.requestTimeoutMs,
      headersTimeout: Math.min(options.headerTimeoutMs, options.requestTimeoutMs),
      keepAliveTimeout: options.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.max(
        100,
        Math.min(options.headerTimeoutMs, options.requestTimeoutMs) / 4,
      ),
      maxHeaderSize: limits.headerBytesMax,
      noDelay: true,
    },
    (incoming, outgoing) => void listener(incoming, outgoing),
  );
  server.maxConnections = options.connectionsMax;
  server.maxHeadersCount = limits.headersMax;
  server.timeout = options.requestTimeoutMs;
  server.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    // A batch has any length, and its route says itself whether it may come.
    const isBatch = incoming.method === 'POST' && pathOfTarget(incoming.url ?? '') === '/kv/';
    const bytesMax = incoming.url === peerPath ? limits.messageBytesMax : options.maxValueBytes;
    const isTooLong = Number(incoming.headers['content-length']) > bytesMax;
    if (!isBatch && !isTooLong) outgoing.writeContinue();
    void listener(incoming, outgoing);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (hasLongRequest(socket)) {
      // Its answer has begun, and what it sends from now on is nothing.
      if (error.code !== 'ERR_HTTP_REQUEST_TIMEOUT') socket.destroy();
      return;
    }
    const status = answerBrokenRequest(error, socket);
    if (status !== undefined) options.onAnswered?.({ route: noRoute, method: '', status, seconds: 0 });
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port, close: (graceMs) => closeServer(server, graceMs) };
}

/** Below these paths every handler uses Node's own objects. */
const plainPaths = ['/kv', peerPath];

/**
 * Requests for values and those of peers go to Hono without a `Request` of the Web: making one costs more than
 * everything else on the way. Whatever else is asked takes the adapter.
 */
function makeListener(app: KvsApp, { onAnswered, logger }: ListenOptions): Listener {
  const adapter = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    // HTTP/1.0 knows no Host, and health checks of balancers still speak it. No route reads this name.
    hostname: 'localhost',
    errorHandler: (error) => answerOfAdapter(error, logger),
  });
  const answer: Listener = (incoming, outgoing) =>
    plainPaths.some((path) => incoming.url?.startsWith(path))
      ? answerPlainly(app, incoming, outgoing, logger)
      : adapter(incoming, outgoing);
  const bounded = withinLimits(answer);
  if (onAnswered === undefined) return bounded;

  const routes = new RoutePatterns(app);
  return async (incoming, outgoing) => {
    const startedAt = performance.now();
    await bounded(incoming, outgoing);
    onAnswered({
      route: routes.of(incoming.url ?? ''),
      method: incoming.method ?? '',
      status: outgoing.headersSent ? outgoing.statusCode : 0,
      seconds: (performance.now() - startedAt) / 1_000,
    });
  };
}

/** What the adapter refuses before any route is asked, such as a `Host` that is no name. */
function answerOfAdapter(error: unknown, logger: Logger): Response {
  const isOfClient = error instanceof RequestError;
  if (!isOfClient) logger.error('A request failed unexpectedly', { error });
  const failure = isOfClient
    ? new KvsError('KVS_BAD_REQUEST', error.message)
    : new KvsError('KVS_INTERNAL', 'Something went wrong here; the log of the node says what');
  const { status, headers, body } = problemAnswer(failure);
  return new Response(typeof body === 'string' ? body : null, { status, headers });
}

/** Refuses what is too much, whatever it asks for, and gives back what a request took when its connection ends. */
function withinLimits(answer: Listener): Listener {
  let requests = 0;
  return async (incoming, outgoing) => {
    closeWithConnection(incoming, outgoing);
    // One connection may carry any number of requests before the first is answered (pipelining).
    if (requests >= limits.requestsMax) {
      refuse(outgoing, 'KVS_OVERLOADED', 'Too many requests wait already');
      return;
    }
    // Node itself would leave out the others without a word, and with them what they say of the body.
    if (incoming.rawHeaders.length > 2 * limits.headersMax) {
      refuse(outgoing, 'KVS_HEADERS_TOO_LARGE', `There are more than ${limits.headersMax} headers`);
      return;
    }
    requests++;
    try {
      await answer(incoming, outgoing);
    } finally {
      requests--;
    }
  };
}

function refuse(outgoing: ServerResponse, code: KvsErrorCode, detail: string): void {
  const { status, headers, body } = problemAnswer(new KvsError(code, detail));
  outgoing.writeHead(status, headers).end(body);
}

type Listener = (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;

async function answerPlainly(
  app: KvsApp,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  logger: Logger,
): Promise<void> {
  try {
    // Hono itself reads nothing of a request but these two.
    const { url, method } = incoming;
    await app.fetch({ url, method } as Request, { incoming, outgoing });
  } catch (error) {
    // Even the answer to the failure failed. One broken request ends with its connection, not with the node.
    logger.error('A request failed unexpectedly', { method: incoming.method, error });
    outgoing.destroy();
  }
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  server.prependListener('request', (_, outgoing: ServerResponse) =>
    outgoing.setHeader('Connection', 'close'),
  );
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const idleCheck = setInterval(() => server.closeIdleConnections(), idleCheckMs);
  const grace = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(idleCheck);
  clearTimeout(grace);
}

/**
 * What is not HTTP, came too slowly, or has too large headers, never reaches a route. Returns the status, if there was
 * anybody to tell.
 */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): number | undefined {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return undefined;
  }
  const code = brokenRequestCodes[error.code ?? ''] ?? 'KVS_BAD_REQUEST';
  const body = problemBody(code, brokenRequestDetails[code] ?? 'This is not a well-formed HTTP request');
  const [status, title] = problems[code];
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  return status;
}

const brokenRequestCodes: Record<string, KvsErrorCode> = {
  HPE_HEADER_OVERFLOW: 'KVS_HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'KVS_REQUEST_TIMEOUT',
};
const brokenRequestDetails: Partial<Record<KvsErrorCode, string>> = {
  KVS_HEADERS_TOO_LARGE: `The headers are larger than ${limits.headerBytesMax} bytes`,
  KVS_REQUEST_TIMEOUT: 'The request did not come whole in time',
};
