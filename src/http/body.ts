import type { IncomingMessage } from 'node:http';
import { KvsError } from '../core/errors.ts';
import { header, type KvsContext } from './context.ts';

/**
 * The whole body of a request.
 *
 * @throws KvsError KVS_VALUE_TOO_LARGE beyond `bytesMax`, KVS_BAD_BODY when it ends too early
 */
export function readBody(c: KvsContext, bytesMax: number): Promise<Uint8Array> {
  const declared = header(c, 'content-length');
  if (declared !== undefined && Number(declared) > bytesMax) return Promise.reject(tooLarge(bytesMax));
  const incoming = c.env?.incoming;
  return incoming === undefined ? readWebRequest(c, bytesMax) : readIncoming(incoming, bytesMax);
}

async function readWebRequest(c: KvsContext, bytesMax: number): Promise<Uint8Array> {
  const body = new Uint8Array(await c.req.arrayBuffer());
  if (body.length > bytesMax) throw tooLarge(bytesMax);
  return body;
}

function readIncoming(incoming: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) {
        chunks.push(chunk);
        return;
      }
      // What still comes is read and dropped, so that the client gets to see the answer.
      chunks.length = 0;
      reject(tooLarge(bytesMax));
    });
    incoming.on('end', () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    );
    incoming.on('error', (cause) => reject(cutShort(cause)));
    incoming.on('close', () => {
      if (!incoming.complete) reject(cutShort(undefined));
    });
  });
}

function tooLarge(bytesMax: number): KvsError {
  return new KvsError('KVS_VALUE_TOO_LARGE', `The body is larger than ${bytesMax} bytes`);
}

function cutShort(cause: unknown): KvsError {
  return new KvsError('KVS_BAD_BODY', 'The body ended before it was whole', { cause });
}
