import { limits } from '../core/limits.ts';
import type { Clock, LinkView } from '../core/ports.ts';
import type { Outboxes } from './outboxes.ts';

/** The share that the latest round trip has in the smoothed one (as in RFC 6298). */
const smoothing = 1 / 8;

interface Link {
  failures: number;
  failingSince: number | undefined;
  error: string | undefined;
  roundTripMs: number | undefined;
  sentBytes: number;
  receivedBytes: number;
}

/**
 * Remembers of each member how the last calls to it went, and how many bytes went to and fro. A refusal is an answer:
 * the link works. At most `limits.membersMax` links; for one more the one that was made first goes.
 */
export class Links {
  readonly #clock: Clock;
  readonly #links = new Map<string, Link>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sends a message to a member, and notes how that went. */
  async watch(
    id: string,
    message: Uint8Array,
    send: (message: Uint8Array) => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const beganAt = this.#clock.now();
    this.noteBytes(id, { sent: message.length, received: 0 });
    try {
      const reply = await send(message);
      this.noteBytes(id, { sent: 0, received: reply.length });
      this.#noteAnswer(this.#of(id), this.#clock.now() - beganAt);
      return reply;
    } catch (error) {
      const link = this.#of(id);
      link.failures++;
      link.failingSince ??= this.#clock.now();
      link.error = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  /** Counts what went to a member and what came from it. */
  noteBytes(id: string, { sent, received }: { readonly sent: number; readonly received: number }): void {
    const link = this.#of(id);
    link.sentBytes += sent;
    link.receivedBytes += received;
  }

  /** How it goes with a member, and what waits for it. */
  view(id: string, outboxes: Pick<Outboxes, 'size' | 'oldest'>): LinkView {
    const link = this.#links.get(id);
    const oldest = outboxes.oldest(id);
    return {
      id,
      failures: link?.failures ?? 0,
      failingSince: link?.failingSince,
      error: link?.error,
      roundTripMs: link?.roundTripMs,
      waiting: outboxes.size(id),
      lagMs: oldest === undefined ? 0 : Math.max(0, this.#clock.now() - oldest.timestamp),
      sentBytes: link?.sentBytes ?? 0,
      receivedBytes: link?.receivedBytes ?? 0,
    };
  }

  #noteAnswer(link: Link, tookMs: number): void {
    link.failures = 0;
    link.failingSince = undefined;
    link.error = undefined;
    // The wall clock may have been set back meanwhile.
    const ms = Math.max(0, tookMs);
    link.roundTripMs =
      link.roundTripMs === undefined ? ms : link.roundTripMs + (ms - link.roundTripMs) * smoothing;
  }

  #of(id: string): Link {
    const known = this.#links.get(id);
    if (known !== undefined) return known;
    if (this.#links.size >= limits.membersMax) {
      for (const first of this.#links.keys()) {
        this.#links.delete(first);
        break;
      }
    }
    const link: Link = {
      failures: 0,
      failingSince: undefined,
      error: undefined,
      roundTripMs: undefined,
      sentBytes: 0,
      receivedBytes: 0,
    };
    this.#links.set(id, link);
    return link;
  }
}
