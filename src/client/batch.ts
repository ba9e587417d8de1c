import { BatchAnswer } from './batch-answer.ts';
import { OpenAnswer } from './open-answer.ts';
import { OperationBuffer, type NumberedLine } from './operation-buffer.ts';
import { OperationStream } from './operation-stream.ts';
import type { Requester } from './requester.ts';
import { SentOperations } from './sent-operations.ts';
import type { BatchResult, Operation } from './types.ts';

export interface BatchOptions {
  readonly requester: Requester;
  readonly operations: Iterable<Operation> | AsyncIterable<Operation>;
  readonly signal: AbortSignal | undefined;
}

type Results = AsyncGenerator<BatchResult, void, undefined>;

/** How often a batch without operations looks whether it goes on, ms. */
const idleMs = 1_000;
/** Characters of one request of several: they fit in the buffers of a socket. A longer operation goes alone. */
const batchRequestCharsMax = 65_536;

const ndjson = 'application/x-ndjson';
const encoder = new TextEncoder();

/** One request, whose operations go out while its results come in. None goes out before the node has accepted it. */
export async function* streamBatch({ requester, operations, signal }: BatchOptions): Results {
  const buffer = new OperationBuffer(operations);
  const stop = (): void => buffer.close();
  signal?.addEventListener('abort', stop);
  try {
    const call = { repeatable: 'anywhere', signal } as const;
    const answer = await requester.retry(call, async (url) => {
      const stream = new OperationStream(buffer);
      const answer = new BatchAnswer(await post(requester, url, stream.readable, signal), stream.sent);
      stream.release(() => answer.watchOver());
      return answer;
    });
    yield* answer.results();
    if (!buffer.isEmpty) throw answer.failure();
  } catch (error) {
    signal?.throwIfAborted();
    buffer.throwIfFailed();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    buffer.close();
  }
}

/** One request after the other, each with the operations that came during the one before. */
export async function* sendBatches({ requester, operations, signal }: BatchOptions): Results {
  const buffer = new OperationBuffer(operations);
  const stop = (): void => buffer.close();
  signal?.addEventListener('abort', stop);
  try {
    for (;;) {
      const lines = await buffer.take(idleMs);
      signal?.throwIfAborted();
      if (lines === undefined) return;
      for (const group of groupsOf(lines)) yield* sendGroup(requester, group, signal);
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    buffer.close();
  }
}

async function* sendGroup(
  requester: Requester,
  group: readonly NumberedLine[],
  signal: AbortSignal | undefined,
): Results {
  const body = encoder.encode(group.map(({ text }) => text).join(''));
  const call = { repeatable: 'never', signal } as const;
  const answer = await requester.retry(call, (url) => post(requester, url, body, signal));
  const sent = new SentOperations();
  for (const line of group) sent.add(line);
  sent.complete();
  yield* new BatchAnswer(answer, sent).results();
}

/** Lines in the same order, as many together as go in one request. */
function* groupsOf(lines: readonly NumberedLine[]): Generator<readonly NumberedLine[], void, undefined> {
  let group: NumberedLine[] = [];
  let chars = 0;
  for (const line of lines) {
    if (group.length > 0 && chars + line.text.length > batchRequestCharsMax) {
      yield group;
      group = [];
      chars = 0;
    }
    group.push(line);
    chars += line.text.length;
  }
  if (group.length > 0) yield group;
}

function post(
  requester: Requester,
  url: string,
  body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<OpenAnswer> {
  // The types of `fetch` in browsers know no `duplex`.
  const duplex = body instanceof ReadableStream ? { duplex: 'half' as const } : {};
  const init = { method: 'POST', headers: { 'Content-Type': ndjson }, body, ...duplex };
  return OpenAnswer.open({ requester, url, target: '/kv/', init, contentType: ndjson, signal });
}
