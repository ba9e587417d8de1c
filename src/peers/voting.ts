import type { KeyPath } from '../core/key-path.ts';
import { leafOfEntry, pathHash } from '../core/leaf-entries.ts';
import { limits } from '../core/limits.ts';
import type { Member } from '../core/membership.ts';
import type { Ballot, PeerTransport } from '../core/peer-calls.ts';
import type { Clock, Decision, Logger, Membership, VersionStore, VoteResult } from '../core/ports.ts';
import type { KeyVersion, Version } from '../core/version.ts';
import type { Merger } from './merger.ts';
import { pagesOf } from './pages.ts';
import { isBeyondVote, tally, type Outcome, type Vote } from './tally.ts';

/** A vote ends after this time with whoever has answered, ms. */
export const voteDeadlineMs = 1_000;

export interface VotingPorts {
  readonly store: VersionStore;
  readonly members: Membership;
  readonly transport: PeerTransport;
  readonly merger: Merger;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tells the others of versions that were decided here. */
  readonly publish: (versions: readonly KeyVersion[]) => void;
}

/** Lets the members vote on keys, stores the winners, and tells what was decided. */
export async function holdVote(ports: VotingPorts, paths: readonly KeyPath[]): Promise<VoteResult> {
  const { store, members, clock } = ports;
  const disputed = await stillDisputed(store, paths);
  if (disputed.length === 0) return { decisions: [], undecided: [] };
  const answers = await collectBallots(ports, disputed);
  const held = await store.getMany(disputed.map(({ path }) => path));
  const outcomes = disputed.map(({ path }, index): KeyOutcome => {
    const own = held[index];
    const votes = answers.map(({ member, ballots }): Vote => ({ member, held: ballots[index] ?? null }));
    return { path, own, outcome: tally({ member: members.self.id, held: own ?? null }, votes) };
  });

  const versions = await fetchFromHolders(ports, outcomes);
  const winners: KeyVersion[] = [];
  const decisions: Decision[] = [];
  const undecided: KeyPath[] = [];
  for (const { path, own, outcome } of outcomes) {
    if (outcome.kind === 'settled') continue;
    const version = own?.uuid === winnerOf(outcome) ? own : versions.get(path);
    if (version === undefined) undecided.push(path);
    else if (outcome.kind === 'superseded') winners.push({ path, version });
    // The holder may have something newer by now, which no vote concerns.
    else if (version.uuid !== outcome.uuid) winners.push({ path, version });
    else {
      // Its holder may have heard of another vote on it by now.
      winners.push({ path, version: { ...version, votes: Math.max(version.votes, outcome.votes) } });
      decisions.push({
        path,
        at: clock.now(),
        winner: outcome.uuid,
        origin: version.origin,
        tally: outcome.tally,
      });
    }
  }
  // All at once may be more than ever fits in the queue of writes.
  for (const page of pagesOf(winners)) await ports.merger.merge(page, { from: members.self.id });
  ports.publish(winners);
  for (const { path, winner, origin, tally } of decisions) {
    ports.logger.info('A conflict was decided by vote', { path, winner, origin, tally });
  }
  return { decisions, undecided };
}

interface Dispute {
  readonly path: KeyPath;
  readonly own: Version;
}

interface KeyOutcome {
  readonly path: KeyPath;
  readonly own: Version | undefined;
  readonly outcome: Outcome;
}

interface Answer {
  readonly member: string;
  readonly ballots: readonly (Ballot | null)[];
}

/** The keys of which this node holds a version that nobody has voted on. */
async function stillDisputed(store: VersionStore, paths: readonly KeyPath[]): Promise<readonly Dispute[]> {
  const held = await store.getMany(paths);
  return paths.flatMap((path, index) => {
    const own = held[index];
    return own === undefined || own.votes > 0 ? [] : [{ path, own }];
  });
}

/**
 * Asks all members at once; settles with those that answered in time, early once each key is decided by a version that
 * somebody holds.
 */
async function collectBallots(
  { members, transport, logger }: VotingPorts,
  disputed: readonly Dispute[],
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  const decided = new Set<number>();
  const paths = disputed.map(({ path }) => path);
  await new Promise<void>((resolve) => {
    const present = members.present();
    let open = present.length;
    if (open === 0) resolve();
    for (const member of present) {
      transport
        .call(member, 'vote', { paths }, { deadlineMs: voteDeadlineMs })
        .then(({ held }) => {
          answers.push({ member: member.id, ballots: held });
          disputed.forEach(({ own }, index) => {
            const ballot = held[index] ?? null;
            if (ballot !== null && isBeyondVote(ballot, own)) decided.add(index);
          });
          return undefined;
        })
        .catch((error: unknown) => logger.debug('A member did not vote', { member: member.id, error }))
        .finally(() => {
          open--;
          if (open === 0 || decided.size === disputed.length) resolve();
        })
        .catch(() => undefined);
    }
  });
  // Who answers after the end has no part in it.
  return [...answers];
}

/** The versions that only others hold, by path; without those whose holder does not answer. */
async function fetchFromHolders(
  { members, transport, logger }: VotingPorts,
  outcomes: readonly KeyOutcome[],
): Promise<ReadonlyMap<KeyPath, Version>> {
  const byHolder = new Map<string, KeyPath[]>();
  for (const { path, own, outcome } of outcomes) {
    if (outcome.kind === 'settled' || own?.uuid === winnerOf(outcome)) continue;
    byHolder.set(outcome.holder, [...(byHolder.get(outcome.holder) ?? []), path]);
  }
  const found = new Map<KeyPath, Version>();
  await Promise.all(
    [...byHolder].map(async ([id, wanted]) => {
      const holder = members.get(id);
      if (holder === undefined) return;
      try {
        for (const { path, version } of await fetchAll(transport, holder, wanted)) found.set(path, version);
      } catch (error) {
        logger.debug('A winner could not be fetched', { member: id, error });
      }
    }),
  );
  return found;
}

async function fetchAll(
  transport: PeerTransport,
  holder: Member,
  paths: readonly KeyPath[],
): Promise<readonly KeyVersion[]> {
  const all: KeyVersion[] = [];
  let open = [...paths];
  while (open.length > 0) {
    const asked = open.slice(0, limits.pageItemsMax);
    const selections = asked.map((path) => {
      const hashes = pathHash(path);
      return { leaf: leafOfEntry(hashes), hashes };
    });
    const request = { selections };
    const { versions, isComplete } = await transport.call(holder, 'fetch', request, {
      deadlineMs: voteDeadlineMs,
    });
    const come = new Set(versions.map(({ path }) => path));
    const rest = isComplete ? [] : asked.filter((path) => !come.has(path));
    if (rest.length === asked.length) break;
    open = [...rest, ...open.slice(asked.length)];
    all.push(...versions);
  }
  return all;
}

function winnerOf(outcome: Outcome): string | undefined {
  return outcome.kind === 'elected' ? outcome.uuid : undefined;
}
