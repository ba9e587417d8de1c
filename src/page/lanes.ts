import type { LiveActor } from './live.ts';
import { color } from './theme.ts';

const laneCount = 9;

/** The actors that the node starts, itself first: those below them count as theirs. */
export function lanes(actors: ReadonlyMap<string, LiveActor>): string[] {
  return [...actors.values()].filter(({ parent }) => parent === '').map(({ id }) => id);
}

/** Each actor has a hue of its own, the same everywhere and every time. */
export function laneNumber(actor: string): number {
  const top = actor.split('.', 1)[0] ?? actor;
  const known = order.indexOf(top);
  if (known >= 0) return known % laneCount;
  let hash = 0;
  for (const letter of top) hash = (hash * 31 + letter.charCodeAt(0)) % laneCount;
  return hash;
}

export function laneColor(actor: string): string {
  return color(`--lane-${laneNumber(actor)}`);
}

const order = [
  'node',
  'mode-controller',
  'gossiper',
  'failure-detector',
  'replicator',
  'syncer',
  'bootstrapper',
  'conflict-resolver',
  'collector',
];
