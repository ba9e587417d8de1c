import type { IncomingMessage } from 'node:http';
import { KvsError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { ByteBudget } from './batch/line-splitter.ts';
import { header, type KvsContext } from './context.ts';

/**
 * Reads the bodies of requests; those that have not come whole yet share `limits.bodiesBytesMax`, with what batches have
 * of theirs.
 */
export class BodyReader implements ByteBudget {
  #pendingBytes = 0;

  reserve(bytes: number): boolean {
    if (this.#pendingBytes + bytes > limits.bodiesBytesMax) return false;
    this.#pendingBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#pendingBytes -= bytes;
  }

  /**
   * The whole body of a request.
   *
   * @throws KvsError KVS_VALUE_TOO_LARGE beyond `bytesMax`, KVS_BAD_BODY when it ends too early, KVS_OVERLOADED when
   * too much is being read for others
   */
  read(c: KvsContext, bytesMax: number): Promise<Uint8Array> {
    const declared = header(c, 'content-length');
    if (declared !== undefined && Number(declared) > bytesMax) return Promise.reject(tooLarge(bytesMax));
    const incoming = c.env?.incoming;
    return incoming === undefined ? readWebRequest(c, bytesMax) : this.#readIncoming(incoming, bytesMax);
  }

  #readIncoming(incoming: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
    let chunks: Buffer[] = [];
    let bytes = 0;
    let isOpen = true;
    const end = (): void => {
      if (isOpen) this.#pendingBytes -= bytes;
      isOpen = false;
    };
    return new Promise((resolve, reject) => {
      const fail = (error: KvsError): void => {
        end();
        chunks = [];
        reject(error);
      };
      incoming.on('data', (chunk: Buffer) => {
        // What still comes after a refusal is read and dropped, so that the client gets to see the answer.
        if (!isOpen) return;
        bytes += chunk.length;
        this.#pendingBytes += chunk.length;
        chunks.push(chunk);
        if (bytes > bytesMax) fail(tooLarge(bytesMax));
        else if (this.#pendingBytes > limits.bodiesBytesMax) fail(overloaded());
      });
      incoming.on('end', () => {
        end();
        resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
      });
      incoming.on('error', (cause) => fail(cutShort(cause)));
      incoming.on('close', () => {
        if (!incoming.complete) fail(cutShort(undefined));
      });
    });
  }
}

async function readWebRequest(c: KvsContext, bytesMax: number): Promise<Uint8Array> {
  const body = new Uint8Array(await c.req.arrayBuffer());
  if (body.length > bytesMax) throw tooLarge(bytesMax);
  return body;
}

function tooLarge(bytesMax: number): KvsError {
  return new KvsError('KVS_VALUE_TOO_LARGE', `The body is larger than ${bytesMax} bytes`);
}

function overloaded(): KvsError {
  return new KvsError('KVS_OVERLOADED', 'Too many bytes of other bodies are on their way');
}

function cutShort(cause: unknown): KvsError {
  return new KvsError('KVS_BAD_BODY', 'The body ended before it was whole', { cause });
}
