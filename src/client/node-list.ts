/** After this time away from the first URL, it is asked whether it is there again, ms. */
const awayMs = 60_000;

/**
 * Which node is asked. The first is the first choice; after a failure it is the one that answered instead, until that
 * one fails, or the first is back.
 */
export class NodeList {
  readonly urls: readonly string[];
  #preferred = 0;
  #lookedAtMs = 0;

  /** @throws TypeError for what is no URL of a node */
  constructor(urls: string | readonly string[]) {
    const list = typeof urls === 'string' ? [urls] : urls;
    this.urls = [...new Set(list.map(normalized))];
    if (this.urls.length === 0) throw new TypeError('A client needs the URL of a node');
  }

  get preferred(): number {
    return this.#preferred;
  }

  at(index: number): string {
    return this.urls[index % this.urls.length] ?? '';
  }

  /** From now on this one is asked first. */
  prefer(index: number, nowMs: number): void {
    if (index !== this.#preferred) this.#lookedAtMs = nowMs;
    this.#preferred = index;
  }

  /** The first one, when it is time to see whether it is back; undefined otherwise. */
  toLookAt(nowMs: number): string | undefined {
    if (this.#preferred === 0 || nowMs - this.#lookedAtMs < awayMs) return undefined;
    this.#lookedAtMs = nowMs;
    return this.at(0);
  }
}

function normalized(text: string): string {
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError(`${text} is no URL of http or https`);
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('A URL has no user and no password: the option headers takes an Authorization');
  }
  if (url.search !== '' || url.hash !== '') throw new TypeError(`${text} has a query or a fragment`);
  return url.href.replace(/\/+$/, '');
}
