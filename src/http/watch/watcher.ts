import { setTimeout as pass } from 'node:timers/promises';
import { isBehind, type EventPage, type EventPosition } from '../../core/key-events.ts';
import type { KeyPath } from '../../core/key-path.ts';
import { limits } from '../../core/limits.ts';
import type { OpenStream } from '../open-streams.ts';
import type { WatchEvent } from './watch-event.ts';

/** How a reader is told; a stream goes on, a long poll ends with the first events. */
export interface WatchAnswer {
  /** True: what is sent now has to wait in memory. `Watcher.resume` is called when that is over. */
  readonly isFull: boolean;
  /** Says from where it goes on. */
  begin(id: string): void;
  /** `events` are not empty. */
  send(events: readonly WatchEvent[]): void;
  /** Says that it is there; `id`: how far it is. */
  beat(id: string): void;
  /** A proper end; `id`: how far it is. */
  end(id: string): void;
  cut(): void;
}

/** What happens to the keys, as a watcher gets it. */
export interface EventSource {
  /** Up to here everybody who has joined was told. */
  readonly position: EventPosition;
  /** Undefined, or settles when watchers may join. */
  settling(): Promise<void> | undefined;
  /** From now on the watcher is offered what happens. */
  join(watcher: Watcher): void;
  leave(watcher: Watcher): void;
  /** What happened between two positions, a page at a time; null when that is not known any more. */
  read(position: EventPosition, until: EventPosition, target: string): Promise<EventPage | null>;
  idOf(position: EventPosition): string;
  eventsOf(page: EventPage): readonly WatchEvent[];
  reset(reason: string): WatchEvent;
  /** Told when a watcher can't go on. */
  onFailure(error: unknown): void;
}

export interface WatcherOptions {
  readonly target: string;
  readonly from: EventPosition;
  readonly answer: WatchAnswer;
}

/** A page that could not go on waits so long for the commit that it met, ms. */
const unsettledMs = 10;
/** Bytes that are sent in one go. */
const writeBytes = 64 * 1_024;

/**
 * One reader of what happens to a key, or below a prefix. It reads from the store until it is there where everybody is,
 * joins them, and is offered what happens from then on. What it does not take waits, up to a bound; beyond it all of
 * that is dropped and the reader goes on from the store, at its own pace. So nothing is lost and nothing comes twice.
 */
export class Watcher implements OpenStream {
  /** A key; or what all paths below a prefix begin with: empty, or with a slash at its end. */
  readonly target: string;
  readonly #source: EventSource;
  readonly #answer: WatchAnswer;
  /** How far it was told, unless it is live and nothing waits: then it is where everybody is. */
  #position: EventPosition;
  #queue: WatchEvent[] = [];
  #queuedAfter: EventPosition[] = [];
  #queuedBytes = 0;
  #hasJoined = false;
  #isLive = false;
  #isOpen = true;
  #endsWhenLive = false;
  #resume: () => void = () => undefined;

  constructor(source: EventSource, { target, from, answer }: WatcherOptions) {
    this.target = target;
    this.#source = source;
    this.#answer = answer;
    this.#position = from;
  }

  /** The first that the reader gets; with `reason`, why it does not go on from where it wanted. */
  greet(reason: string | undefined): void {
    this.#answer.begin(this.#source.idOf(this.#position));
    if (reason !== undefined) this.#reset(reason);
  }

  start(): void {
    void this.#catchUp();
  }

  /** False when the answer is over. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  get position(): EventPosition {
    return this.#isLive && this.#queue.length === 0 ? this.#source.position : this.#position;
  }

  /** To be called with what happens at `before`, for those who have joined. */
  offer(event: WatchEvent, before: EventPosition, after: EventPosition): void {
    if (this.#isLive && this.#queue.length === 0) this.#position = before;
    this.#queue.push(event);
    this.#queuedAfter.push(after);
    this.#queuedBytes += event.bytes.length;
    if (this.#queuedBytes > limits.watchBufferBytesMax && this.#queue.length > 1) this.fallBehind();
  }

  /** Sends what waits, as far as the reader takes it. */
  flush(): void {
    while (this.#isLive && this.#isOpen && this.#queue.length > 0 && !this.#answer.isFull) {
      let bytes = 0;
      let count = 0;
      while (count < this.#queue.length && bytes < writeBytes)
        bytes += this.#queue[count++]?.bytes.length ?? 0;
      this.#position = this.#queuedAfter[count - 1] ?? this.#position;
      this.#queuedAfter = this.#queuedAfter.slice(count);
      this.#queuedBytes -= bytes;
      this.#answer.send(this.#queue.splice(0, count));
    }
  }

  /** Drops what waits: it is read again from the store. */
  fallBehind(): void {
    this.#position = this.position;
    this.#source.leave(this);
    this.#hasJoined = false;
    this.#queue = [];
    this.#queuedAfter = [];
    this.#queuedBytes = 0;
    if (!this.#isLive) return;
    this.#isLive = false;
    // Not before everybody has been told of what happens just now.
    setImmediate(() => void this.#catchUp());
  }

  /** To be called when the reader has taken what was sent. */
  resume(): void {
    this.#resume();
    this.flush();
  }

  beat(): void {
    if (!this.#answer.isFull) this.#answer.beat(this.#source.idOf(this.position));
  }

  close(): void {
    this.flush();
    this.#answer.end(this.#source.idOf(this.position));
    this.stop();
  }

  /** Gives it an end as soon as it knows all that has happened. */
  finish(): void {
    if (this.#isLive) this.close();
    else this.#endsWhenLive = true;
  }

  cut(): void {
    this.stop();
    this.#answer.cut();
  }

  /** To be called when the answer is over. */
  stop(): void {
    this.#isOpen = false;
    if (this.#hasJoined) this.#source.leave(this);
    this.#queue = [];
    this.#resume();
  }

  async #catchUp(): Promise<void> {
    try {
      let until = this.#source.position;
      while (this.#isOpen) {
        if (this.#answer.isFull) {
          await new Promise<void>((resolve) => (this.#resume = resolve));
        } else if (isBehind(this.#position, until)) {
          await this.#readPage(until);
        } else if (this.#hasJoined) {
          this.#isLive = true;
          this.flush();
          if (this.#endsWhenLive && this.#isOpen) this.close();
          return;
        } else {
          const settling = this.#source.settling();
          if (settling !== undefined) await settling;
          if (!this.#isOpen) return;
          this.#source.join(this);
          this.#hasJoined = true;
          until = this.#source.position;
        }
        // What was offered meanwhile was more than can wait.
        if (!this.#hasJoined) until = this.#source.position;
      }
    } catch (error) {
      if (!this.#isOpen) return;
      this.#source.onFailure(error);
      this.cut();
    }
  }

  async #readPage(until: EventPosition): Promise<void> {
    const page = await this.#source.read(this.#position, until, this.target);
    if (!this.#isOpen) return;
    if (page === null) {
      if (this.#hasJoined) this.fallBehind();
      this.#reset('It is not known any more what happened since');
      return;
    }
    const isStuck = page.events.length === 0 && page.position === this.#position;
    this.#position = page.position;
    if (page.events.length > 0) this.#answer.send(this.#source.eventsOf(page));
    if (isStuck) await pass(unsettledMs);
  }

  #reset(reason: string): void {
    this.#position = this.#source.position;
    this.#answer.send([this.#source.reset(reason)]);
  }
}

/** Whether a target means a path. */
export function isTarget(target: string, path: KeyPath): boolean {
  return target === '' || target === path || (target.endsWith('/') && path.startsWith(target));
}
