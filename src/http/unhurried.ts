import type { KvsContext } from './context.ts';

/** The time-out of an idle connection does not end what takes long and has nothing to say meanwhile. */
export async function unhurried<T>(c: KvsContext, work: () => Promise<T>): Promise<T> {
  const socket = c.env?.incoming?.socket;
  const timeoutMs = socket?.timeout ?? 0;
  socket?.setTimeout(0);
  try {
    return await work();
  } finally {
    socket?.setTimeout(timeoutMs);
  }
}

/** True once nobody is there any more to take the answer. */
export function isGone(c: KvsContext): boolean {
  return c.env?.outgoing?.destroyed === true;
}
