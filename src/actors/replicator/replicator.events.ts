import type { MemberFact, MemberFellBehind, VersionsAccepted } from '../../core/facts.ts';

/** What the replicator may be told. */
export type ReplicatorEvent =
  | VersionsAccepted
  | MemberFact
  | MemberFellBehind
  /** One of its pushers has nothing left. */
  | { readonly type: 'outbox.emptied' }
  | { readonly type: 'drain' };

/** What a pusher may be told. */
export interface PusherEvent {
  readonly type: 'outbox.filled';
}
