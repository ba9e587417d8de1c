import type { ClusterFoundEmpty, MemberFact } from '../../core/facts.ts';

/** What the bootstrapper may be told. */
export type BootstrapperEvent = MemberFact | ClusterFoundEmpty | { readonly type: 'drain' };

/** What it tells. */
export type BootstrapFact =
  | { readonly type: 'bootstrap.started' }
  /** `keys`: how many it has brought by now. */
  | { readonly type: 'bootstrap.progressed'; readonly keys: number }
  /** `keys`: how many it has brought in all. */
  | { readonly type: 'bootstrap.finished'; readonly keys: number }
  /** No member answers at the moment; the bootstrapper goes on trying. */
  | { readonly type: 'bootstrap.stalled' };
