import { jsonOf, type Answer } from './answer.ts';
import { sendBatches, streamBatch } from './batch.ts';
import { encodePath, encodePrefix } from './encode-path.ts';
import { fieldsOf, number, text } from './fields.ts';
import { KeyWatch } from './key-watch.ts';
import { KvsClientError } from './kvs-client-error.ts';
import { NodeList } from './node-list.ts';
import { Requester, type Call } from './requester.ts';
import { ttlOf } from './ttl.ts';
import type {
  BatchResult,
  BytesOptions,
  CallOptions,
  ClientOptions,
  ConditionOptions,
  Entry,
  EntryMeta,
  Health,
  ListedEntry,
  ListPage,
  Member,
  Operation,
  PageOptions,
  ReadOptions,
  Revision,
  Watch,
  WatchOptions,
  WriteOptions,
  Written,
} from './types.ts';
import { healthOf, listedOf, listOf, memberOf, metaOf, revisionOf, writtenOf } from './wire.ts';

const defaults = { timeoutMs: 10_000, retries: 3, silenceMs: 40_000 };
/** Entries of a page of a list, at the most. */
const pageEntriesMax = 1_000;
const jsonType = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;
const encoder = new TextEncoder();

/**
 * Reads, writes and watches a KVS cluster. The first URL is the first choice; when that node does not answer the others
 * are asked, and the one that answers is asked from then on, until the first is back.
 *
 * A call that fails is tried again where that is safe: reads and deletes always; a `put` at the same node, which knows by
 * an `Idempotency-Key` what it has done already, and at another one only when it is known that nothing was written.
 * Every call throws a `KvsClientError`, or the reason of its signal.
 */
export class KvsClient {
  readonly #requester: Requester;
  readonly #silenceMs: number;
  readonly #streamsBatches: boolean;

  /** @throws TypeError when there is no URL, or one is none of http or https, or has a user, a query or a fragment */
  constructor(urls: string | readonly string[], options: ClientOptions = {}) {
    this.#requester = new Requester({
      nodes: new NodeList(urls),
      timeoutMs: options.timeoutMs ?? defaults.timeoutMs,
      retries: options.retries ?? defaults.retries,
      headers: options.headers ?? {},
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    });
    this.#silenceMs = options.silenceMs ?? defaults.silenceMs;
    this.#streamsBatches = options.streamsBatches ?? canStream();
  }

  /**
   * A value that is JSON; undefined: there is none. `JSON.parse` reads it, so that a number beyond 2^53 loses digits:
   * `getBytes` has them all.
   *
   * @throws KvsClientError KVS_NOT_JSON when it is of another type
   */
  async get<T = unknown>(path: string, options: ReadOptions = {}): Promise<Entry<T> | undefined> {
    return this.#read(path, options, (meta, answer) => {
      if (!jsonType.test(meta.contentType)) {
        const detail = `${path} is ${meta.contentType}, not JSON: getBytes reads it`;
        throw new KvsClientError({ code: 'KVS_NOT_JSON', status: 200, detail });
      }
      return { ...meta, value: jsonOf(answer) as T };
    });
  }

  /** A value of any type, as it was sent; undefined: there is none. */
  async getBytes(path: string, options: ReadOptions = {}): Promise<Entry<Uint8Array> | undefined> {
    return this.#read(path, options, (meta, { body }) => ({ ...meta, value: body }));
  }

  /** What is known of a value, without the value; undefined: there is none. */
  async has(path: string, { signal }: CallOptions = {}): Promise<EntryMeta | undefined> {
    const call = {
      method: 'HEAD',
      target: `/kv/${encodePath(path)}`,
      repeatable: 'anywhere',
      signal,
    } as const;
    return orUndefined(this.#requester.call(call, (answer) => metaOf(path, answer)));
  }

  /**
   * Writes a value as JSON.
   *
   * @throws TypeError when JSON has no form for it
   */
  async put(path: string, value: unknown, options: WriteOptions = {}): Promise<Written> {
    const body = JSON.stringify(value) as string | undefined;
    if (body === undefined) throw new TypeError(`JSON has no form for this ${typeof value}`);
    return this.#put(path, body, 'application/json', options);
  }

  /** Writes bytes, or text in UTF-8, as they are. */
  async putBytes(path: string, data: Uint8Array | string, options: BytesOptions = {}): Promise<Written> {
    const usual = typeof data === 'string' ? 'text/plain;charset=UTF-8' : 'application/octet-stream';
    return this.#put(path, data, options.contentType ?? usual, options);
  }

  /**
   * Deletes a key; false: there was none. After a connection that broke, false may also mean that the first attempt
   * deleted it.
   */
  async delete(path: string, { ifMatch, signal }: ConditionOptions = {}): Promise<boolean> {
    const call: Call = {
      method: 'DELETE',
      target: `/kv/${encodePath(path)}`,
      headers: conditionOf({ ifMatch }),
      repeatable: 'anywhere',
      isPinned: ifMatch !== undefined,
      signal,
    };
    return (await orUndefined(this.#requester.call(call, () => true))) ?? false;
  }

  /** Deletes everything below a prefix (`''`: everything); settles with how many keys that were. */
  async deleteAll(prefix: string, { signal }: CallOptions = {}): Promise<number> {
    const call: Call = {
      method: 'DELETE',
      target: `/kv/${encodePrefix(prefix)}?recursive`,
      repeatable: 'anywhere',
      isLong: true,
      signal,
    };
    return this.#requester.call(call, (answer) => number(fieldsOf(jsonOf(answer)), 'deleted'));
  }

  /**
   * What stands below a prefix, page after page as it is asked for. There is no snapshot; a key that is there all the
   * while comes exactly once.
   */
  async *list(prefix: string, options: PageOptions = {}): AsyncGenerator<ListedEntry, void, undefined> {
    let left = options.limit ?? Infinity;
    let cursor: string | undefined;
    do {
      const page = await this.page(prefix, { ...options, limit: Math.min(left, pageEntriesMax), cursor });
      left -= page.entries.length;
      yield* page.entries;
      cursor = page.next;
    } while (cursor !== undefined && left > 0);
  }

  /** One page of what stands below a prefix; `cursor` is `next` of the page before. */
  async page(
    prefix: string,
    {
      recursive,
      depth,
      values,
      reverse,
      limit,
      cursor,
      signal,
    }: PageOptions & { cursor?: string | undefined } = {},
  ): Promise<ListPage> {
    const query = queryOf({ recursive, depth, values, reverse, limit, cursor });
    return this.#get(`/kv/${encodePrefix(prefix)}${query}`, { signal }, (parsed) => {
      const fields = fieldsOf(parsed);
      const entries = listOf(fields, fields['keys'] === undefined ? 'children' : 'keys', listedOf);
      return { entries, next: fields['next'] === null ? undefined : text(fields, 'next') };
    });
  }

  /** How many keys stand below a prefix, at any depth. */
  async count(prefix: string, { signal }: CallOptions = {}): Promise<number> {
    const target = `/kv/${encodePrefix(prefix)}?count`;
    return this.#get(target, { signal, isLong: true }, (parsed) => number(fieldsOf(parsed), 'count'));
  }

  /**
   * Carries out many operations with few requests, and gives their results in the same order, while more are sent. An
   * operation that fails has the code in its result. The operations are taken as the node takes them, and the results are
   * to be read as they come. A batch is no transaction, and is not sent again when its connection breaks: then it throws,
   * and each operation that has no result may have been carried out.
   */
  batch(
    operations: Iterable<Operation> | AsyncIterable<Operation>,
    { signal }: CallOptions = {},
  ): AsyncGenerator<BatchResult, void, undefined> {
    const options = { requester: this.#requester, operations, signal };
    return this.#streamsBatches ? streamBatch(options) : sendBatches(options);
  }

  /**
   * What happens to a key, below a prefix (with a slash at its end), or everywhere (`''`), from now on or behind the event
   * `after`. It goes on over broken connections and restarts, at the same node and, when that one is gone for longer, at
   * another one, which can't say what was missed: then comes a `reset`.
   */
  watch(target: string, { after, signal }: WatchOptions = {}): Watch {
    const encoded = target === '' || target.endsWith('/') ? encodePrefix(target) : encodePath(target);
    return new KeyWatch({
      requester: this.#requester,
      target: `/kv/${encoded}?watch`,
      after,
      silenceMs: this.#silenceMs,
      signal,
    });
  }

  /** The versions of a key that its node keeps, newest first. */
  async revisions(path: string, { signal }: CallOptions = {}): Promise<Revision[]> {
    return this.#get(`/kv/${encodePath(path)}?revisions`, { signal }, (parsed) =>
      listOf(fieldsOf(parsed), 'revisions', revisionOf),
    );
  }

  /** Writes the value of an earlier version anew. It is not tried again when it may have been done. */
  async restore(path: string, uuid: string, { ifMatch, signal }: ConditionOptions = {}): Promise<Written> {
    const call: Call = {
      method: 'POST',
      target: `/kv/${encodePath(path)}${queryOf({ restore: uuid })}`,
      headers: conditionOf({ ifMatch }),
      repeatable: 'never',
      isPinned: ifMatch !== undefined,
      signal,
    };
    return this.#requester.call(call, (answer) => writtenOf(jsonOf(answer), answer.status));
  }

  async members({ signal }: CallOptions = {}): Promise<Member[]> {
    return this.#get('/members/', { signal }, (parsed) => listOf({ members: parsed }, 'members', memberOf));
  }

  async health({ signal }: CallOptions = {}): Promise<Health> {
    return this.#get('/health', { signal }, healthOf);
  }

  /** Drops a member that is gone for good. It is not tried again when it may have been done. */
  async forget(id: string, { signal }: CallOptions = {}): Promise<void> {
    const call: Call = {
      method: 'POST',
      target: '/members/forget',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ id }),
      repeatable: 'never',
      signal,
    };
    await this.#requester.call(call, () => undefined);
  }

  async #read<T>(
    path: string,
    { revision, consistency, signal }: ReadOptions,
    read: (meta: EntryMeta, answer: Answer) => T,
  ): Promise<T | undefined> {
    const target = `/kv/${encodePath(path)}${queryOf({ revision, consistency })}`;
    const call = { method: 'GET', target, repeatable: 'anywhere', signal } as const;
    return orUndefined(this.#requester.call(call, (answer) => read(metaOf(path, answer), answer)));
  }

  #get<T>(
    target: string,
    { signal, isLong = false }: CallOptions & { isLong?: boolean },
    read: (parsed: unknown) => T,
  ): Promise<T> {
    const headers = { Accept: 'application/json' };
    const call = { method: 'GET', target, headers, repeatable: 'anywhere', isLong, signal } as const;
    return this.#requester.call(call, (answer) => read(jsonOf(answer)));
  }

  #put(
    path: string,
    body: string | Uint8Array,
    contentType: string,
    { ifMatch, ifNoneMatch, ttlSeconds, signal }: WriteOptions,
  ): Promise<Written> {
    const call: Call = {
      method: 'PUT',
      target: `/kv/${encodePath(path)}${queryOf({ ttl: ttlOf(ttlSeconds) })}`,
      headers: {
        'Content-Type': contentType,
        ...conditionOf({ ifMatch, ifNoneMatch }),
        ...(this.#requester.retries > 0 && { 'Idempotency-Key': randomKey() }),
      },
      body: typeof body === 'string' ? encoder.encode(body) : body,
      repeatable: 'same',
      isPinned: ifMatch !== undefined || ifNoneMatch !== undefined,
      signal,
    };
    return this.#requester.call(call, (answer) => writtenOf(jsonOf(answer), answer.status));
  }
}

const absentCodes = new Set(['KVS_KEY_NOT_FOUND', 'KVS_REVISION_NOT_FOUND']);

async function orUndefined<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof KvsClientError && absentCodes.has(error.code)) return undefined;
    throw error;
  }
}

/** A query with its question mark; what is undefined or false is not in it. */
function queryOf(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== false) query.set(name, String(value));
  }
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** `*`, or a version by its uuid. */
function tagOf(condition: string): string {
  return condition === '*' ? '*' : `"${condition}"`;
}

function conditionOf({
  ifMatch,
  ifNoneMatch,
}: Pick<WriteOptions, 'ifMatch' | 'ifNoneMatch'>): Record<string, string> {
  return {
    ...(ifMatch !== undefined && { 'If-Match': tagOf(ifMatch) }),
    ...(ifNoneMatch !== undefined && { 'If-None-Match': tagOf(ifNoneMatch) }),
  };
}

/** 128 random bits. Not `randomUUID`: browsers have that on secure pages only. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Whether `fetch` sends a body while it reads the answer: under Node, Deno and Bun, and not in a browser. */
function canStream(): boolean {
  const { process, document } = globalThis as {
    readonly process?: { readonly versions?: { readonly node?: string } };
    readonly document?: unknown;
  };
  return document === undefined && process?.versions?.node !== undefined;
}
