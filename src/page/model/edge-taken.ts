import type { ChartEdge } from './chart.ts';
import { activePaths, type StateValue } from './state-value.ts';

/** A transition as far as it says which arrow was taken. */
export interface TakenTransition {
  readonly event: string;
  readonly from: StateValue;
  readonly to: StateValue;
}

/**
 * The arrow by which a transition was taken; undefined when it is not drawn, for it changed no state. Where several
 * would do, the one that names the event counts before one that takes any of its kind, and that before one that waits
 * for no event.
 */
export function edgeTaken(
  edges: readonly ChartEdge[],
  { event, from, to }: TakenTransition,
): ChartEdge | undefined {
  const before = new Set(activePaths(from));
  const after = new Set(activePaths(to));
  const isUnchanged = JSON.stringify(from) === JSON.stringify(to);
  let best: ChartEdge | undefined;
  let bestRank = 0;
  for (const edge of edges) {
    if (edge.events.length === 0 || !after.has(edge.to)) continue;
    const leaves = edge.isFromAny ? edge.from === '' || before.has(edge.from) : before.has(edge.from);
    if (!leaves) continue;
    const isChange = !before.has(edge.to) || (!edge.isFromAny && !after.has(edge.from));
    const rank = Math.max(...edge.events.map((type) => rankOf(type, event))) + (isChange ? 0.5 : 0);
    // What changes nothing is an arrow only where it says so itself: a state that is entered anew.
    if ((isUnchanged || !isChange) && rank < exactRank) continue;
    if (rank > bestRank) [best, bestRank] = [edge, rank];
  }
  return best;
}

const exactRank = 3;

/** 3: this very event, 2: one of its kind, 1: none is needed, 0 or less: another one. */
function rankOf(type: string, event: string): number {
  if (type === event) return exactRank;
  if (type === '') return 1;
  if (type === '*') return 2;
  if (type.endsWith('.*') && (event === type.slice(0, -2) || event.startsWith(type.slice(0, -1)))) return 2;
  return -1;
}
