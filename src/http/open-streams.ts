import { KvsError } from '../core/errors.ts';

/** Readers have this long to take what waits for them when the node stops, ms. */
const farewellMs = 1_000;

/** An answer that goes on for as long as its reader stays. */
export interface OpenStream {
  /** Says that it is still there. */
  beat(): void;
  /** Gives it a proper end. */
  close(): void;
  /** Breaks its connection. */
  cut(): void;
}

export interface OpenStreamsOptions {
  /** What is read, for whoever finds no place. */
  readonly name: string;
  readonly streamsMax: number;
  /** Aborted when the server begins to close. */
  readonly closing: AbortSignal;
  /** How often a stream says that it is there, ms. */
  readonly heartbeatMs: number;
  /** Called when the first stream comes; what it returns is called when the last one has gone. */
  readonly onFirst: () => () => void;
  /** Called before all streams are given an end. */
  readonly onClosing?: () => void;
}

/** The streams of one kind: so many at most, each with a heartbeat, and with an end when the node stops. */
export class OpenStreams<Stream extends OpenStream> implements Iterable<Stream> {
  readonly #options: OpenStreamsOptions;
  readonly #streams = new Set<Stream>();
  #stop: () => void = () => undefined;

  constructor(options: OpenStreamsOptions) {
    this.#options = options;
    options.closing.addEventListener('abort', () => this.#close(), { once: true });
  }

  get isEmpty(): boolean {
    return this.#streams.size === 0;
  }

  [Symbol.iterator](): Iterator<Stream> {
    return this.#streams.values();
  }

  /** @throws KvsError KVS_OVERLOADED when there is no room for another one */
  assertRoom(): void {
    const { name, streamsMax } = this.#options;
    if (this.#streams.size < streamsMax) return;
    throw new KvsError('KVS_OVERLOADED', `${streamsMax} readers of ${name} are there already`);
  }

  /** One that comes while the node stops gets its end at once; false then. */
  add(stream: Stream): boolean {
    if (this.#options.closing.aborted) {
      stream.close();
      return false;
    }
    this.#streams.add(stream);
    if (this.#streams.size === 1) this.#start();
    return true;
  }

  remove(stream: Stream): void {
    if (this.#streams.delete(stream) && this.#streams.size === 0) this.#stop();
  }

  #start(): void {
    const stop = this.#options.onFirst();
    const heartbeat = setInterval(() => {
      for (const stream of this.#streams) stream.beat();
    }, this.#options.heartbeatMs);
    this.#stop = () => {
      stop();
      clearInterval(heartbeat);
    };
  }

  /** Whoever reads gets a proper end; whoever does not must not keep the node from stopping. */
  #close(): void {
    this.#options.onClosing?.();
    const leaving = [...this.#streams];
    for (const stream of leaving) {
      stream.close();
      this.remove(stream);
    }
    setTimeout(() => leaving.forEach((stream) => stream.cut()), farewellMs).unref();
  }
}
