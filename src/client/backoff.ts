const minMs = 100;
const maxMs = 5_000;

/** How long to wait before the `count`-th try again, from 1: twice as long each time, with jitter in the upper half; ms. */
export function backoffMs(count: number): number {
  const longest = Math.min(maxMs, minMs * 2 ** Math.min(count - 1, 16));
  return (longest / 2) * (1 + Math.random());
}

/** Waits, unless the signal ends it: then it throws the signal's reason. */
export async function pass(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
  signal?.throwIfAborted();
}
