/** The part of the binding that this project uses; the package has no types of its own. */
declare module 'rocksdb-native' {
  interface EntryStream {
    on(event: 'data', listener: (entry: { key: Buffer; value: Buffer | null }) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    on(event: 'end' | 'close', listener: () => void): this;
    destroy(): void;
  }

  interface ReadBatch {
    /** Null when the key is absent. */
    get(key: Uint8Array): Promise<Buffer | null>;
    tryFlush(): void;
  }

  interface WriteBatch {
    tryPut(key: Uint8Array, value: Uint8Array): void;
    tryDelete(key: Uint8Array): void;
    /** Without `end` itself. */
    tryDeleteRange(start: Uint8Array, end: Uint8Array): void;
    flush(): Promise<void>;
  }

  interface BatchOptions {
    capacity: number;
    /** True: the batch lets go of the database once it was flushed. */
    autoDestroy: boolean;
  }

  interface ColumnFamily {
    readonly name: string;
  }

  interface RocksDBOptions {
    /** Instead of the one named `default`. */
    columnFamily?: ColumnFamily;
    createIfMissing: boolean;
    maxBackgroundJobs?: number;
    maxOpenFiles?: number;
    tableBlockSize?: number;
    writeBufferSize?: number;
  }

  /** The database, or a session of it that reads a snapshot. Errors have a `code` of libuv's. */
  export default class RocksDB {
    static readonly ColumnFamily: new (name: string) => ColumnFamily;
    constructor(path: string, options: RocksDBOptions);
    ready(): Promise<void>;
    /** Waits for what is under way; closing the database closes its sessions. */
    close(): Promise<void>;
    snapshot(): RocksDB;
    read(options: BatchOptions): ReadBatch;
    write(options: BatchOptions): WriteBatch;
    /** An empty or absent bound counts as none. `capacity`: entries that are read in one step. */
    iterator(
      range: { gte?: Uint8Array | null; lt?: Uint8Array | null; reverse?: boolean; limit?: number },
      options: { capacity: number; values: boolean },
    ): EntryStream;
    flush(): Promise<void>;
    /** An empty bound counts as none. */
    compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
    approximateSize(
      start: Uint8Array,
      end: Uint8Array,
      options: { includeMemtables: boolean },
    ): Promise<number>;
    currentWalFile(): Promise<{ number: number }>;
    getProperty(name: string): Promise<string | undefined>;
  }
}
