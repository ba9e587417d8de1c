import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { assert, KvsError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { Batch, type ResultSink } from '../batch/batch.ts';
import { BatchIntake } from '../batch/batch-intake.ts';
import type { BodyReader } from '../body.ts';
import { header, type HttpDeps, type KvsApp, type KvsContext } from '../context.ts';
import { allowOnly } from '../methods.ts';
import { assertPlainWrite } from '../plain-write.ts';
import { assertTakesWrites } from '../writable.ts';
import { assertNotEncoded } from './kv-encoding.ts';

const root = '/kv/';
const ndjsonType = /^application\/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines)\s*(?:;|$)/i;

/** `POST /kv/`: many reads and writes in one request, a JSON object a line. To be mounted before the values. */
export function mountBatch(app: KvsApp, deps: HttpDeps, bodies: BodyReader): void {
  const intakes = new Set<BatchIntake>();
  deps.closing.addEventListener('abort', () => intakes.forEach((intake) => intake.startFarewell()), {
    once: true,
  });

  app.post(root, async (c) => {
    assertTakesWrites(deps.status);
    assertPlainWrite(c);
    assertNdjson(c);
    assertNotEncoded(c);
    if (intakes.size >= limits.batchesMax) {
      throw new KvsError('KVS_OVERLOADED', `${limits.batchesMax} batches are under way already`);
    }
    const { incoming, outgoing } = c.env;
    assert(incoming !== undefined && outgoing !== undefined, 'a batch comes over a socket');
    await answerBatch(incoming, outgoing);
    return RESPONSE_ALREADY_SENT;
  });

  allowOnly(app, root, ['GET', 'HEAD', 'PUT', 'DELETE', 'POST']);

  async function answerBatch(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const intake = new BatchIntake(incoming, deps.requestTimeoutMs);
    intakes.add(intake);
    if (deps.closing.aborted) intake.startFarewell();
    // A client may go away at any time; that its answer is lost then is nobody's failure.
    outgoing.on('error', () => undefined);
    if (incoming.headers.expect !== undefined) outgoing.writeContinue();
    outgoing.writeHead(200, {
      'Content-Type': 'application/x-ndjson',
      'X-Content-Type-Options': 'nosniff',
    });
    outgoing.flushHeaders();
    try {
      await new Batch(deps, bodies, sinkOf(outgoing)).run(intake);
    } finally {
      intake.close();
      intakes.delete(intake);
    }
    if (outgoing.destroyed) return;
    const { socket } = incoming;
    // What was not read is no other request.
    if (!incoming.complete) outgoing.once('finish', () => socket.destroySoon());
    outgoing.end();
  }
}

function assertNdjson(c: KvsContext): void {
  if (ndjsonType.test(header(c, 'content-type')?.trim() ?? '')) return;
  throw new KvsError('KVS_UNSUPPORTED_TYPE', 'A batch is application/x-ndjson: a JSON object a line');
}

function sinkOf(outgoing: ServerResponse): ResultSink {
  return {
    get isOpen() {
      return !outgoing.destroyed;
    },
    async write(text) {
      if (outgoing.write(text) || outgoing.destroyed) return;
      await new Promise<void>((resolve) => {
        const goOn = (): void => {
          outgoing.off('drain', goOn).off('close', goOn);
          resolve();
        };
        outgoing.on('drain', goOn).on('close', goOn);
      });
    },
  };
}
