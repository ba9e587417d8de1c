import type { Point } from './chart.ts';

/** Where the members stand around the node that is asked: on rings, the inner one first, none of them crowded. */
export function ringPlaces(count: number, { firstRadius, ringGap, spacing }: RingShape): Point[] {
  const places: Point[] = [];
  let radius = firstRadius;
  while (places.length < count) {
    const room = Math.max(1, Math.floor((2 * Math.PI * radius) / spacing));
    const rest = count - places.length;
    // What is left spreads over the whole of the last ring.
    const here = Math.min(room, rest);
    // Turned a little, so that two members stand beside the node and not above and below it.
    const turn = here === 2 ? 0 : -Math.PI / 2;
    for (let i = 0; i < here; i++) {
      const angle = turn + (2 * Math.PI * i) / here;
      places.push({ x: radius * Math.cos(angle), y: radius * Math.sin(angle) });
    }
    radius += ringGap;
  }
  return places;
}

export interface RingShape {
  readonly firstRadius: number;
  readonly ringGap: number;
  /** Between two members on a ring. */
  readonly spacing: number;
}
