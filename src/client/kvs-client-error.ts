export interface ErrorFields {
  /** The code of the node's answer (docs/http-api.md), or one of the client's own. */
  readonly code: string;
  /** Of the answer; 0: there was none. */
  readonly status?: number | undefined;
  readonly detail: string;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

/**
 * Why a call failed. Codes of the client's own: `KVS_UNREACHABLE`, no connection, or it broke; `KVS_TIMEOUT`, nothing
 * came in time; `KVS_BAD_ANSWER`, what came is nothing that a node says; `KVS_NOT_JSON`, the value is not JSON and
 * `getBytes` would read it; and `KVS_BAD_PATH` and
 * `KVS_BAD_REQUEST` (what no header can carry), as nodes have them.
 */
export class KvsClientError extends Error {
  override readonly name = 'KvsClientError';
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  /** After how many seconds it is worth another try, where the answer says so. */
  readonly retryAfterSeconds?: number;

  constructor({ code, status = 0, detail, retryAfterSeconds, cause }: ErrorFields) {
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
    this.detail = detail;
    if (retryAfterSeconds !== undefined) this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** What came is nothing that a node says. */
export function badAnswer(detail: string, status: number, cause?: unknown): KvsClientError {
  return new KvsClientError({ code: 'KVS_BAD_ANSWER', status, detail, cause });
}
