import type { Ballot } from '../core/peer-calls.ts';
import { compareStamps } from '../core/version.ts';

/** What one member holds of a key. */
export interface Vote {
  readonly member: string;
  readonly held: Ballot | null;
}

export type Outcome =
  /** Someone holds a version that is greater than ours without any vote: it decides by itself. */
  | { readonly kind: 'superseded'; readonly holder: string }
  /** Ours has been voted on already, or is gone: there is nothing to decide. */
  | { readonly kind: 'settled' }
  | {
      readonly kind: 'elected';
      readonly uuid: string;
      readonly votes: number;
      /** A member that holds the winner. */
      readonly holder: string;
      /** Votes by uuid, the winner's first. */
      readonly tally: Readonly<Record<string, number>>;
    };

/**
 * Decides which of several versions of one instant stays: the one that most members hold, and among equals the one
 * from the oldest node. `own` is this node's vote, `others` those of the members that answered.
 */
export function tally(own: Vote, others: readonly Vote[]): Outcome {
  const held = own.held;
  if (held === null || held.votes > 0) return { kind: 'settled' };
  const greater = others.find((vote) => vote.held !== null && isBeyondVote(vote.held, held));
  if (greater !== undefined) return { kind: 'superseded', holder: greater.member };

  const candidates = new Map<string, { ballot: Ballot; votes: number; holder: string }>();
  for (const { member, held: ballot } of [own, ...others]) {
    if (ballot === null || compareStamps(ballot, held) !== 0) continue;
    const before = candidates.get(ballot.uuid);
    candidates.set(ballot.uuid, {
      ballot,
      votes: (before?.votes ?? 0) + 1,
      holder: before?.holder ?? member,
    });
  }
  const ranked = [...candidates.values()].toSorted(
    (a, b) => b.votes - a.votes || compareAge(a.ballot, b.ballot),
  );
  const winner = ranked[0] ?? { ballot: held, votes: 1, holder: own.member };
  return {
    kind: 'elected',
    uuid: winner.ballot.uuid,
    votes: winner.votes,
    holder: winner.holder,
    tally: Object.fromEntries(ranked.map(({ ballot, votes }) => [ballot.uuid, votes])),
  };
}

/** True when a version wins over another one whatever a vote on that one says. */
export function isBeyondVote(a: Ballot, b: Ballot): boolean {
  const order = compareStamps(a, b);
  return order > 0 || (order === 0 && a.votes > 0);
}

/** Negative when `a` comes from the older node; the rest only makes the order total. */
function compareAge(a: Ballot, b: Ballot): number {
  return a.originJoined - b.originJoined || compareText(a.origin, b.origin) || compareText(a.uuid, b.uuid);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
