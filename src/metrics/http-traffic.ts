import type { AnsweredRequest } from '../http/server.ts';
import { Histogram, requestSecondsBounds } from './histogram.ts';

interface Answered {
  readonly latency: Histogram;
  /** By status. */
  readonly counts: Map<number, number>;
}

/** The methods that routes know; clients may send whatever Node can parse. */
const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS']);

/** The requests that were answered, by route, method and status. */
export class HttpTraffic {
  readonly #routes = new Map<string, Map<string, Answered>>();

  /** What is counted here stays for the life of the process: of methods and routes there are few. */
  note({ route, method, status, seconds }: AnsweredRequest): void {
    const answered = this.#answered(route, methods.has(method) ? method : 'other');
    answered.latency.observe(seconds);
    answered.counts.set(status, (answered.counts.get(status) ?? 0) + 1);
  }

  *requests(): Generator<{ readonly labels: Record<string, string>; readonly value: number }> {
    for (const { route, method, counts } of this.#all()) {
      for (const [status, value] of counts)
        yield { labels: { route, method, status: String(status) }, value };
    }
  }

  *latencies(): Generator<{ readonly labels: Record<string, string>; readonly histogram: Histogram }> {
    for (const { route, method, latency } of this.#all()) {
      yield { labels: { route, method }, histogram: latency };
    }
  }

  #answered(route: string, method: string): Answered {
    let ofRoute = this.#routes.get(route);
    if (ofRoute === undefined) this.#routes.set(route, (ofRoute = new Map()));
    let answered = ofRoute.get(method);
    if (answered === undefined) {
      answered = { latency: new Histogram(requestSecondsBounds), counts: new Map() };
      ofRoute.set(method, answered);
    }
    return answered;
  }

  *#all(): Generator<Answered & { readonly route: string; readonly method: string }> {
    for (const [route, ofRoute] of this.#routes) {
      for (const [method, answered] of ofRoute) yield { route, method, ...answered };
    }
  }
}
