import type { ProbeResult } from '../../core/ports.ts';

/** The worst that a node thinks of itself (Lifeguard's maximum of the local health multiplier). */
export const healthScoreMax = 8;

/** The health score after a probe: 0 is well (Dadgar et al. 2018, section III A). */
export function healthAfter(score: number, result: ProbeResult): number {
  const change = result === 'alive' ? -1 : result === 'unheard' ? 1 : 0;
  return Math.min(healthScoreMax, Math.max(0, score + change));
}

/** The least time that a member is suspected before it is given up, ms. */
const suspicionMsMin = 2_000;
/** A node that is not well itself waits longer, up to so many times. */
const patienceMax = 3;

/**
 * How long a suspected member has to refute, ms: long enough for the news to reach it and its answer to come back,
 * which takes a number of rounds that grows with the logarithm of the cluster's size (Das et al. 2002, section 4.2).
 */
export function suspicionMs(membersCount: number, healthScore: number): number {
  const patience = Math.min(1 + healthScore, patienceMax);
  return suspicionMsMin * Math.max(1, Math.log10(Math.max(1, membersCount))) * patience;
}
