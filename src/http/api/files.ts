import type { Answer, HeaderName } from './operation.ts';

/** What a file for browsers comes with. */
export const fileHeaders: readonly HeaderName[] = ['ETag', 'Cache-Control', 'Content-Encoding', 'Vary'];

export const knownAnswer: Answer = { text: 'The client has it.', headers: fileHeaders };
