import {
  AbstractIterator,
  AbstractLevel,
  type AbstractDatabaseOptions,
  type AbstractIteratorOptions,
} from 'abstract-level';
import type { KvsClient } from '../client/kvs-client.ts';
import type { Operation } from '../client/types.ts';
import { isWhole, toKeyRange, type KeyBounds } from './key-range.ts';
import { KeyWalk, type Entry } from './key-walk.ts';
import { LevelPaths } from './level-paths.ts';
import { readMany, writeMany } from './stored-values.ts';

type Bytes = Uint8Array;

/** What a level needs of a client. */
export type LevelClient = Pick<
  KvsClient,
  'getBytes' | 'has' | 'putBytes' | 'delete' | 'deleteAll' | 'page' | 'batch'
>;

/** As abstract-level hands it over: bounds encoded, -1 for no limit. */
interface RangeOptions extends KeyBounds {
  readonly reverse: boolean;
  readonly limit: number;
}

type IteratorOptions<K, V> = RangeOptions & { readonly values: boolean } & AbstractIteratorOptions<K, V>;

type LevelOperation =
  | { readonly type: 'put'; readonly key: Bytes; readonly value: Bytes }
  | { readonly type: 'del'; readonly key: Bytes };

/**
 * An abstract-level database that a KVS cluster holds. Its entries are the values below one path, which nobody else should
 * write to; several programs may share it.
 *
 * It has no snapshots: an iterator sees what stands there when it comes to it. A batch is one request and no
 * transaction: where it fails, a part of it may have been written. Opening asks nobody.
 *
 * Whatever the client throws is thrown as it is. Beside abstract-level's own codes, a write of a key that is longer than
 * `keyBytesMax` fails with LEVEL_INVALID_KEY; to read it finds nothing.
 */
export class KvsLevel<K = string, V = string> extends AbstractLevel<Bytes, K, V> {
  readonly #client: LevelClient;
  readonly #paths: LevelPaths;

  /**
   * @param base the path that the entries are below, such as `apps/shop`
   * @throws TypeError when the base is no path, or leaves no room for a key
   */
  constructor(client: LevelClient, base: string, options: AbstractDatabaseOptions<K, V> = {}) {
    super(
      { encodings: { view: true }, has: true, permanence: true, seek: true, implicitSnapshots: false },
      options,
    );
    this.#client = client;
    this.#paths = new LevelPaths(base);
  }

  get base(): string {
    return this.#paths.base;
  }

  /** The longest key, bytes as encoded, a sublevel's prefix included: three quarters of what the base leaves of 1,022. */
  get keyBytesMax(): number {
    return this.#paths.keyBytesMax;
  }

  async _get(key: Bytes): Promise<Bytes | undefined> {
    const path = this.#paths.pathOf(key);
    return path === undefined ? undefined : (await this.#client.getBytes(path))?.value;
  }

  async _getMany(keys: Bytes[]): Promise<(Bytes | undefined)[]> {
    const paths = keys.map((key) => this.#paths.pathOf(key));
    const values = await readMany(
      this.#client,
      paths.filter((path) => path !== undefined),
    );
    let at = 0;
    return paths.map((path) => (path === undefined ? undefined : values[at++]?.value));
  }

  async _has(key: Bytes): Promise<boolean> {
    const path = this.#paths.pathOf(key);
    return path !== undefined && (await this.#client.has(path)) !== undefined;
  }

  /** Reads the values: there is no way to ask for many keys without. */
  async _hasMany(keys: Bytes[]): Promise<boolean[]> {
    const values = await this._getMany(keys);
    return values.map((value) => value !== undefined);
  }

  async _put(key: Bytes, value: Bytes): Promise<void> {
    await this.#client.putBytes(this.#pathToWrite(key), value);
  }

  async _del(key: Bytes): Promise<void> {
    await this.#client.delete(this.#pathToWrite(key));
  }

  async _batch(operations: readonly LevelOperation[]): Promise<void> {
    const lines = operations.map((operation): Operation => {
      const path = this.#pathToWrite(operation.key);
      return operation.type === 'del' ? { op: 'delete', path } : { op: 'put', path, data: operation.value };
    });
    if (lines.length > 0) await writeMany(this.#client, lines);
  }

  /** All of it at once where there is neither a range nor a limit: then also what others have put below the base. */
  async _clear(options: RangeOptions): Promise<void> {
    const isAll = options.limit < 0 && isWhole(toKeyRange(options));
    if (isAll) await this.#client.deleteAll(this.base);
    else await this.#clearRange(options);
  }

  _iterator(options: IteratorOptions<K, V>): KvsIterator<K, V> {
    return new KvsIterator(this, this.#walk(options, options.values), options);
  }

  async #clearRange(options: RangeOptions): Promise<void> {
    const walk = this.#walk(options, false);
    let left = options.limit < 0 ? Infinity : options.limit;
    while (left > 0) {
      const entries = await walk.next(left, left);
      if (entries.length === 0) return;
      left -= entries.length;
      await this._batch(entries.map(([key]) => ({ type: 'del', key })));
    }
  }

  #walk(options: RangeOptions, values: boolean): KeyWalk {
    const { reverse } = options;
    const range = toKeyRange(options);
    return new KeyWalk({ client: this.#client, paths: this.#paths, range, reverse, values });
  }

  #pathToWrite(key: Bytes): string {
    const path = this.#paths.pathOf(key);
    if (path !== undefined) return path;
    const message = `The key has ${key.length} bytes; at ${this.base} it may have ${this.keyBytesMax}`;
    throw Object.assign(new Error(message), { code: 'LEVEL_INVALID_KEY' });
  }
}

class KvsIterator<K, V> extends AbstractIterator<KvsLevel<K, V>, K, V> {
  readonly #walk: KeyWalk;
  /** Entries that were read and not yet given out, from `#at` on. */
  #read: Entry[] = [];
  #at = 0;
  /** Entries that may still be given out; a seek gives none back. */
  #left: number;

  constructor(database: KvsLevel<K, V>, walk: KeyWalk, options: IteratorOptions<K, V>) {
    super(database, options);
    this.#walk = walk;
    this.#left = this.limit;
  }

  async _next(): Promise<Entry | undefined> {
    const [entry] = await this._nextv(1);
    return entry;
  }

  async _nextv(size: number): Promise<Entry[]> {
    if (this.#at === this.#read.length) {
      this.#at = 0;
      this.#read = this.#left === 0 ? [] : await this.#walk.next(size, this.#left);
    }
    const entries = this.#read.slice(this.#at, this.#at + size);
    this.#at += entries.length;
    this.#left -= entries.length;
    return entries;
  }

  _seek(target: Bytes): void {
    this.#read = [];
    this.#at = 0;
    this.#walk.seek(target);
  }

  async _close(): Promise<void> {
    this.#read = [];
  }
}
