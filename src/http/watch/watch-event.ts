import type { KeyEvent } from '../../core/key-events.ts';
import type { Version } from '../../core/version.ts';
import { valueMember } from '../json-value.ts';
import { plainValueNow } from '../plain-value.ts';

/** An event as its readers get it. It is written down once, however many they are. */
export class WatchEvent {
  readonly id: string;
  readonly #kind: string;
  readonly #data: string;
  #bytes: Buffer | undefined;

  private constructor(id: string, kind: string, data: string) {
    this.id = id;
    this.#kind = kind;
    this.#data = data;
  }

  static of(event: KeyEvent, id: string): WatchEvent {
    return new WatchEvent(id, event.kind, dataOf(event));
  }

  /** Tells that what happened before is not known. */
  static reset(reason: string, id: string): WatchEvent {
    return new WatchEvent(id, 'reset', JSON.stringify({ reason }));
  }

  /** As a server-sent event. */
  get bytes(): Buffer {
    return (this.#bytes ??= Buffer.from(`id: ${this.id}\nevent: ${this.#kind}\ndata: ${this.#data}\n\n`));
  }

  /** As one of several in JSON. */
  get json(): string {
    return `{"event":"${this.#kind}",${this.#data.slice(1)}`;
  }
}

function dataOf(event: KeyEvent): string {
  if (event.kind === 'put') return putOf(event.path, event.version);
  const { kind: _, path, uuid, timestamp } = event;
  const expiry = event.kind === 'expire' ? { expires_at: event.expiresAt } : {};
  return JSON.stringify({ path, uuid, timestamp, ...expiry });
}

function putOf(path: string, version: Version): string {
  const { uuid, timestamp, contentType, expiresAt } = version;
  const head = JSON.stringify({ path, uuid, timestamp, content_type: contentType, expires_at: expiresAt });
  return `${head.slice(0, -1)},${valueMember(contentType, plainValueNow(version))}}`;
}
