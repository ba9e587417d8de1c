import type { MemberFact, MemberFellBehind } from '../../core/facts.ts';

/** What the syncer may be told. */
export type SyncerEvent =
  | MemberFact
  | MemberFellBehind
  | { readonly type: 'bootstrap.finished' }
  /** The time to turn to a member has come. */
  | { readonly type: 'catchup.due'; readonly id: string }
  /** The member that is being compared with has failed, has left or is forgotten. */
  | { readonly type: 'partner.gone' }
  | { readonly type: 'drain' };
