/** The part of the binding that this project uses; the package has no types of its own. */
declare module 'rocksdb-native' {
  export interface Entry {
    key: Buffer;
    value: Buffer | null;
  }

  export interface EntryStream {
    on(event: 'data', listener: (entry: Entry) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    on(event: 'close', listener: () => void): this;
    destroy(): void;
  }

  export interface ReadBatch {
    /** Null when the key is absent. */
    get(key: Uint8Array): Promise<Buffer | null>;
    tryFlush(): void;
  }

  export interface WriteBatch {
    tryPut(key: Uint8Array, value: Uint8Array): void;
    tryDelete(key: Uint8Array): void;
    tryDeleteRange(start: Uint8Array, end: Uint8Array): void;
    flush(): Promise<void>;
  }

  export interface BatchOptions {
    capacity?: number;
    autoDestroy?: boolean;
  }

  export interface RocksOptions {
    createIfMissing?: boolean;
    writeBufferSize?: number;
    maxWriteBufferNumber?: number;
    tableBlockSize?: number;
    maxOpenFiles?: number;
    maxBackgroundJobs?: number;
    tableCacheIndexAndFilterBlocks?: boolean;
  }

  export default class RocksDB {
    constructor(path: string, options?: RocksOptions);
    ready(): Promise<void>;
    close(): Promise<void>;
    snapshot(): RocksDB;
    read(options?: BatchOptions): ReadBatch;
    write(options?: BatchOptions): WriteBatch;
    iterator(
      range: { gte?: Uint8Array; lt?: Uint8Array; reverse?: boolean; limit?: number },
      options: { capacity: number; values: boolean },
    ): EntryStream;
    flush(): Promise<void>;
    compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
    approximateSize(start: Uint8Array, end: Uint8Array): Promise<number>;
    /** `path` is relative to the folder and starts with a slash. */
    currentWalFile(): Promise<{ path: string; number: number }>;
    getProperty(name: string): Promise<string>;
  }
}
