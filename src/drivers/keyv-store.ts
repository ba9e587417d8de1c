import type { KvsClient } from '../client/kvs-client.ts';
import type { Operation } from '../client/types.ts';
import { keyOfPath, pathOfKey } from './keyv-path.ts';
import { readMany, storedValueOf, writeMany, type StoredValue } from './stored-values.ts';

/** What a store needs of a client. */
export type KeyvClient = Pick<
  KvsClient,
  'getBytes' | 'has' | 'putBytes' | 'delete' | 'deleteAll' | 'list' | 'batch'
>;

export interface KeyvStoreOptions {
  /** The path that all keys are below; `keyv` unless given. */
  readonly base?: string | undefined;
}

/** Text is what Keyv makes of every value, unless its `serialize` makes bytes. */
export type KeyvValue = string | Uint8Array;

export interface KeyvStoreEntry {
  readonly key: string;
  readonly value: KeyvValue;
  /** How long it lives, ms; undefined: for ever. */
  readonly ttl?: number | undefined;
}

/** Not JSON: what comes parsed has lost digits. */
const textType = 'text/plain;charset=UTF-8';
const bytesType = 'application/octet-stream';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * A store for Keyv 5 that a KVS cluster holds. A key is a path below the base, its colons being slashes: what
 * `new Keyv({ store, namespace: 'users' })` calls `ann` is at `keyv/users/ann`.
 *
 * A time to live ends at the node, and at every other one, as Keyv itself lets it end. Whatever the client throws is
 * thrown as it is, and Keyv tells it as its event `error`.
 */
export class KeyvStore {
  /** Keyv makes an iterator only for stores of a dialect that it knows. */
  opts: Record<string, unknown> = { dialect: 'redis' };
  /** Set by Keyv: what `clear` clears. Of several Keyvs that share a store, the last one made sets it. */
  namespace?: string | undefined;
  readonly #client: KeyvClient;
  readonly #base: string;
  readonly #listeners: ((error: unknown) => void)[] = [];

  constructor(client: KeyvClient, { base = 'keyv' }: KeyvStoreOptions = {}) {
    if (base === '' || base.split('/').includes('')) throw new TypeError('The base of a store is a path');
    this.#client = client;
    this.#base = base;
  }

  /** Keyv listens to `error`; there is no other event. */
  on(event: string, listener: (...details: unknown[]) => void): this {
    if (event === 'error') this.#listeners.push(listener);
    return this;
  }

  /** Tells of a failure before it throws it: Keyv itself would be silent about this one. */
  async get<Value = KeyvValue>(key: string): Promise<Value | undefined> {
    try {
      return valueOf(await this.#client.getBytes(this.#pathOf(key))) as Value | undefined;
    } catch (error) {
      for (const listener of this.#listeners) listener(error);
      throw error;
    }
  }

  async getMany<Value = KeyvValue>(keys: string[]): Promise<(Value | undefined)[]> {
    const stored = await readMany(
      this.#client,
      keys.map((key) => this.#pathOf(key)),
    );
    return stored.map((value) => valueOf(value) as Value | undefined);
  }

  /**
   * @param ttl how long it lives, ms; undefined: for ever; 0 or less: it is over already
   * @throws TypeError when the value is neither text nor bytes, for want of a serializer
   */
  async set(key: string, value: KeyvValue, ttl?: number): Promise<boolean> {
    const path = this.#pathOf(key);
    const contentType = typeOf(value);
    if (isOver(ttl)) await this.#client.delete(path);
    else await this.#client.putBytes(path, value, { contentType, ttlSeconds: secondsOf(ttl) });
    return true;
  }

  /** Settles with true for each of them, which Keyv passes on, whatever its types say; where one fails, all have been tried. */
  async setMany(entries: KeyvStoreEntry[]): Promise<void> {
    const operations = entries.map(({ key, value, ttl }): Operation => {
      const path = this.#pathOf(key);
      const contentType = typeOf(value);
      if (isOver(ttl)) return { op: 'delete', path };
      const data = typeof value === 'string' ? encoder.encode(value) : value;
      return { op: 'put', path, data, contentType, ttlSeconds: secondsOf(ttl) };
    });
    if (operations.length > 0) await writeMany(this.#client, operations);
    return entries.map(() => true) as unknown as void;
  }

  /** False: it was not there. */
  delete(key: string): Promise<boolean> {
    return this.#client.delete(this.#pathOf(key));
  }

  /** False: none of them was there. */
  async deleteMany(keys: string[]): Promise<boolean> {
    if (keys.length === 0) return false;
    const operations = keys.map((key) => ({ op: 'delete', path: this.#pathOf(key) }) as const);
    return (await writeMany(this.#client, operations)) > 0;
  }

  async has(key: string): Promise<boolean> {
    return (await this.#client.has(this.#pathOf(key))) !== undefined;
  }

  /** Reads the values: there is no way to ask for many keys without. */
  async hasMany(keys: string[]): Promise<boolean[]> {
    const values = await this.getMany(keys);
    return values.map((value) => value !== undefined);
  }

  /** Deletes the keys of the namespace, all at once; without a namespace, all keys of the store. */
  async clear(): Promise<void> {
    await this.#client.deleteAll(this.#prefixOf(this.namespace));
  }

  /** The keys of a namespace, or all of them, with their values, in pages: there is no snapshot. */
  async *iterator<Value = KeyvValue>(
    namespace?: string,
  ): AsyncGenerator<[key: string, value: Awaited<Value>], void> {
    const prefix = this.#prefixOf(namespace);
    for await (const listed of this.#client.list(prefix, { recursive: true, values: true })) {
      const key = keyOfPath(listed.path.slice(this.#base.length + 1));
      if (key === undefined) continue;
      const value = valueOf(await storedValueOf(this.#client, listed));
      if (value !== undefined) yield [key, value as Awaited<Value>];
    }
  }

  #pathOf(key: string): string {
    return `${this.#base}/${pathOfKey(key)}`;
  }

  #prefixOf(namespace: string | undefined): string {
    return namespace === undefined || namespace === '' ? this.#base : this.#pathOf(namespace);
  }
}

/** Bytes, where the store wrote bytes; whatever else stands there is text. */
function valueOf(stored: StoredValue | undefined): KeyvValue | undefined {
  if (stored === undefined) return undefined;
  const { value, contentType } = stored;
  return contentType === bytesType ? value : decoder.decode(value);
}

function typeOf(value: unknown): string {
  if (typeof value === 'string') return textType;
  if (value instanceof Uint8Array) return bytesType;
  throw new TypeError('The store takes text and bytes: Keyv needs a serializer');
}

function isOver(ttl: number | undefined): boolean {
  return ttl !== undefined && ttl <= 0;
}

function secondsOf(ttl: number | undefined): number | undefined {
  return ttl === undefined ? undefined : ttl / 1_000;
}
