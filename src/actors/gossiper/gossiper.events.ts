import type { ClusterFoundEmpty, RumourHeard } from '../../core/facts.ts';

/** What the gossiper may be told. */
export type GossiperEvent = RumourHeard | { readonly type: 'drain' };

/** What it tells. */
export type GossiperFact = ClusterFoundEmpty;
