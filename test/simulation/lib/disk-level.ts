import { MemoryLevel } from 'memory-level';

export type DiskOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** The disk as one handle uses it. Each may throw, and then changed nothing. */
export interface DiskAccess {
  /** Throws when the process of this handle is gone. */
  readonly checkAlive: () => void;
  /** Takes hold of the disk; returns all that it holds. */
  readonly acquire: () => readonly DiskOperation[];
  readonly release: () => void;
  /** Appends a write and returns its number. */
  readonly write: (operations: readonly DiskOperation[]) => number;
  /** Makes a write and all before it durable. */
  readonly sync: (write: number) => Promise<void>;
}

interface WriteOptions {
  readonly sync?: boolean;
  readonly onWritten?: () => void;
}

type Method = (this: object, ...args: never[]) => unknown;

/** What memory-level implements of abstract-level's private interface, which its types don't show. */
interface MemoryInternals {
  readonly _get: Method;
  readonly _getSync: Method;
  readonly _getMany: Method;
  readonly _has: Method;
  readonly _hasMany: Method;
  readonly _iterator: (this: object, options: object) => Record<string, Method>;
  readonly _keys: MemoryInternals['_iterator'];
  readonly _values: MemoryInternals['_iterator'];
  readonly _snapshot: Method;
  readonly _batch: (this: object, operations: readonly DiskOperation[], options: object) => Promise<void>;
  readonly _clear: (this: object, options: object) => Promise<void>;
}

const memory = MemoryLevel.prototype as unknown as MemoryInternals;

/** memory-level takes this as: all of it, at once. */
const everything = { limit: -1 };

/**
 * An abstract-level database whose contents are a simulated disk's. Reads come from memory-level; a write goes to the
 * disk first, and with `sync` settles when it is durable there. Like every promise of memory-level, its own wait for
 * nothing but microtasks and the simulated clock.
 */
export class DiskLevel extends MemoryLevel<Uint8Array, Uint8Array> {
  readonly #disk: DiskAccess;

  constructor(disk: DiskAccess) {
    super({ storeEncoding: 'view', keyEncoding: 'view', valueEncoding: 'view' });
    this.#disk = disk;
  }

  async _open(): Promise<void> {
    this.#disk.checkAlive();
    const contents = this.#disk.acquire();
    await memory._clear.call(this, everything);
    await memory._batch.call(this, contents, {});
  }

  async _close(): Promise<void> {
    this.#disk.release();
  }

  async _put(key: Uint8Array, value: Uint8Array, options: WriteOptions): Promise<void> {
    await this.#write([{ type: 'put', key: copy(key), value: copy(value) }], options);
  }

  async _del(key: Uint8Array, options: WriteOptions): Promise<void> {
    await this.#write([{ type: 'del', key: copy(key) }], options);
  }

  async _batch(operations: readonly DiskOperation[], options: WriteOptions): Promise<void> {
    const copies = operations.map((operation): DiskOperation =>
      operation.type === 'put'
        ? { type: 'put', key: copy(operation.key), value: copy(operation.value) }
        : { type: 'del', key: copy(operation.key) },
    );
    await this.#write(copies, options);
  }

  /** One write, as RocksDB's deletion of a range is. */
  async _clear(options: WriteOptions & object): Promise<void> {
    const keys = await this.keys({ ...options, keyEncoding: 'view' }).all();
    await this.#write(
      keys.map((key) => ({ type: 'del', key })),
      options,
    );
  }

  async _get(...args: never[]): Promise<unknown> {
    return this.#read(memory._get, args);
  }

  _getSync(...args: never[]): unknown {
    return this.#read(memory._getSync, args);
  }

  async _getMany(...args: never[]): Promise<unknown> {
    return this.#read(memory._getMany, args);
  }

  async _has(...args: never[]): Promise<unknown> {
    return this.#read(memory._has, args);
  }

  async _hasMany(...args: never[]): Promise<unknown> {
    return this.#read(memory._hasMany, args);
  }

  _snapshot(...args: never[]): unknown {
    return this.#read(memory._snapshot, args);
  }

  _iterator(options: object): unknown {
    return this.#iterate(memory._iterator, options);
  }

  _keys(options: object): unknown {
    return this.#iterate(memory._keys, options);
  }

  _values(options: object): unknown {
    return this.#iterate(memory._values, options);
  }

  async #write(
    operations: readonly DiskOperation[],
    { sync = false, onWritten }: WriteOptions,
  ): Promise<void> {
    this.#disk.checkAlive();
    const write = this.#disk.write(operations);
    await memory._batch.call(this, operations, {});
    onWritten?.();
    if (sync) await this.#disk.sync(write);
  }

  #read(method: Method, args: never[]): unknown {
    this.#disk.checkAlive();
    return method.apply(this, args);
  }

  /** The iterator dies with the process too. */
  #iterate(method: MemoryInternals['_iterator'], options: object): unknown {
    this.#disk.checkAlive();
    const iterator = method.call(this, options);
    for (const name of ['_next', '_nextv', '_all']) {
      const step = iterator[name];
      if (step === undefined) continue;
      iterator[name] = async (...args: never[]) => {
        this.#disk.checkAlive();
        return step.apply(iterator, args);
      };
    }
    return iterator;
  }
}

/** The bytes as a disk would have them: whatever the caller does to his own. */
function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
