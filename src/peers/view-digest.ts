import { hash128 } from '../core/hash.ts';
import type { MemberRecord } from '../core/membership.ts';
import { recordOf } from './news.ts';

const encoder = new TextEncoder();

/** A digest of what a node knows of its cluster, 128 bits in hexadecimal, in whatever order it is given. */
export function viewDigest(members: Iterable<MemberRecord>, forgotten: Iterable<string>): string {
  const sum = new Uint32Array(4);
  const lanes = new Uint32Array(4);
  const add = (text: string) => {
    const bytes = encoder.encode(text);
    hash128(bytes, bytes.length, lanes);
    lanes.forEach((lane, index) => (sum[index] = (sum[index] ?? 0) + lane));
  };
  for (const record of members) add(JSON.stringify(Object.values(recordOf(record))));
  for (const storeId of forgotten) add(storeId);
  return Array.from(sum, (lane) => lane.toString(16).padStart(8, '0')).join('');
}
