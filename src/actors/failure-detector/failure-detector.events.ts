import type { MemberFact } from '../../core/facts.ts';

/** What the failure-detector may be told. */
export type FailureDetectorEvent = MemberFact | { readonly type: 'drain' };
