import type { ClusterFoundEmpty, MemberFact } from '../../core/facts.ts';

/** What the bootstrapper may be told. */
export type BootstrapperEvent = MemberFact | ClusterFoundEmpty | { readonly type: 'drain' };

/** What it tells. */
export type BootstrapFact =
  | { readonly type: 'bootstrap.started' }
  /** `keys`: how many are there by now. */
  | { readonly type: 'bootstrap.progressed'; readonly keys: number }
  | { readonly type: 'bootstrap.finished' }
  /** No member answers at the moment; the bootstrapper goes on trying. */
  | { readonly type: 'bootstrap.stalled' };
