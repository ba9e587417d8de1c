import { randomUUID } from 'node:crypto';
import { KvsError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { ActorInspector, ActorTransition } from '../core/ports.ts';
import { OpenStreams, type OpenStream } from './open-streams.ts';

/** Transitions of this time go out together, ms: a busy node has thousands a second, and each write costs it some. */
const gatherMs = 50;
/** So many go out at once, whatever the time. */
const gatheredMax = 500;

export interface TransitionFeedOptions {
  readonly inspector: ActorInspector;
  /** Aborted when the server begins to close. */
  readonly closing: AbortSignal;
  /** How often a quiet stream says that it is still there, ms. */
  readonly heartbeatMs: number;
}

/**
 * The transitions of all actors as server-sent events, for many readers. Each transition is written down once, and
 * only while somebody reads. A reader that does not keep up loses events, not the node its memory: a `gap` event before
 * the next one that it gets says how many.
 *
 * Ids are those of the transitions, after a name for this life of the node: an id from an earlier life, where other
 * transitions had the same numbers, is told from one of this life. A number alone is one of this life; 0 asks for all
 * that is remembered.
 */
export class TransitionFeed {
  readonly #inspector: ActorInspector;
  readonly #life = randomUUID().slice(0, 8);
  readonly #encoder = new TextEncoder();
  readonly #readers: OpenStreams<Reader>;
  #gathered: ActorTransition[] = [];
  #flushTimer: NodeJS.Timeout | undefined;

  constructor({ inspector, closing, heartbeatMs }: TransitionFeedOptions) {
    this.#inspector = inspector;
    this.#readers = new OpenStreams<Reader>({
      name: '/debug/events',
      streamsMax: limits.debugReadersMax,
      closing,
      heartbeatMs,
      onFirst: () => this.#listen(),
      onClosing: () => this.#flush(),
    });
  }

  /**
   * A new reader, which gets what comes from now on, or what came after the event `lastEventId` as far as it is
   * remembered. `cut` breaks its connection.
   *
   * @throws KvsError KVS_OVERLOADED when there are too many readers, KVS_BAD_REQUEST when the id was never one
   */
  open(lastEventId: string | undefined, cut: () => void): ReadableStream<Uint8Array> {
    this.#readers.assertRoom();
    const missed = lastEventId === undefined ? '' : this.#missedSince(lastEventId);
    // What others still wait for is no news to whoever comes now.
    this.#flush();
    let reader: Reader | undefined;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          reader = new Reader(controller, cut);
          reader.offer(this.#encoder.encode(`: connected\n\n${missed}`), 0);
          this.#readers.add(reader);
        },
        cancel: () => {
          if (reader !== undefined) this.#readers.remove(reader);
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: limits.debugBufferBytesMax }),
    );
  }

  #missedSince(lastEventId: string): string {
    const [, life = this.#life, digits] = /^(?:(\w{1,32})-)?(\d{1,15})$/.exec(lastEventId) ?? [];
    if (digits === undefined)
      throw new KvsError('KVS_BAD_REQUEST', 'Last-Event-ID is not one of this stream');
    const last = life === this.#life ? Number(digits) : undefined;
    const { transitions, gap } = this.#inspector.transitionsSince(last ?? 0);
    const texts = transitions.map((transition) => this.#textOf(transition));
    if (last === undefined) return [gapText(null), ...texts].join('');
    // Whoever begins at the beginning has missed nothing.
    if (!gap || last === 0) return texts.join('');
    const [first] = transitions;
    return [gapText(first === undefined ? null : first.id - last - 1), ...texts].join('');
  }

  #listen(): () => void {
    const stop = this.#inspector.subscribe((transition) => this.#gather(transition));
    return () => {
      stop();
      clearTimeout(this.#flushTimer);
      this.#flushTimer = undefined;
      this.#gathered = [];
    };
  }

  #gather(transition: ActorTransition): void {
    this.#gathered.push(transition);
    if (this.#gathered.length >= gatheredMax) this.#flush();
    else this.#flushTimer ??= setTimeout(() => this.#flush(), gatherMs);
  }

  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    this.#gathered = [];
    const bytes = this.#encoder.encode(gathered.map((transition) => this.#textOf(transition)).join(''));
    for (const reader of this.#readers) reader.offer(bytes, gathered.length);
  }

  #textOf(transition: ActorTransition): string {
    return `id: ${this.#life}-${transition.id}\nevent: transition\ndata: ${JSON.stringify(transition)}\n\n`;
  }
}

const stillHere = new TextEncoder().encode(': still here\n\n');

/** One stream, and what it has lost. */
class Reader implements OpenStream {
  readonly #controller: ReadableStreamDefaultController<Uint8Array>;
  #dropped = 0;
  readonly cut: () => void;

  constructor(controller: ReadableStreamDefaultController<Uint8Array>, cut: () => void) {
    this.#controller = controller;
    this.cut = cut;
  }

  /** Passes on bytes that hold so many events, or drops them where too much waits already. */
  offer(bytes: Uint8Array, events: number): void {
    if ((this.#controller.desiredSize ?? 0) <= 0) {
      this.#dropped += events;
      return;
    }
    if (this.#dropped > 0) this.#controller.enqueue(new TextEncoder().encode(gapText(this.#dropped)));
    this.#dropped = 0;
    this.#controller.enqueue(bytes);
  }

  beat(): void {
    this.offer(stillHere, 0);
  }

  close(): void {
    this.#controller.close();
  }
}

/** `dropped`: how many events are missing here; null: nobody knows, for they are of another life of the node. */
function gapText(dropped: number | null): string {
  return `event: gap\ndata: ${JSON.stringify({ dropped })}\n\n`;
}
