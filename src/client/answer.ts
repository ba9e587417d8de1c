import type { Patience } from './patience.ts';
import { badAnswer, KvsClientError } from './kvs-client-error.ts';
import { fieldsOf, parseJson } from './fields.ts';

/** An answer that has come whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** The largest answer that is read, bytes: the largest value that a node may take, in Base64, in a page of a list. */
const answerBytesMax = 128 * 1_024 * 1_024;

const decoder = new TextDecoder();

export function textOf({ body }: Answer): string {
  return decoder.decode(body);
}

export function jsonOf(answer: Answer): unknown {
  return parseJson(textOf(answer));
}

/**
 * Reads an answer to its end; each piece has the time that the patience gives.
 *
 * @throws KvsClientError KVS_BAD_ANSWER for a redirection: nodes have none, and what a PUT becomes on its way is not known
 */
export async function answerOf(response: Response, patience: Patience): Promise<Answer> {
  const { status, headers, type } = response;
  // A browser does not show where a redirection leads.
  if (type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    await response.body?.cancel();
    const target = headers.get('location') ?? 'somewhere else';
    throw badAnswer(`It sends to ${target}: give the client the URL of the node`, status);
  }
  return { status, headers, body: await readBody(response, patience) };
}

async function readBody(response: Response, patience: Patience): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array();
  const pieces: Uint8Array[] = [];
  let length = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await patience.until(reader.read());
    if (done) break;
    patience.renew();
    pieces.push(value);
    length += value.length;
    if (length > answerBytesMax) {
      await reader.cancel();
      throw badAnswer(`The answer is longer than ${answerBytesMax} bytes`, response.status);
    }
  }
  const [first] = pieces;
  if (pieces.length === 1 && first !== undefined) return first;
  const body = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
  }
  return body;
}

/** What a node means by a status where its answer has no body: that of a HEAD. */
const codesOfHead: Readonly<Record<number, string>> = {
  400: 'KVS_BAD_PATH',
  404: 'KVS_KEY_NOT_FOUND',
  500: 'KVS_INTERNAL',
  503: 'KVS_NOT_READY',
};

/** The failure that an answer tells. */
export function problemOf(answer: Answer): KvsClientError {
  const { status, headers, body } = answer;
  const retryAfterSeconds = secondsOf(headers.get('retry-after'));
  const code = codesOfHead[status];
  const isProblem = headers.get('content-type')?.startsWith('application/problem+json') === true;
  if (isProblem && body.length === 0 && code !== undefined) {
    return new KvsClientError({ code, status, detail: `The node answered ${status}`, retryAfterSeconds });
  }
  try {
    const { code, detail } = fieldsOf(jsonOf(answer));
    if (typeof code === 'string' && code.startsWith('KVS_')) {
      return new KvsClientError({ code, status, detail: String(detail), retryAfterSeconds });
    }
  } catch {
    // Then it is not a node that speaks, but somebody between.
  }
  const detail = `An answer ${status} that no node gave: ${textOf(answer).slice(0, 80)}`;
  return new KvsClientError({ code: 'KVS_BAD_ANSWER', status, detail, retryAfterSeconds });
}

/** `Retry-After` is a number of seconds or a date (RFC 9110, section 10.2.3). */
function secondsOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - Date.now()) / 1_000));
}
