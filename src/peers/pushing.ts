import type { PeerTransport } from '../core/peer-calls.ts';
import type { Membership, PushResult } from '../core/ports.ts';
import type { KeyVersion } from '../core/version.ts';
import type { Merger } from './merger.ts';
import type { Outboxes } from './outboxes.ts';

/** For a push, ms: for the way and the disk, and for its values over a link of so many bytes a millisecond. */
const pushDeadlineMsMin = 2_000;
const slowestBytesPerMs = 64;

/** After this time a push is taken for lost, and sent again: it may arrive any number of times. */
export function pushDeadlineMs(versions: readonly KeyVersion[]): number {
  const bytes = versions.reduce((sum, { version }) => sum + version.data.length, 0);
  return pushDeadlineMsMin + bytes / slowestBytesPerMs;
}

export interface PushPorts {
  readonly members: Pick<Membership, 'get'>;
  readonly outboxes: Outboxes;
  readonly transport: PeerTransport;
  readonly merger: Merger;
}

/** Sends the first page of what waits for a member; what it knows to be greater comes back and is stored. */
export async function pushPage(
  { members, outboxes, transport, merger }: PushPorts,
  id: string,
): Promise<PushResult> {
  const member = members.get(id);
  if (member === undefined) return 'empty';
  if (outboxes.hasOverflown(id)) return 'overflown';
  const versions = outboxes.page(id);
  if (versions.length === 0) return 'empty';
  const request = { versions, isRumour: outboxes.areRumours };
  const { newer } = await transport.call(member, 'push', request, { deadlineMs: pushDeadlineMs(versions) });
  await merger.merge(newer, { from: id });
  outboxes.acknowledge(id, versions);
  if (outboxes.hasOverflown(id)) return 'overflown';
  return outboxes.size(id) === 0 ? 'empty' : 'more';
}
