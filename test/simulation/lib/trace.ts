import { hash128 } from '../../../src/core/hash.ts';

/** A part of an event. Bytes enter the hash whole; a line shows only how many they are. */
export type TraceField = string | number | boolean | Uint8Array;

export interface TraceOptions {
  /** Virtual time since the beginning, ms. */
  readonly elapsedMs: () => number;
  /** Gets each event as a line to read. */
  readonly onLine?: ((line: string) => void) | undefined;
}

const stateBytes = 16;
/** Events are hashed together in blocks of this size, unless one event alone is larger. */
const blockBytes = 32_768;
const tags = { text: 1, number: 2, bytes: 3 } as const;

/**
 * Everything that happens in a run, in order, folded into one hash: each block's hash is over the hash before it and
 * the block's events. Two runs with the same hash took the same course.
 */
export class Trace {
  readonly #options: TraceOptions;
  /** The hash so far, then the events that are not in it yet. */
  #buffer = new Uint8Array(stateBytes + blockBytes);
  #view = new DataView(this.#buffer.buffer);
  #end = stateBytes;
  #events = 0;
  readonly #encoder = new TextEncoder();

  constructor(options: TraceOptions) {
    this.#options = options;
  }

  /** Events that were recorded. */
  get events(): number {
    return this.#events;
  }

  /** The hash of all events so far: 32 hexadecimal digits. Reading it changes nothing. */
  get hash(): string {
    return [...this.#fold()].map((lane) => lane.toString(16).padStart(8, '0')).join('');
  }

  record(kind: string, ...fields: readonly TraceField[]): void {
    const elapsedMs = this.#options.elapsedMs();
    this.#events++;
    this.#reserve(bytesMax(kind, fields));
    this.#addNumber(elapsedMs);
    this.#addText(kind);
    for (const field of fields) this.#add(field);
    this.#options.onLine?.(line(elapsedMs, kind, fields));
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const state = this.#fold();
    if (stateBytes + bytes > this.#buffer.length) {
      this.#buffer = new Uint8Array(stateBytes + bytes);
      this.#view = new DataView(this.#buffer.buffer);
    }
    state.forEach((lane, at) => this.#view.setUint32(at * 4, lane, true));
    this.#end = stateBytes;
  }

  #fold(): Uint32Array {
    const lanes = new Uint32Array(4);
    hash128(this.#buffer, this.#end, lanes);
    return lanes;
  }

  #add(field: TraceField): void {
    if (typeof field === 'string') this.#addText(field);
    else if (typeof field === 'object') this.#addBytes(field);
    else this.#addNumber(Number(field));
  }

  #addNumber(value: number): void {
    this.#buffer[this.#end] = tags.number;
    this.#view.setFloat64(this.#end + 1, value, true);
    this.#end += 9;
  }

  #addText(text: string): void {
    const { written } = this.#encoder.encodeInto(text, this.#buffer.subarray(this.#end + 5));
    this.#addHead(tags.text, written);
    this.#end += written;
  }

  #addBytes(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#end + 5);
    this.#addHead(tags.bytes, bytes.length);
    this.#end += bytes.length;
  }

  #addHead(tag: number, length: number): void {
    this.#buffer[this.#end] = tag;
    this.#view.setUint32(this.#end + 1, length, true);
    this.#end += 5;
  }
}

/** UTF-8 takes at most three bytes for each unit of a string. */
function bytesMax(kind: string, fields: readonly TraceField[]): number {
  let bytes = 9 + 5 + 3 * kind.length;
  for (const field of fields) {
    if (typeof field === 'string') bytes += 5 + 3 * field.length;
    else if (typeof field === 'object') bytes += 5 + field.length;
    else bytes += 9;
  }
  return bytes;
}

function line(elapsedMs: number, kind: string, fields: readonly TraceField[]): string {
  const shown = fields.map((field) => (typeof field === 'object' ? `${field.length} bytes` : String(field)));
  return [`${elapsedMs.toFixed(3).padStart(12)} ms`, kind, ...shown].join('  ');
}
