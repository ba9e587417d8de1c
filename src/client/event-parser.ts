import { badAnswer } from './kvs-client-error.ts';
import { LineSplitter } from './line-splitter.ts';

/** One server-sent event (HTML Living Standard, section 9.2.6). One without data has an id that moves its reader on. */
export interface ServerEvent {
  readonly type: string;
  readonly data: string;
  readonly id: string | undefined;
}

/** The lines of one event, at the most. */
const eventLinesMax = 1_000;

/** Cuts the text of an event stream into events, however it arrives. */
export class EventParser {
  readonly #lines = new LineSplitter();
  #block: string[] = [];

  /**
   * The events that this piece completes.
   *
   * @throws KvsClientError KVS_BAD_ANSWER when one has no end
   */
  push(piece: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    for (const line of this.#lines.push(piece)) {
      if (line !== '') {
        if (this.#block.push(line) > eventLinesMax) throw badAnswer('An event of the stream has no end', 200);
        continue;
      }
      events.push(eventOf(this.#block));
      this.#block = [];
    }
    return events;
  }
}

function eventOf(lines: readonly string[]): ServerEvent {
  let type = 'message';
  let id: string | undefined;
  const data: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    // A line that begins with a colon is a comment.
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') type = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id') id = value;
  }
  return { type, data: data.join('\n'), id };
}
