import { KvsError } from '../../core/errors.ts';
import type { KeyPath } from '../../core/key-path.ts';
import type { Revision } from '../../core/ports.ts';
import type { Version } from '../../core/version.ts';
import { send } from '../answer.ts';
import { onlyValues, wantsQuorum } from '../consistency.ts';
import { conditionOf } from '../conditions.ts';
import type { HttpDeps, KvsContext } from '../context.ts';
import { flag, uuidIn } from '../query.ts';
import { sendVersion, sendWritten } from './kv-answer.ts';
import { keyPathOf } from './kv-path.ts';
import { instantAfter, ttlMsOf } from '../ttl.ts';
import { assertTakesWrites } from '../writable.ts';

/** `/kv/{path}?revisions`, `?revision=UUID` and `?restore=UUID`: the versions of a key that this node still has. */
export class KvRevisions {
  readonly #deps: Pick<HttpDeps, 'store' | 'storeView' | 'status' | 'clock'>;

  constructor(deps: Pick<HttpDeps, 'store' | 'storeView' | 'status' | 'clock'>) {
    this.#deps = deps;
  }

  /** Answers a GET that asks for revisions; undefined for one that asks for something else. */
  get(c: KvsContext, query: URLSearchParams): Promise<Response> | undefined {
    const uuid = uuidIn(query, 'revision');
    if (uuid !== undefined) return this.#value(c, uuid);
    return flag(query, 'revisions') ? this.#list(c) : undefined;
  }

  /** Answers a POST that asks to restore a revision; undefined for one that asks for something else. */
  post(c: KvsContext, query: URLSearchParams): Promise<Response> | undefined {
    const uuid = uuidIn(query, 'restore');
    if (uuid !== undefined && wantsQuorum(query)) throw onlyValues();
    return uuid === undefined ? undefined : this.#restore(c, uuid);
  }

  async #list(c: KvsContext): Promise<Response> {
    const path = keyPathOf(c);
    const revisions = await this.#deps.storeView.revisions(path);
    if (revisions.length === 0) throw new KvsError('KVS_KEY_NOT_FOUND', 'There is no such key');
    const body = JSON.stringify({ path, revisions: revisions.map(memberOf) });
    const headers = { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) };
    return send(c, { status: 200, headers, body });
  }

  async #value(c: KvsContext, uuid: string): Promise<Response> {
    return sendVersion(c, await this.#find(keyPathOf(c), uuid), this.#deps.clock.now());
  }

  /**
   * The value is written anew, as any client could have done. Unless the request says how long it is to live, its time
   * to live goes on, if it is not over.
   */
  async #restore(c: KvsContext, uuid: string): Promise<Response> {
    const { store, status, clock } = this.#deps;
    assertTakesWrites(status);
    const path = keyPathOf(c);
    const condition = conditionOf(c);
    const ttlMs = ttlMsOf(c);
    const { contentType, data, encoding, expiresAt: endsAt } = await this.#find(path, uuid);
    const now = clock.now();
    const goesOnUntil = endsAt !== undefined && endsAt > now ? endsAt : undefined;
    const expiresAt = instantAfter(ttlMs, now) ?? goesOnUntil;
    const request = { kind: 'put', path, contentType, data, encoding, expiresAt, condition } as const;
    const [result] = await store.write([request]);
    return sendWritten(c, result);
  }

  /** @throws KvsError KVS_REVISION_NOT_FOUND unless it is there and has a value */
  async #find(path: KeyPath, uuid: string): Promise<Version> {
    const version = await this.#deps.storeView.revision(path, uuid);
    if (version === undefined) {
      throw new KvsError('KVS_REVISION_NOT_FOUND', 'The key has no such revision on this node, or no longer');
    }
    if (!version.deleted) return version;
    throw new KvsError('KVS_REVISION_NOT_FOUND', 'This revision is a deletion: it has no value');
  }
}

/** Whether a read asks for revisions. */
export function isOfRevisions(query: URLSearchParams): boolean {
  return query.has('revision') || flag(query, 'revisions');
}

function memberOf(
  { uuid, timestamp, contentType, bytes, deleted, origin, expiresAt }: Revision,
  index: number,
): object {
  return {
    uuid,
    timestamp,
    content_type: contentType,
    bytes,
    deleted,
    current: index === 0,
    origin,
    expires_at: expiresAt,
  };
}
