import { createHash } from 'node:crypto';

/** Bytes that look random and are the same in every run. */
export function noise(seed: string, bytes: number): Buffer {
  return createHash('shake256', { outputLength: bytes }).update(seed).digest();
}
