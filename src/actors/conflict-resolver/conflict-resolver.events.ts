import type { ConflictDetected } from '../../core/facts.ts';

/** What the conflict-resolver may be told. */
export type ConflictResolverEvent = ConflictDetected | { readonly type: 'drain' };
