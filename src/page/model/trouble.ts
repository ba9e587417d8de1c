import type { MemberAnswer } from './answers.ts';

/** From here on a lag is worth a look, ms. */
export const lagWarningMs = 1_000;

export type Trouble = 'dead' | 'suspect' | 'failing' | 'behind' | 'left' | 'none';

const order: readonly Trouble[] = ['suspect', 'failing', 'dead', 'behind', 'none', 'left'];

/** What is most worth knowing of a member. */
export function troubleOf({ state, link }: MemberAnswer): Trouble {
  if (state === 'dead' || state === 'suspect' || state === 'left') return state;
  if (link !== null && link.failures > 0) return 'failing';
  return link !== null && link.lag_ms >= lagWarningMs ? 'behind' : 'none';
}

/** Those with trouble first, the node itself before all. */
export function byTrouble(members: readonly MemberAnswer[]): MemberAnswer[] {
  const rank = (member: MemberAnswer) => (member.link === null ? -1 : order.indexOf(troubleOf(member)));
  return members.toSorted((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id, 'en', { numeric: true }));
}
