import { lookup } from 'node:dns/promises';
import { hostInUrl } from './host-in-url.ts';

/** After this time a name counts as unknown, ms. Where no name server answers, the system takes far longer. */
const lookupDeadlineMs = 5_000;

type Found = readonly { readonly address: string }[];

export interface SeedResolverOptions {
  readonly lookup?: (host: string) => Promise<Found>;
  readonly deadlineMs?: number;
}

/**
 * Finds the addresses that seeds stand for: a name may have several. A name is looked up once at a time, and whoever
 * asks meanwhile shares that: a lookup can't be given up, and where it hangs others must not queue up behind it.
 */
export class SeedResolver {
  readonly #lookup: (host: string) => Promise<Found>;
  readonly #deadlineMs: number;
  readonly #underWay = new Map<string, Promise<Found>>();

  constructor({
    lookup: look = (host) => lookup(host, { all: true }),
    deadlineMs = lookupDeadlineMs,
  }: SeedResolverOptions = {}) {
    this.#lookup = look;
    this.#deadlineMs = deadlineMs;
  }

  /**
   * The addresses of a seed, each `host:port`.
   *
   * @throws the error of the system when the name is unknown, or an error when it does not tell in time
   */
  async resolve(seed: string): Promise<readonly string[]> {
    const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(seed) ?? [];
    if (host === undefined || port === undefined) return [];
    const found = await this.#inTime(host, this.#find(host));
    return found.map(({ address }) => `${hostInUrl(address)}:${port}`);
  }

  #find(host: string): Promise<Found> {
    const underWay = this.#underWay.get(host);
    if (underWay !== undefined) return underWay;
    const finding = this.#lookup(host).finally(() => this.#underWay.delete(host));
    this.#underWay.set(host, finding);
    return finding;
  }

  async #inTime(host: string, finding: Promise<Found>): Promise<Found> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new Error(`${host} was not found within ${this.#deadlineMs} ms`);
      timer = setTimeout(() => reject(error), this.#deadlineMs);
    });
    try {
      return await Promise.race([finding, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
