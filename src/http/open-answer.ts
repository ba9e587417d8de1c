import type { ServerResponse } from 'node:http';
import type { KvsContext } from './context.ts';

export interface OpenAnswerOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Called when a reader that had to be waited for has taken what was sent. */
  readonly onDrained: () => void;
  /** Called once, when the answer is over, whoever ended it. */
  readonly onGone: () => void;
}

/** An answer with the status 200 that is sent bit by bit. */
export class OpenAnswer {
  readonly #outgoing: ServerResponse;
  #isFull = false;
  #isOpen = true;
  #isGone = false;

  /** Sends the head. Only on a real socket. */
  constructor(c: KvsContext, { headers, onDrained, onGone }: OpenAnswerOptions) {
    const { outgoing } = c.env ?? {};
    if (outgoing === undefined) throw new Error('Such an answer needs a socket');
    this.#outgoing = outgoing;
    const leave = (): void => {
      this.#isOpen = false;
      if (!this.#isGone) onGone();
      this.#isGone = true;
    };
    outgoing.once('close', leave);
    outgoing.on('error', leave);
    outgoing.on('drain', () => {
      this.#isFull = false;
      if (this.#isOpen) onDrained();
    });
    outgoing.writeHead(200, headers);
    outgoing.flushHeaders();
  }

  /** True: what is sent now has to wait in memory until the reader takes something. */
  get isFull(): boolean {
    return this.#isFull;
  }

  write(bytes: string | Uint8Array): void {
    if (this.#isOpen) this.#isFull = !this.#outgoing.write(bytes);
  }

  end(bytes = ''): void {
    if (this.#isOpen) this.#outgoing.end(bytes);
    this.#isOpen = false;
  }

  cut(): void {
    this.#outgoing.destroy();
  }
}
