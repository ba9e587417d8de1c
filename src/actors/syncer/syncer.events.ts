import type { MemberFact, MemberFellBehind } from '../../core/facts.ts';

/** What the syncer may be told. */
export type SyncerEvent =
  | MemberFact
  | MemberFellBehind
  | { readonly type: 'bootstrap.finished' }
  /** The time to turn to a member has come. */
  | { readonly type: 'catchup.due'; readonly id: string }
  | { readonly type: 'drain' };
