/** What a caller may set. */
export interface ClientOptions {
  /**
   * How long one attempt may take to bring the head of the answer, and then each further piece of it; ms, 10,000 unless
   * given. What a node works on for long, `count` and `deleteAll`, has five minutes or this, whichever is longer. An
   * end for a call as a whole is `signal: AbortSignal.timeout(ms)`.
   */
  readonly timeoutMs?: number | undefined;
  /** How often a call is tried again, where that is safe; 3 unless given. The first try at each other URL is not counted. */
  readonly retries?: number | undefined;
  /** Sent with every request, as for a proxy that asks for `Authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Used instead of the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /**
   * A watch that has heard nothing for so long is taken for dead and opened anew; ms, 40,000 unless given. Nodes send
   * something every 15 s.
   */
  readonly silenceMs?: number | undefined;
  /**
   * Whether a batch is one request that is sent while its answer is read, or one request after the other. Browsers can't
   * do the former over HTTP/1.1, nor can proxies that gather a request before they pass it on: true under Node, Deno and
   * Bun unless given, false elsewhere.
   */
  readonly streamsBatches?: boolean | undefined;
}

export interface CallOptions {
  /** Ends the call: it throws the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
}

export interface ReadOptions extends CallOptions {
  /** The uuid of an earlier version, as `revisions` lists them. */
  readonly revision?: string | undefined;
  /** `quorum`: the newest version that a majority of the members knows. `local`, the default: what the node has. */
  readonly consistency?: 'local' | 'quorum' | undefined;
}

/** With a condition, a write goes to the first URL and to no other: conditions are decided by one node. */
export interface WriteOptions extends CallOptions {
  /** The version must be this one: its uuid, or `*` for any. */
  readonly ifMatch?: string | undefined;
  /** The version must be none of this uuid; `*`: there must be none. */
  readonly ifNoneMatch?: string | undefined;
  /** Seconds that the value is to live, kept to the ms; undefined: for ever. */
  readonly ttlSeconds?: number | undefined;
}

export interface BytesOptions extends WriteOptions {
  /** `application/octet-stream` unless given, for a string `text/plain;charset=UTF-8`. */
  readonly contentType?: string | undefined;
}

export interface ConditionOptions extends CallOptions {
  /** The version must be this one: its uuid, or `*` for any. With it, the call goes to the first URL and to no other. */
  readonly ifMatch?: string | undefined;
}

export interface PageOptions extends CallOptions {
  /** All keys below the prefix, without directories among them. */
  readonly recursive?: boolean | undefined;
  /** What stands so many levels below, 1 unless given. */
  readonly depth?: number | undefined;
  /** Entries with their values. */
  readonly values?: boolean | undefined;
  readonly reverse?: boolean | undefined;
  /** At most so many entries: on a page 100 unless given, and 1,000 at most; of a list all unless given. */
  readonly limit?: number | undefined;
}

/** All times are ms since the epoch. */
export interface EntryMeta {
  readonly path: string;
  /** Of the version. */
  readonly uuid: string;
  readonly timestamp: number;
  readonly contentType: string;
  /** When it ends; where it is not there, the value lasts. */
  readonly expiresAt?: number;
}

export interface Entry<T> extends EntryMeta {
  readonly value: T;
}

export interface Written {
  readonly uuid: string;
  readonly timestamp: number;
  /** False: it replaced a value. */
  readonly created: boolean;
  readonly expiresAt?: number;
}

/** What stands in a list: a key, a directory, or both. A directory alone has no uuid and nothing else of a version. */
export interface ListedEntry extends Partial<EntryMeta> {
  readonly path: string;
  /** The last segment of the path; not in a recursive list. */
  readonly name?: string;
  /** Whether something stands below it; not in a recursive list. */
  readonly hasChildren?: boolean;
  /** The size of the value as it was sent. */
  readonly bytes?: number;
  /** The value, where values were asked for and its type is JSON. */
  readonly value?: unknown;
  /** The value, where values were asked for and its type is another one. */
  readonly data?: Uint8Array;
}

export interface ListPage {
  readonly entries: ListedEntry[];
  /** The cursor of the next page; undefined: this was the last one. */
  readonly next: string | undefined;
}

/** One request of a batch. */
export type Operation =
  | { readonly op: 'get' | 'delete'; readonly path: string }
  | {
      readonly op: 'put';
      readonly path: string;
      /** JSON. */
      readonly value: unknown;
      /** A type that is JSON; `application/json` unless given. */
      readonly contentType?: string | undefined;
      readonly ttlSeconds?: number | undefined;
    }
  | {
      readonly op: 'put';
      readonly path: string;
      readonly data: Uint8Array;
      /** `application/octet-stream` unless given. */
      readonly contentType?: string | undefined;
      readonly ttlSeconds?: number | undefined;
    };

/** What came of an operation; they come in the order of the operations. */
export interface BatchResult {
  /** Which operation, counted from 1. */
  readonly line: number;
  readonly path: string;
  /** As of a single request: 200, 201, 204, 404 and so on. */
  readonly status: number;
  readonly uuid?: string;
  readonly timestamp?: number;
  readonly expiresAt?: number;
  readonly contentType?: string;
  /** What a `get` read, where its type is JSON. */
  readonly value?: unknown;
  /** What a `get` read, where its type is another one. */
  readonly data?: Uint8Array;
  /** Of an operation that failed. */
  readonly code?: string;
  readonly detail?: string;
}

/** What happened to a key. `id`: a watch goes on behind it when it is given as `after`. */
export type WatchEvent =
  | (EntryMeta & {
      readonly event: 'put';
      readonly id: string;
      /** The value, where its type is JSON. */
      readonly value?: unknown;
      /** The value, where its type is another one. */
      readonly data?: Uint8Array;
    })
  | {
      readonly event: 'delete';
      readonly id: string;
      readonly path: string;
      readonly uuid: string;
      readonly timestamp: number;
    }
  | {
      readonly event: 'expire';
      readonly id: string;
      readonly path: string;
      readonly uuid: string;
      readonly timestamp: number;
      readonly expiresAt: number;
    }
  | {
      /** What happened before is not known: list anew. What comes from now on follows. */
      readonly event: 'reset';
      readonly id: string;
      readonly reason: string;
    };

export interface WatchOptions extends CallOptions {
  /** The id of an event: what happened after it comes first. Undefined: what happens from now on. */
  readonly after?: string | undefined;
}

/** A watch under way. It connects when it is opened, or when the first event is asked for. */
export interface Watch extends AsyncIterable<WatchEvent> {
  /** Settles when the node listens, with the id behind which events come: nothing is missed from then on. */
  open(): Promise<string>;
  next(): Promise<IteratorResult<WatchEvent, undefined>>;
  /** Ends the watch and its connection, also while an event is waited for. */
  return(): Promise<IteratorResult<WatchEvent, undefined>>;
}

/** A version that a node keeps of a key. */
export interface Revision {
  readonly uuid: string;
  readonly timestamp: number;
  readonly contentType: string;
  readonly bytes: number;
  readonly deleted: boolean;
  readonly current: boolean;
  /** The node that took it. */
  readonly origin: string;
  readonly expiresAt?: number;
}

export interface Member {
  readonly id: string;
  readonly address: string;
  readonly lastSeen: number;
  readonly joinedTimestamp: number;
  readonly state: string;
}

export interface Health {
  readonly status: string;
  readonly mode: string;
  readonly memberCount: number;
  readonly nodeId: string;
  /** Marks of deleted keys that are kept for a member that has not seen them. */
  readonly tombstonesHeld?: number;
  readonly tombstonesHeldBy?: string;
  /** Why the cluster won't have this node. */
  readonly refused?: string;
}
