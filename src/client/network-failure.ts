/** Codes of Node and Bun that only a connection has that was never made. */
const unconnected = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'ConnectionRefused',
  'FailedToOpenSocket',
]);
const depthMax = 5;

interface Described {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
}

/** Whether `fetch` failed before it could send anything. False where the platform does not say, as in browsers. */
export function wasNeverSent(error: unknown): boolean {
  return chainOf(error).some(
    ({ code, syscall, message }) =>
      unconnected.has(String(code)) ||
      syscall === 'connect' ||
      // Deno has no codes.
      /client error \(Connect\)/.test(String(message)),
  );
}

/** The reason, as the lowest layer gives it. */
export function reasonOf(error: unknown): string {
  const last = chainOf(error).at(-1);
  const text = typeof last?.message === 'string' ? last.message : '';
  if (text !== '') return text;
  return typeof last?.code === 'string' ? last.code : String(error);
}

/** An error and its causes. */
function chainOf(error: unknown): Described[] {
  const chain: Described[] = [];
  let next = error;
  while (typeof next === 'object' && next !== null && chain.length < depthMax) {
    chain.push(next);
    next = (next as Described).cause;
  }
  return chain;
}
