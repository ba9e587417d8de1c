import { createHash } from 'node:crypto';
import { KvsError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { FirstAnswer, Idempotency, WriteResult } from '../core/ports.ts';
import { header, type KvsContext } from './context.ts';

/** What a PUT asks for. */
interface Asked {
  readonly contentType: string;
  /** Undefined: it does not expire. */
  readonly ttlMs: number | undefined;
  readonly data: Uint8Array;
}

const visible = /^[!-~]+(?: +[!-~]+)*$/;

/**
 * By what a PUT is known when it is sent again: its `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header), taken
 * as it stands, with quotes or without. Undefined where it has none.
 *
 * @throws KvsError KVS_BAD_REQUEST when the key is empty, too long, or not ASCII
 */
export function idempotencyOf(c: KvsContext, { contentType, ttlMs, data }: Asked): Idempotency | undefined {
  const key = header(c, 'idempotency-key');
  if (key === undefined) return undefined;
  if (key.length > limits.idempotencyKeyBytesMax || !visible.test(key)) {
    const detail = `Idempotency-Key must be 1 to ${limits.idempotencyKeyBytesMax} visible characters of ASCII`;
    throw new KvsError('KVS_BAD_REQUEST', detail);
  }
  // No header has a NUL.
  const fingerprint = createHash('sha256')
    .update(`${contentType}\0${ttlMs ?? ''}\0`)
    .update(data)
    .digest();
  return { key, fingerprint };
}

/**
 * What a PUT is answered: what the first one with its key was, where it had one.
 *
 * @throws KvsError KVS_IDEMPOTENCY_MISMATCH when that one was of something else
 */
export function answerOfPut(result: WriteResult | undefined): FirstAnswer {
  switch (result?.outcome) {
    case 'created':
    case 'replaced':
      return {
        outcome: result.outcome,
        uuid: result.version.uuid,
        timestamp: result.version.timestamp,
        expiresAt: result.version.expiresAt,
      };
    case 'repeated':
      return result.first;
    case 'mismatched':
      throw new KvsError(
        'KVS_IDEMPOTENCY_MISMATCH',
        'This Idempotency-Key came with another value, content type or time to live before; the key was not written',
      );
    case 'deleted':
    case 'absent':
    case 'unmet':
    case undefined:
      throw new Error('A put has no version');
  }
}
