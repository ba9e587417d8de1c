import type { LinkView } from '../../core/ports.ts';
import type { Member } from '../../core/membership.ts';
import type { HttpDeps, KvsApp } from '../context.ts';
import { allowOnly } from '../methods.ts';

/** `/debug/cluster`: this node, its members, and how it goes with each of them. */
export function mountDebugCluster(app: KvsApp, deps: HttpDeps): void {
  const startedAt = deps.clock.now();
  app.get('/debug/cluster', (c) => {
    const { status, members, clock } = deps;
    const links = new Map(deps.links().map((link) => [link.id, link]));
    const held = status.heldTombstones();
    return c.json({
      now: clock.now(),
      node: {
        id: status.nodeId,
        mode: status.mode(),
        ready: status.isReady(),
        started_at: startedAt,
        refused: status.refusal() ?? null,
        tombstones_held: held?.count ?? 0,
        tombstones_held_by: held?.member ?? null,
      },
      members: members.list().map((member) => memberView(member, links.get(member.id))),
    });
  });
  allowOnly(app, '/debug/cluster', ['GET', 'HEAD']);
}

function memberView(member: Member, link: LinkView | undefined): Record<string, unknown> {
  return {
    id: member.id,
    address: member.address,
    state: member.state,
    last_seen: member.lastSeen,
    joined_timestamp: member.joinedTimestamp,
    incarnation: member.incarnation,
    link: link === undefined ? null : linkView(link),
  };
}

function linkView(link: LinkView): Record<string, unknown> {
  return {
    failures: link.failures,
    failing_since: link.failingSince ?? null,
    error: link.error ?? null,
    round_trip_ms: link.roundTripMs ?? null,
    waiting: link.waiting,
    lag_ms: link.lagMs,
    sent_bytes: link.sentBytes,
    received_bytes: link.receivedBytes,
  };
}
