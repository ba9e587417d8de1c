import { KvsError } from '../../core/errors.ts';
import { parseEncodedPath, type KeyPath } from '../../core/key-path.ts';
import { limits } from '../../core/limits.ts';
import { send, sendStream } from '../answer.ts';
import { header, type HttpDeps, type KvsContext } from '../context.ts';
import type { KvList } from './kv-list.ts';
import { prefixIn, type Prefix } from './kv-path.ts';

const jsonHeaders = { 'Content-Type': 'application/json' };

/** unstorage takes a colon and a backslash for slashes, and all from a question mark on for no part of a key. */
const hasNoName = /[:\\?]/;

/** True for the path of a request that names what is below a base in unstorage's way: `/kv/app/:`, `/kv/app/users/:`. */
export function isUnstorageList(path: string): boolean {
  return path.endsWith('/:');
}

/** `/kv/{base}/:`: the keys below a base, as unstorage's driver `http` asks for them, or clears them. */
export class UnstorageList {
  readonly #deps: HttpDeps;
  readonly #list: KvList;

  constructor(deps: HttpDeps, list: KvList) {
    this.#deps = deps;
    this.#list = list;
  }

  /** A JSON array of all keys, relative to the base of the driver; it is read as fast as the client takes it. */
  async get(c: KvsContext): Promise<Response> {
    const prefix = prefixOf(c);
    const { length } = baseOf(c, prefix);
    if (c.req.method === 'HEAD') return send(c, { status: 200, headers: jsonHeaders, body: null });
    const onBroken = (error: unknown) => this.#deps.logger.warn('A list broke off', { error });
    const answer = { status: 200, headers: jsonHeaders };
    return this.#list.admit(() => sendStream(c, answer, this.#keys(prefix, length), onBroken));
  }

  /** Deletes all that is below a base, also what has no name in unstorage. */
  delete(c: KvsContext): Promise<Response> {
    return this.#list.deleteBelow(c, prefixOf(c));
  }

  /** `baseLength`: of each path, the characters of the base, and the slash behind it. */
  async *#keys({ path: below }: Prefix, baseLength: number): AsyncGenerator<string, void, undefined> {
    let after: KeyPath | undefined;
    let before = '[';
    for (let isLast = false; !isLast;) {
      const page = await this.#deps.storeView.list(below, { entriesMax: limits.pageItemsMax, after });
      const keys = page.entries
        .map(({ path }) => path.slice(baseLength))
        .filter((key) => !hasNoName.test(key))
        .map((key) => JSON.stringify(key.replaceAll('/', ':')));
      after = page.entries.at(-1)?.path;
      isLast = !page.hasMore;
      const end = isLast ? ']' : '';
      if (keys.length > 0) {
        yield `${before}${keys.join(',')}${end}`;
        before = ',';
      } else if (isLast) {
        yield before === '[' ? '[]' : ']';
      }
    }
  }
}

function prefixOf(c: KvsContext): Prefix {
  return prefixIn(c.req.path.slice(0, -1));
}

/**
 * The base of the driver that asks, with a slash at its end where it is not empty. The driver asks for `{base}/{part}/:`
 * and does not say where the base ends: behind the first segment, unless the header `KVS-Base` says otherwise.
 *
 * @throws KvsError KVS_BAD_REQUEST when the header is no path, or the request does not begin with it
 */
function baseOf(c: KvsContext, { text }: Prefix): string {
  const named = header(c, 'kvs-base');
  if (named === undefined) return text.slice(0, text.indexOf('/') + 1);
  const base = parseBase(named);
  if (text.startsWith(base)) return base;
  throw new KvsError('KVS_BAD_REQUEST', 'KVS-Base is not what the path of the request begins with');
}

function parseBase(named: string): string {
  const encoded = named.replace(/^\//, '').replace(/\/$/, '');
  if (encoded === '') return '';
  try {
    return `${parseEncodedPath(encoded)}/`;
  } catch (cause) {
    throw new KvsError('KVS_BAD_REQUEST', 'KVS-Base is no path', { cause });
  }
}
