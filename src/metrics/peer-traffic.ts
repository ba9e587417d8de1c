import type { SendMessage } from '../peers/wire-transport.ts';
import { Histogram, requestSecondsBounds } from './histogram.ts';

interface Calls {
  readonly latency: Histogram;
  answered: number;
  unanswered: number;
}

/** What this node and its peers send each other: it calls them, and it answers their calls. */
export class PeerTraffic {
  readonly #calls = new Map<string, Calls>();
  readonly bytes = { caller: { sent: 0, received: 0 }, answerer: { sent: 0, received: 0 } };

  /** The same way to send, counted. */
  calling(send: SendMessage): SendMessage {
    const { caller } = this.bytes;
    return async (address, message, options) => {
      const calls = this.#callsOf(options.name);
      const startedAt = performance.now();
      caller.sent += message.length;
      try {
        const reply = await send(address, message, options);
        calls.answered++;
        caller.received += reply.length;
        return reply;
      } catch (error) {
        calls.unanswered++;
        throw error;
      } finally {
        calls.latency.observe((performance.now() - startedAt) / 1_000);
      }
    };
  }

  /** The same way to answer, counted. */
  answering(
    answer: (message: Uint8Array) => Promise<Uint8Array>,
  ): (message: Uint8Array) => Promise<Uint8Array> {
    const { answerer } = this.bytes;
    return async (message) => {
      answerer.received += message.length;
      const reply = await answer(message);
      answerer.sent += reply.length;
      return reply;
    };
  }

  *calls(): Generator<{ readonly labels: Record<string, string>; readonly value: number }> {
    for (const [call, { answered, unanswered }] of this.#calls) {
      yield { labels: { call, outcome: 'answered' }, value: answered };
      yield { labels: { call, outcome: 'unanswered' }, value: unanswered };
    }
  }

  *latencies(): Generator<{ readonly labels: Record<string, string>; readonly histogram: Histogram }> {
    for (const [call, { latency }] of this.#calls) yield { labels: { call }, histogram: latency };
  }

  #callsOf(name: string): Calls {
    const known = this.#calls.get(name);
    if (known !== undefined) return known;
    const calls = { latency: new Histogram(requestSecondsBounds), answered: 0, unanswered: 0 };
    this.#calls.set(name, calls);
    return calls;
  }
}
