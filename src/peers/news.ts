import type { MemberRecord } from '../core/membership.ts';
import type { MembershipNews } from '../core/peer-calls.ts';

/** News with the record of one member among it, as it stands now. */
export function withRecord(news: MembershipNews, member: MemberRecord): MembershipNews {
  const others = news.records.filter(({ id }) => id !== member.id);
  return { ...news, records: [...others, recordOf(member)] };
}

/** What nodes tell each other of a member, without what only this node knows of it. */
export function recordOf({
  id,
  address,
  storeId,
  joinedTimestamp,
  incarnation,
  state,
}: MemberRecord): MemberRecord {
  return { id, address, storeId, joinedTimestamp, incarnation, state };
}
