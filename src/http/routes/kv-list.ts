import { KvsError } from '../../core/errors.ts';
import { parsePath, type KeyPath } from '../../core/key-path.ts';
import { limits } from '../../core/limits.ts';
import type { ListedKey, ListOptions } from '../../core/ports.ts';
import { send, sendStream } from '../answer.ts';
import { header, type HttpDeps, type KvsContext } from '../context.ts';
import { cursorAfter, pathOfCursor } from '../cursor.ts';
import { valueMember } from '../json-value.ts';
import { plainValue } from '../plain-value.ts';
import { flag, integer, queryOf } from '../query.ts';
import { isGone, unhurried } from '../unhurried.ts';
import { assertTakesWrites } from '../writable.ts';
import { prefixOf, type Prefix } from './kv-path.ts';

const defaultLimit = 100;

/** What a client wants of a list. */
type Wanted = Pick<ListOptions, 'depth' | 'isReverse' | 'withValues' | 'after'> & {
  /** Undefined: it didn't say. */
  readonly limit: number | undefined;
};

/** `/kv/{prefix}/`: what stands below a path. */
export class KvList {
  readonly #deps: HttpDeps;
  #open = 0;

  constructor(deps: HttpDeps) {
    this.#deps = deps;
  }

  async get(c: KvsContext): Promise<Response> {
    const prefix = prefixOf(c);
    const query = queryOf(c) ?? new URLSearchParams();
    if (flag(query, 'count')) return this.admit(() => this.#count(c, prefix));
    const isStream = /\bapplication\/x-ndjson\b/i.test(header(c, 'accept') ?? '');
    const wanted = wantedOf(query, prefix, isStream);
    return this.admit(() => (isStream ? this.#stream(c, prefix, wanted) : this.#page(c, prefix, wanted)));
  }

  /** Deletes the live keys below a prefix, a batch at a time, while the client is there and the node takes writes. */
  async delete(c: KvsContext): Promise<Response> {
    assertTakesWrites(this.#deps.status);
    const prefix = prefixOf(c);
    if (!flag(queryOf(c) ?? new URLSearchParams(), 'recursive')) {
      throw new KvsError(
        'KVS_BAD_PATH',
        'Bad key path: with ?recursive everything below a prefix is deleted',
      );
    }
    return this.deleteBelow(c, prefix);
  }

  /** The same, whether or not the request is one for a recursive delete. */
  deleteBelow(c: KvsContext, prefix: Prefix): Promise<Response> {
    return this.admit(async () => {
      const deleted = await unhurried(c, () => this.#deleteBelow(prefix, () => !isGone(c)));
      return sendJson(c, `{"deleted":${deleted}}`);
    });
  }

  /**
   * Answers a list when there is room for one more: each that is under way holds a page.
   *
   * @throws KvsError KVS_OVERLOADED
   */
  async admit<T>(answer: () => Promise<T>): Promise<T> {
    if (this.#open >= limits.listsMax) {
      throw new KvsError('KVS_OVERLOADED', `${limits.listsMax} lists are being answered already`);
    }
    this.#open++;
    try {
      return await answer();
    } finally {
      this.#open--;
    }
  }

  async #page(c: KvsContext, { path, text }: Prefix, wanted: Wanted): Promise<Response> {
    const { entries, hasMore } = await this.#deps.storeView.list(path, {
      ...wanted,
      entriesMax: wanted.limit ?? defaultLimit,
      bytesMax: wanted.withValues === true ? limits.pageBytesMax : undefined,
    });
    const last = entries.at(-1);
    const next = hasMore && last !== undefined ? `"${cursorAfter(last.path)}"` : 'null';
    const name = wanted.depth === undefined ? 'keys' : 'children';
    const listed = (await textsOf(entries, wanted)).join(',');
    return sendJson(c, `{"prefix":${JSON.stringify(text)},"${name}":[${listed}],"next":${next}}`);
  }

  async #count(c: KvsContext, { path, text }: Prefix): Promise<Response> {
    const count = await unhurried(c, () => this.#deps.storeView.count(path, () => !isGone(c)));
    return sendJson(c, `{"prefix":${JSON.stringify(text)},"count":${count}}`);
  }

  async #stream(c: KvsContext, { path }: Prefix, wanted: Wanted): Promise<Response> {
    const headers = { 'Content-Type': 'application/x-ndjson', Vary: 'Accept' };
    if (c.req.method === 'HEAD') return send(c, { status: 200, headers, body: null });
    const onBroken = (error: unknown) => this.#deps.logger.warn('A list broke off', { error });
    return sendStream(c, { status: 200, headers }, this.#lines(path, wanted), onBroken);
  }

  /** Page after page, read when the one before was taken. */
  async *#lines(below: KeyPath | undefined, wanted: Wanted): AsyncGenerator<string, void, undefined> {
    let left = wanted.limit ?? Infinity;
    let after = wanted.after;
    while (left > 0) {
      const { entries, hasMore } = await this.#deps.storeView.list(below, {
        ...wanted,
        after,
        entriesMax: Math.min(left, limits.pageItemsMax),
        bytesMax: wanted.withValues === true ? limits.pageBytesMax : undefined,
      });
      left -= entries.length;
      after = entries.at(-1)?.path;
      if (entries.length > 0) yield `${(await textsOf(entries, wanted)).join('\n')}\n`;
      if (!hasMore) return;
    }
  }

  async #deleteBelow({ path: below }: Prefix, isWanted: () => boolean): Promise<number> {
    let deleted = 0;
    let after: KeyPath | undefined;
    for (;;) {
      const options = { entriesMax: limits.pageItemsMax, after };
      const { entries, hasMore } = await this.#deps.storeView.list(below, options);
      assertTakesWrites(this.#deps.status);
      const requests = entries.map(({ path }) => ({ kind: 'delete', path }) as const);
      const results = requests.length === 0 ? [] : await this.#deps.store.write(requests);
      deleted += results.filter(({ outcome }) => outcome === 'deleted').length;
      after = entries.at(-1)?.path;
      if (!hasMore || !isWanted()) return deleted;
    }
  }
}

/** @throws KvsError KVS_BAD_REQUEST */
function wantedOf(query: URLSearchParams, prefix: Prefix, isStream: boolean): Wanted {
  const isRecursive = flag(query, 'recursive');
  // No path has more levels than bytes.
  const depth = integer(query, 'depth', { min: 1, max: limits.pathBytesMax });
  if (isRecursive && depth !== undefined) {
    throw new KvsError('KVS_BAD_REQUEST', 'recursive lists all levels; it does not go with depth');
  }
  return {
    depth: isRecursive ? undefined : (depth ?? 1),
    limit: integer(query, 'limit', {
      min: 1,
      max: isStream ? Number.MAX_SAFE_INTEGER : limits.listedKeysMax,
    }),
    after: afterOf(query, prefix.text),
    isReverse: flag(query, 'reverse'),
    withValues: flag(query, 'values'),
  };
}

/**
 * The path behind which a list begins: of a cursor, or any one below the prefix, whether it is there or not.
 *
 * @throws KvsError KVS_BAD_REQUEST
 */
function afterOf(query: URLSearchParams, prefix: string): KeyPath | undefined {
  const cursor = query.get('cursor');
  const after = query.get('after');
  if (after === null) return cursor === null ? undefined : pathOfCursor(cursor, prefix);
  if (cursor !== null)
    throw new KvsError('KVS_BAD_REQUEST', 'A list goes on from a cursor or begins after a path, not both');
  if (after.startsWith(prefix)) return parsePath(after);
  throw new KvsError('KVS_BAD_REQUEST', 'after is not the path of anything below the prefix');
}

/** Each entry as a JSON object, on one line. */
async function textsOf(entries: readonly ListedKey[], wanted: Wanted): Promise<string[]> {
  const texts: string[] = [];
  for (const entry of entries) {
    const text = textOf(entry, wanted);
    const { version } = entry;
    if (version === undefined || wanted.withValues !== true) {
      texts.push(text);
      continue;
    }
    const value = plainValue(version);
    const member = valueMember(version.contentType, value instanceof Promise ? await value : value);
    texts.push(`${text.slice(0, -1)},${member}}`);
  }
  return texts;
}

function textOf({ path, version, bytes, hasChildren }: ListedKey, { depth }: Wanted): string {
  return JSON.stringify({
    ...(depth === undefined
      ? { path }
      : { name: path.slice(path.lastIndexOf('/') + 1), path, has_children: hasChildren }),
    ...(version !== undefined && {
      uuid: version.uuid,
      timestamp: version.timestamp,
      content_type: version.contentType,
      bytes,
      expires_at: version.expiresAt,
    }),
  });
}

function sendJson(c: KvsContext, body: string): Response {
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    Vary: 'Accept',
  };
  return send(c, { status: 200, headers, body });
}
