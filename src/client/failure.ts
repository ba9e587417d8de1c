import { KvsClientError } from './kvs-client-error.ts';
import { reasonOf, wasNeverSent } from './network-failure.ts';

/** What a failed attempt means for the next one. */
export interface Failure {
  readonly error: KvsClientError;
  /** True: another attempt would end in the same way. */
  readonly isFinal: boolean;
  /** True: what was asked for may have been done. */
  readonly isOpen: boolean;
}

/** Answers of nodes that another attempt may change: true where what was asked for may have been done. */
const passing: ReadonlyMap<number, boolean> = new Map([
  [408, false],
  [429, false],
  [500, true],
  [502, true],
  [503, false],
  [504, true],
  [507, false],
]);

export function failureOf(cause: unknown): Failure {
  if (!(cause instanceof KvsClientError)) {
    const error = new KvsClientError({ code: 'KVS_UNREACHABLE', detail: reasonOf(cause), cause });
    return { error, isFinal: false, isOpen: !wasNeverSent(cause) };
  }
  const { code, status } = cause;
  if (code === 'KVS_TIMEOUT' || code === 'KVS_UNREACHABLE')
    return { error: cause, isFinal: false, isOpen: true };
  const isOpen = passing.get(status);
  if (code === 'KVS_BAD_ANSWER') {
    // Somebody between gave it, who may have passed the request on; or it is a success that can't be understood.
    return { error: cause, isFinal: isOpen === undefined && status !== 200, isOpen: status !== 429 };
  }
  return { error: cause, isFinal: isOpen === undefined, isOpen: isOpen === true };
}
