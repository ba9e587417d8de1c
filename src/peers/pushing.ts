import { limits } from '../core/limits.ts';
import type { Member } from '../core/membership.ts';
import type { PeerTransport } from '../core/peer-calls.ts';
import type { Membership, PushResult } from '../core/ports.ts';
import type { KeyVersion } from '../core/version.ts';
import type { Merger } from './merger.ts';
import type { Outboxes } from './outboxes.ts';

/**
 * For a push, ms: for the way and the disk, and for its values over a link of so many bytes a millisecond. After this
 * time it is taken for lost, and sent again: it may arrive any number of times.
 */
const callDeadlineMsMin = 2_000;
const slowestBytesPerMs = 64;

export interface PushPorts {
  readonly members: Pick<Membership, 'get'>;
  readonly outboxes: Outboxes;
  readonly transport: PeerTransport;
  readonly merger: Pick<Merger, 'merge'>;
}

/** Pages that are sent before the machine hears of it: its step costs as much as a small page does. */
const pagesAtOnceMax = 16;

/** Sends what waits for a member, page by page; what it knows to be greater comes back and is stored. */
export async function pushPages(
  ports: PushPorts,
  id: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<PushResult> {
  let bytes = 0;
  for (let pages = 0; pages < pagesAtOnceMax && bytes < limits.pageBytesMax; pages++) {
    if (ports.outboxes.hasOverflown(id)) return 'overflown';
    const page = ports.outboxes.page(id);
    const member = ports.members.get(id);
    if (page.length === 0 || member === undefined || signal.aborted) return 'empty';
    await pushPage(ports, member, page);
    bytes += bytesOf(page);
  }
  return 'more';
}

async function pushPage(
  { outboxes, transport, merger }: PushPorts,
  member: Member,
  versions: readonly KeyVersion[],
): Promise<void> {
  const request = { versions, isRumour: outboxes.areRumours };
  const deadlineMs = callDeadlineMsMin + bytesOf(versions) / slowestBytesPerMs;
  const { newer } = await transport.call(member, 'push', request, { deadlineMs });
  await merger.merge(newer, { from: member.id });
  outboxes.acknowledge(member.id, versions);
}

function bytesOf(versions: readonly KeyVersion[]): number {
  return versions.reduce((sum, { version }) => sum + version.data.length, 0);
}
