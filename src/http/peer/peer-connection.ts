import { connect, type Socket } from 'node:net';
import { Client, errors, type Dispatcher } from 'undici';
import { KvsError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { peerContentType, peerPath } from './peer-endpoint.ts';

/** Hears how one exchange ended; exactly one of the two is called, once. */
export interface ReplyListener {
  readonly onReply: (reply: Uint8Array) => void;
  /** `isStale`: an old connection ended before a byte of the reply had come. A new one may do better. */
  readonly onFailure: (error: KvsError, isStale: boolean) => void;
}

const requestHeaders = ['content-type', peerContentType];

/** A connection that is kept to one peer. It carries one exchange at a time, so that none waits behind another one. */
export class PeerConnection {
  readonly #address: string;
  readonly #client: Client;
  #socket: Socket | undefined;
  #hasAnswered = false;

  /** `onDisconnect` is called whenever the connection has ended, from whatever side. */
  constructor(address: string, origin: string, onDisconnect: (self: PeerConnection) => void) {
    this.#address = address;
    this.#client = new Client(origin, {
      pipelining: 1,
      // The caller's deadline is the only clock, and it counts from before the connection is made.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: ({ hostname, port }, callback) => {
        const socket = connect({ host: hostname, port: port === '' ? 80 : Number(port), noDelay: true });
        this.#socket = socket;
        const onError = (error: Error) => callback(error, null);
        socket.once('error', onError);
        socket.once('connect', () => {
          // From here on the client listens itself; one more callback it would take for a failed connection.
          socket.off('error', onError);
          callback(null, socket);
        });
      },
      maxResponseSize: limits.messageBytesMax,
      keepAliveTimeout: limits.peerIdleMsMax,
      keepAliveMaxTimeout: limits.peerIdleMsMax,
      // A peer closes what is idle for longer than it announces; this much earlier it is closed here.
      keepAliveTimeoutThreshold: 500,
    });
    this.#client.on('disconnect', () => onDisconnect(this));
  }

  exchange(message: Uint8Array, { onReply, onFailure }: ReplyListener): void {
    const chunks: Uint8Array[] = [];
    let hasBegun = false;
    const handler: Dispatcher.DispatchHandler = {
      // Without this one undici takes the handler for one of its older kind.
      onRequestStart: () => undefined,
      onResponseStart: (_, status, headers) => {
        if (status < 200) return;
        hasBegun = true;
        // What is thrown here ends the connection, and comes back as the error of the response.
        if (status !== 200) throw this.#failed(`answered with status ${status}`);
        if (Number(headers['content-length']) > limits.messageBytesMax) throw this.#tooLarge();
      },
      onResponseData: (_, chunk) => void chunks.push(chunk),
      onResponseEnd: () => {
        this.#hasAnswered = true;
        onReply(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
      },
      onResponseError: (_, error) => {
        const isStale = this.#hasAnswered && !hasBegun && !(error instanceof KvsError);
        onFailure(this.#explain(error, hasBegun), isStale);
      },
    };
    this.#client.dispatch(
      { method: 'POST', path: peerPath, headers: requestHeaders, body: message },
      handler,
    );
  }

  /** Ends the connection; the exchange under way fails with `reason`. Settles when nothing is open any more. */
  async destroy(reason: KvsError): Promise<void> {
    const destroyed = this.#client.destroy(reason);
    // The client knows nothing of a socket that is still being connected.
    this.#socket?.destroy();
    await destroyed;
  }

  #explain(error: Error, hasBegun: boolean): KvsError {
    if (error instanceof KvsError) return error;
    if (error instanceof errors.ResponseExceededMaxSizeError) return this.#tooLarge(error);
    if (error instanceof errors.HeadersOverflowError)
      return this.#failed('answered with too large headers', error);
    // A reply that is cut off is not HTTP either, but for another reason.
    if (error instanceof errors.HTTPParserError && !hasBegun)
      return this.#failed('does not speak HTTP', error);
    const detail = error.message === '' ? String((error as NodeJS.ErrnoException).code) : error.message;
    return new KvsError('KVS_PEER_UNREACHABLE', `${this.#address} can't be reached: ${detail}`, {
      cause: error,
    });
  }

  #tooLarge(cause?: Error): KvsError {
    return this.#failed(`answered with more than ${limits.messageBytesMax} bytes`, cause);
  }

  #failed(what: string, cause?: Error): KvsError {
    return new KvsError('KVS_PEER_FAILED', `${this.#address} ${what}`, { cause });
  }
}
