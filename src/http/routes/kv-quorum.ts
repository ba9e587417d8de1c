import { KvsError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Version } from '../../core/version.ts';
import { onlyValues } from '../consistency.ts';
import type { HttpDeps, KvsContext } from '../context.ts';
import { seconds } from '../query.ts';
import { isGone, unhurried } from '../unhurried.ts';
import { isPrefix, keyPathOf } from './kv-path.ts';
import { isOfRevisions } from './kv-revisions.ts';
import { isWatch } from './kv-watch.ts';

const defaultTimeoutSeconds = 5;

/** `GET /kv/{path}?consistency=quorum`: what a majority of the members vouches for. */
export class KvQuorum {
  readonly #deps: Pick<HttpDeps, 'quorum' | 'closing'>;
  readonly #open = new Set<AbortController>();

  constructor(deps: Pick<HttpDeps, 'quorum' | 'closing'>) {
    this.#deps = deps;
    deps.closing.addEventListener('abort', () => this.#open.forEach((open) => open.abort()), { once: true });
  }

  /**
   * Settles with the version; with 'gone' when there is nobody any more to be answered.
   *
   * @throws KvsError KVS_BAD_PATH, KVS_BAD_REQUEST, KVS_NO_QUORUM, KVS_OVERLOADED, KVS_NOT_READY when the node stops
   */
  async read(c: KvsContext, query: URLSearchParams): Promise<Version | undefined | 'gone'> {
    if (isPrefix(c.req.path) || isWatch(query) || isOfRevisions(query)) throw onlyValues();
    const path = keyPathOf(c);
    const timeout = seconds(query, 'timeout', limits.quorumTimeoutSecondsMax) ?? defaultTimeoutSeconds;
    const timeoutMs = Math.round(1_000 * timeout);
    const { quorum, closing } = this.#deps;
    try {
      return await this.#whileWanted(c, (signal) =>
        unhurried(c, () => quorum.read(path, { timeoutMs, signal })),
      );
    } catch (error) {
      if (isGone(c)) return 'gone';
      if (closing.aborted) throw new KvsError('KVS_NOT_READY', 'The node is stopping', { cause: error });
      throw error;
    }
  }

  /** Until the client goes away, or the node stops. */
  async #whileWanted<T>(c: KvsContext, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { outgoing } = c.env ?? {};
    const open = new AbortController();
    const abort = (): void => open.abort();
    outgoing?.once('close', abort);
    this.#open.add(open);
    try {
      return await work(open.signal);
    } finally {
      this.#open.delete(open);
      outgoing?.off('close', abort);
    }
  }
}
